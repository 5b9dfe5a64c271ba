"""One update of the weights: penalties, clipping, decay, and the optimiser's step, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from archdsl.train.experiment import TrainSettings
from archdsl.train.optim.groups import scale_of, split
from archdsl.train.optim.make import make_optimizers
from archdsl.train.tuning import by_parameter
from archdsl.words.train.values import Adam, Decay


class Update:
    """``set_factor`` sets the learning rates, ``zero`` drops the gradients, ``apply`` steps. Nothing waits for the
    device.
    """

    def __init__(self, model: nn.Module, settings: TrainSettings, scales: Mapping[str, float] | None = None) -> None:
        self._settings = settings
        self._named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._all = list(self._named.values())
        self._wide = [p for p in self._all if p.ndim >= 2]
        self._product = [p for n, p in self._named.items() if ".parametrizations." in f".{n}"]
        self._optimizers = make_optimizers(model, settings.optimizer)
        factors = by_parameter(model, scales or {})
        for optimizer, _ in self._optimizers:
            split(optimizer, factors)
        chosen = settings.optimizer
        own = Decay(chosen.wd) if isinstance(chosen, Adam) and chosen.wd else None
        self._decay = settings.wd or own

    @property
    def rate(self) -> float:
        """The learning rate of the next step, where no word slows it down."""
        group = self._optimizers[0][0].param_groups[0]
        return float(group["lr"]) / scale_of(group)

    def set_factor(self, factor: float) -> None:
        """Every learning rate becomes its own base times ``factor``, and times what its layers have."""
        for optimizer, base in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = base * factor * scale_of(group)

    def zero(self) -> None:
        """Drop the gradients."""
        for p in self._all:
            p.grad = None

    @torch.no_grad()
    def apply(self) -> None:
        """Add the penalties' gradients, clip, shrink the weights, step."""
        self._penalise()
        if self._settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(self._all, self._settings.clip, foreach=True)
        for optimizer, _ in self._optimizers:
            if self._decay is not None:
                self._shrink(optimizer, self._decay)
            optimizer.step()

    def _shrink(self, optimizer: torch.optim.Optimizer, decay: Decay) -> None:
        """Loshchilov & Hutter 2019, algorithm 2, with the schedule in the rate."""
        for group in optimizer.param_groups:
            live = [p for p in group["params"] if p.grad is not None and (p.ndim >= 2 or not decay.weights)]
            if live:
                torch._foreach_mul_(live, 1 - group["lr"] * decay.rate)

    def _penalise(self) -> None:
        settings = self._settings
        live: list[Any]
        if settings.l2 is not None and (live := self._live(settings.l2)):
            torch._foreach_add_(_gradients(live), list(live), alpha=settings.l2.rate)
        if settings.l1 is not None and (live := self._live(settings.l1)):
            signs = [p.sign() for p in live]
            torch._foreach_add_(_gradients(live), signs, alpha=settings.l1.rate)
        if settings.grouplasso is not None:
            for p in self._live(settings.grouplasso):
                assert p.grad is not None
                p.grad.add_(_group_gradient(p), alpha=settings.grouplasso.rate)
        if settings.spred and self._product:
            live = [p for p in self._product if p.grad is not None]
            torch._foreach_add_(_gradients(live), list(live), alpha=settings.spred)

    def _live(self, decay: Decay) -> list[Parameter]:
        return [p for p in (self._wide if decay.weights else self._all) if p.grad is not None]

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by optimiser, parameter and name; and plain values."""
        tensors: dict[str, Tensor] = {}
        plain: dict[str, Any] = {}
        names = {id(p): n for n, p in self._named.items()}
        for number, (optimizer, _) in enumerate(self._optimizers):
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
            optimizer = self._optimizers[int(number)][0]
            # The step counters of torch's optimisers stay where they were made; moments lie with their parameter.
            here = value.to(p.device) if isinstance(value, Tensor) and key != "step" else value
            if isinstance(here, Tensor) and here.ndim == 4:
                here = here.contiguous(memory_format=_layout(p))
            optimizer.state[p][key] = here.clone() if isinstance(here, Tensor) else here


def _gradients(live: list[Parameter]) -> list[Tensor]:
    return [p.grad for p in live if p.grad is not None]


def _layout(p: Tensor) -> torch.memory_format:
    last = p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def _group_gradient(weight: Tensor) -> Tensor:
    """The gradient of Σ √n·‖w‖ over the filters, 0 where a filter is 0."""
    rows = weight.flatten(1)
    norm = rows.norm(dim=1, keepdim=True)
    return torch.where(norm > 0, rows / norm, 0.0).mul_(rows.shape[1] ** 0.5).view_as(weight)
