"""The optimisers of the train words: torch's own where it has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from archdsl.train.optim.lion import Lion
from archdsl.train.optim.muon import Muon
from archdsl.train.optim.parts import biases_of, hidden, weights_of
from archdsl.words.train import values
from archdsl.words.train.values import Adam, BiasRate, Optimizer, RmsProp, Sgd

# An optimiser, and the base rate of each of its groups.
Optimizers = list[tuple[torch.optim.Optimizer, list[float]]]


@dataclass(frozen=True, eq=False)
class _Grouping:
    """Parameters in groups of one rate each: biases may have a rate of their own."""

    scaled: frozenset[int]  # the ids of those biases
    scale: float
    held: bool  # rates are tensors

    def of(self, wanted: list[Parameter], lr: float) -> tuple[list[dict[str, Any]], list[float]]:
        """The groups for an optimiser, and their base rates."""
        usual = [p for p in wanted if id(p) not in self.scaled]
        quick = [p for p in wanted if id(p) in self.scaled]
        parts = [(p, rate) for p, rate in ((usual, lr), (quick, lr * self.scale)) if p]
        return [{"params": p, "lr": self.rate(p[0], rate)} for p, rate in parts], [rate for _, rate in parts]

    def rate(self, beside: Tensor, lr: float) -> float | Tensor:
        """A rate as the optimiser takes it."""
        return torch.tensor(lr, device=beside.device) if self.held else lr


def make_optimizers(
    model: nn.Module, chosen: Optimizer, held: bool = False, biases: BiasRate | None = None
) -> Optimizers:
    """The optimisers over all parameters that want a gradient, each with the base rates of its groups. Muon brings a
    second one for the parameters that it leaves.

    One call for all tensors (foreach, fused) instead of torch's loop over them on the CPU: the same arithmetic, and a
    step of Adam over 42 tensors takes 2 ms instead of 29 on two busy cores. On a GPU all that torch fuses is fused.
    That is sound here as nothing trains in fp16: a GradScaler, which fused SGD must not meet, is nowhere used.
    ``held`` keeps learning rates and counters on the device, so that a step can be captured in a CUDA graph.
    """
    wanted = [p for p in model.parameters() if p.requires_grad]
    if not wanted:
        return []
    scaled = biases_of(model, biases.norms) if biases is not None else []
    grouping = _Grouping(frozenset(map(id, scaled)), biases.scale if biases is not None else 1.0, held)
    capture = held and wanted[0].device.type == "cuda"  # the only device on which torch's optimisers allow it
    wide = foreach(wanted[0].device)
    match chosen:
        case Sgd(lr, momentum, nesterov):
            groups, bases = grouping.of(wanted, lr)
            # torch's foreach form asks the host for a rate that is a tensor; the fused one does not.
            form: dict[str, Any] = {"fused": True} if held or _fuses(wanted[0].device) else {"foreach": wide}
            return [(torch.optim.SGD(groups, momentum=momentum, nesterov=nesterov, **form), bases)]
        case Adam(lr, beta1, beta2, eps):
            return [_adam(grouping.of(wanted, lr), (beta1, beta2), eps, capture)]
        case RmsProp(lr, decay, momentum, eps):
            groups, bases = grouping.of(wanted, lr)
            made = torch.optim.RMSprop(groups, alpha=decay, momentum=momentum, eps=eps, foreach=wide,
                                       capturable=capture)  # fmt: skip
            return [(made, bases)]
        case values.Lion(lr, beta1, beta2):
            groups, bases = grouping.of(wanted, lr)
            return [(Lion(groups, lr, (beta1, beta2)), bases)]
        case values.Muon(lr, momentum, rest):
            own = hidden(weights_of(model))
            taken = {id(w.value) for w in own}
            others = [p for p in wanted if id(p) not in taken]
            found: Optimizers = [(Muon(own, grouping.rate(own[0].value, lr), momentum), [lr])] if own else []
            return found + ([_adam(grouping.of(others, rest), (0.9, 0.999), 1e-8, capture)] if others else [])


def _adam(
    grouped: tuple[list[dict[str, Any]], list[float]], betas: tuple[float, float], eps: float, capture: bool
) -> tuple[torch.optim.Optimizer, list[float]]:
    groups, bases = grouped
    return torch.optim.Adam(groups, betas=betas, eps=eps, fused=True, capturable=capture), bases


def _fuses(device: torch.device) -> bool:
    """Whether one kernel for all tensors pays: it does where a kernel's launch is dear. On the CPU fused SGD gained
    0.03 ms of a step of 16 (docs/benchmarks/README.md).
    """
    return device.type in ("cuda", "mps")


def foreach(device: torch.device) -> bool | None:
    """Whether torch has operators on lists of tensors there; where it has not, it refuses to be asked for them."""
    return True if device.type in ("cpu", "cuda") else None
