"""One update of the weights: penalties, clipping, decay, and the optimiser's step, in this order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from archdsl.settings.experiment import TrainSettings
from archdsl.train.freezing import by_parameter
from archdsl.train.optim.clip import Gradients, last_layer
from archdsl.train.optim.groups import Factors, split
from archdsl.train.optim.make import make_optimizers
from archdsl.train.optim.parts import biases_of, weights_of
from archdsl.words.train.kinds import Penalty
from archdsl.words.train.penalties import Wd

COUNTERS = ("step", "mu_product")  # numbers of no dimension that torch's optimisers keep for each parameter


class Update:
    """``set_factor`` sets the learning rates, ``zero`` drops the gradients, ``apply`` steps. Nothing waits for the
    device.

    With ``held`` all that a schedule changes lies in tensors on the device: ``numbers`` are their values for a factor,
    and ``hold`` takes them over from there, as a captured step does.
    """

    def __init__(
        self, model: nn.Module, settings: TrainSettings, scales: Mapping[str, float] | None = None, held: bool = False
    ) -> None:
        self._settings, self.factor = settings, 1.0
        self._named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._all = list(self._named.values())
        self._wide = [p for p in self._all if p.ndim >= 2]
        self._product = [p for n, p in self._named.items() if ".parametrizations." in f".{n}"]
        self._last = last_layer(model)
        self._turned = {id(w.value): w for w in weights_of(model) if w.groups}
        chosen = settings.optimizer
        self._optimizers = make_optimizers(model, chosen, held)
        layers, word = by_parameter(model, scales or {}), settings.biaslr
        # By the id of a bias, what its rate is multiplied by beside that of its layer.
        self._biases = {id(p): word.scale for p in biases_of(model, word.norms)} if word is not None else {}
        factors = {i: Factors(layers.get(i, 1.0), self._biases.get(i, 1.0)) for i in {**layers, **self._biases}}
        self._rate = self._optimizers[0].param_groups[0]["lr"] if self._optimizers else chosen.lr
        self._bases = [base for optimizer in self._optimizers for base in split(optimizer, factors, held)]
        own = Wd(chosen.decoupled) if chosen.decoupled else None
        self._decay, self._penalties = settings.wd or own, settings.added
        self._groups = [g for optimizer in self._optimizers for g in optimizer.param_groups]
        # What a group's decay multiplies its weights by, in this step.
        self._shrinks: list[Any] = [1.0] * len(self._groups)
        self._held: list[Tensor] = []
        if held and self._groups:
            self._shrinks = [torch.ones_like(g["lr"]) for g in self._groups]
            self._held = [*(g["lr"] for g in self._groups), *self._shrinks]
        self.set_factor(1.0)

    @property
    def rate(self) -> float:
        """The learning rate of the last step, where no word slows it down."""
        return self._rate * self.factor

    def numbers(self, factor: float) -> list[float]:
        """Each group's learning rate, then what each group's decay multiplies by, at a factor of the schedule."""
        decay = self._decay.rate if self._decay is not None else 0.0
        return [*(b.step * factor for b in self._bases), *(1 - b.decay * factor * decay for b in self._bases)]

    def set_factor(self, factor: float) -> None:
        """Every learning rate becomes its own base times ``factor``."""
        self.factor, numbers = factor, self.numbers(factor)
        if self._held:
            for tensor, number in zip(self._held, numbers, strict=True):
                tensor.fill_(number)
            return
        count = len(self._groups)
        for group, rate in zip(self._groups, numbers[:count], strict=True):
            group["lr"] = rate
        self._shrinks = numbers[count:]

    def hold(self, numbers: Tensor) -> None:
        """As ``set_factor``, from ``numbers`` on the device."""
        torch._foreach_copy_(self._held, list(numbers.unbind()))

    def zero(self) -> None:
        """Drop the gradients."""
        for p in self._all:
            p.grad = None

    @torch.no_grad()
    def apply(self, closure: Callable[[], Any] | None = None) -> None:
        """Add the penalties' gradients, clip, shrink the weights, step.

        Args:
            closure: computes the gradients at the present weights again and gives the loss (0-dim), for an optimiser that
                asks for them. It sees weights that are shrunk already; penalties and clipping apply to its gradients, too.
        """
        self._penalise_and_clip()
        shrinks = iter(self._shrinks)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                self._shrink(group, next(shrinks))
            if closure is None:
                optimizer.step()
            else:
                optimizer.step(partial(self._again, closure))

    def gradient_norms(self) -> dict[str, float]:
        """The Euclidean norms of the gradients of the last step, after penalties and clipping: ``grad_norm`` of all, and
        ``grad_norm/PARAMETER`` of each; none where no step was made.
        """
        live = {name: p.grad for name, p in self._named.items() if p.grad is not None}
        if not live:
            return {}
        norms = torch.stack(torch._foreach_norm(list(live.values()))).double()
        own = {f"grad_norm/{name}": norm for name, norm in zip(live, norms.tolist(), strict=True)}
        return {"grad_norm": float(norms.norm()), **own}

    def _again(self, closure: Callable[[], Any]) -> Any:
        loss = closure()
        self._penalise_and_clip()
        return loss

    def _penalise_and_clip(self) -> None:
        self._penalise()
        if self._settings.clip is not None:
            self._settings.clip.shorten(Gradients(self._all, self._last, self._turned))

    def _shrink(self, group: dict[str, Any], by: Any) -> None:
        """Loshchilov & Hutter 2019, algorithm 2, with the schedule in the rate."""
        decay = self._decay
        if decay is None:
            return
        live = [p for p in group["params"] if p.grad is not None and (p.ndim >= 2 or not decay.weights)]
        if live:
            torch._foreach_mul_(live, by)

    def _penalise(self) -> None:
        for penalty in self._penalties:
            for live, rate in self._live(penalty):
                torch._foreach_add_(_gradients(live), self._directions(penalty, live), alpha=rate)
        if self._settings.spred and self._product:
            products: list[Any] = [p for p in self._product if p.grad is not None]
            torch._foreach_add_(_gradients(products), products, alpha=self._settings.spred)

    def _directions(self, penalty: Penalty, live: list[Any]) -> list[Any]:
        """What a penalty gives for weights with their output channels first, in the shapes of the parameters."""
        turned = [self._turned.get(id(p)) for p in live]
        values = [p if w is None else w.by_output(p) for p, w in zip(live, turned, strict=True)]
        found = penalty.direction(torch, values)
        return [d if w is None else w.restored(d) for d, w in zip(found, turned, strict=True)]

    def _live(self, penalty: Penalty) -> Iterator[tuple[list[Any], float]]:
        """The parameters that a penalty acts on, with its rate; where the learning rate of biases is scaled, what is added
        to their gradient is divided by as much.
        """
        live = [p for p in (self._wide if penalty.weights else self._all) if p.grad is not None]
        for scale in sorted({self._biases.get(id(p), 1.0) for p in live}):
            yield [p for p in live if self._biases.get(id(p), 1.0) == scale], penalty.rate / scale

    # -- to a checkpoint and back -------------------------------------------------------------------------

    def tensors(self) -> list[Tensor]:
        """Every tensor that the optimisers keep between two steps."""
        kept = [s for optimizer in self._optimizers for s in optimizer.state.values()]
        return [v for values in kept for v in values.values() if isinstance(v, Tensor)]

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by optimiser, parameter and name; and plain values."""
        tensors: dict[str, Tensor] = {}
        plain: dict[str, Any] = {}
        names = {id(p): n for n, p in self._named.items()}
        for number, optimizer in enumerate(self._optimizers):
            for p, values in optimizer.state.items():
                for key, value in values.items():
                    name = f"{number}:{names[id(p)]}:{key}"
                    if isinstance(value, Tensor):
                        tensors[name] = value
                    elif value is not None:
                        plain[name] = value
        return tensors, plain

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
        """Go on from a state."""
        for name, value in {**tensors, **plain}.items():
            number, parameter, key = name.split(":")
            p = self._named[parameter]
            optimizer = self._optimizers[int(number)]
            # Moments lie with their parameter. Counters stay on the host, unless the optimiser counts on the device.
            with_it = key not in COUNTERS or any(optimizer.defaults.get(form) for form in ("fused", "capturable"))
            here = value.to(p.device) if isinstance(value, Tensor) and with_it else value
            if isinstance(here, Tensor) and here.ndim == 4:
                here = here.contiguous(memory_format=_layout(p))
            optimizer.state[p][key] = here.clone() if isinstance(here, Tensor) else here


def _gradients(live: list[Any]) -> list[Tensor]:
    return [p.grad for p in live if p.grad is not None]


def _layout(p: Parameter) -> torch.memory_format:
    last = p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
