"""The optimisers of the train words: torch's own where it has them."""

from __future__ import annotations

from typing import Any, assert_never

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from archdsl.train.optim.lamb import Lamb
from archdsl.train.optim.light import light
from archdsl.train.optim.lion import Lion
from archdsl.train.optim.muon import Muon
from archdsl.train.optim.parts import hidden, weights_of
from archdsl.words.foreign import behaviour, is_foreign
from archdsl.words.train import values
from archdsl.words.train.values import Adam, Optimizer, RmsProp, Sgd

# An optimiser, and the rate of its parameters.
Optimizers = list[tuple[torch.optim.Optimizer, float]]


def make_optimizers(model: nn.Module, chosen: Optimizer, held: bool = False) -> Optimizers:
    """The optimisers over all parameters that want a gradient, each with its rate. Muon brings a second one for the
    parameters that it leaves.

    One call for all tensors (foreach, fused) instead of torch's loop over them on the CPU: the same arithmetic, and a
    step of Adam over 42 tensors takes 2 ms instead of 29 on two busy cores. On a GPU all that torch fuses is fused.
    That is sound here as nothing trains in fp16: a GradScaler, which fused SGD must not meet, is nowhere used.
    ``held`` keeps learning rates and counters on the device, so that a step can be captured in a CUDA graph.

    Raises:
        ArchError: an optimiser of another package without the method ``build``.
    """
    wanted = [p for p in model.parameters() if p.requires_grad]
    if not wanted:
        return []
    wide = foreach(wanted[0].device)
    if is_foreign(chosen):
        return [(behaviour(chosen, "build")(torch.optim, _group(wanted, chosen.lr, held)), chosen.lr)]
    match chosen:
        case Sgd(lr, momentum, nesterov):
            # torch's foreach form asks the host for a rate that is a tensor; the fused one does not.
            form: dict[str, Any] = {"fused": True} if held or _fuses(wanted[0].device) else {"foreach": wide}
            return [
                (light(torch.optim.SGD)(_group(wanted, lr, held), momentum=momentum, nesterov=nesterov, **form), lr)
            ]
        case Adam(lr, beta1, beta2, eps):
            return [_adam(wanted, lr, (beta1, beta2), eps, held)]
        case RmsProp(lr, decay, momentum, eps):
            capture = held and wanted[0].device.type == "cuda"
            made = light(torch.optim.RMSprop)(_group(wanted, lr, held), alpha=decay, momentum=momentum, eps=eps, foreach=wide,
                                       capturable=capture)  # fmt: skip
            return [(made, lr)]
        case values.Lion(lr, beta1, beta2):
            return [(light(Lion)(_group(wanted, lr, held), lr, (beta1, beta2)), lr)]
        case values.NAdam(lr, beta1, beta2, eps, rise):
            capture = held and wanted[0].device.type == "cuda"
            nadam = light(torch.optim.NAdam)(_group(wanted, lr, held), betas=(beta1, beta2), eps=eps, momentum_decay=rise,
                                      foreach=wide, capturable=capture)  # fmt: skip
            return [(nadam, lr)]
        case values.Lamb(lr, wd, beta1, beta2, eps):
            return [(light(Lamb)(_group(wanted, lr, held), lr, wd, (beta1, beta2), eps), lr)]
        case values.Muon(lr, momentum, rest):
            own = hidden(weights_of(model))
            taken = {id(w.value) for w in own}
            others = [p for p in wanted if id(p) not in taken]
            found: Optimizers = [(light(Muon)(own, _rate(own[0].value, lr, held), momentum), lr)] if own else []
            return found + ([_adam(others, rest, (0.9, 0.999), 1e-8, held)] if others else [])
        case _:
            assert_never(chosen)


def _group(wanted: list[Parameter], lr: float, held: bool) -> list[dict[str, Any]]:
    return [{"params": wanted, "lr": _rate(wanted[0], lr, held)}]


def _rate(beside: Tensor, lr: float, held: bool) -> float | Tensor:
    """A rate as the optimiser takes it."""
    return torch.tensor(lr, device=beside.device) if held else lr


def _adam(
    wanted: list[Parameter], lr: float, betas: tuple[float, float], eps: float, held: bool
) -> tuple[torch.optim.Optimizer, float]:
    capture = held and wanted[0].device.type == "cuda"  # the only device on which torch's optimisers allow it
    made = light(torch.optim.Adam)(_group(wanted, lr, held), betas=betas, eps=eps, fused=True, capturable=capture)
    return made, lr


def _fuses(device: torch.device) -> bool:
    """Whether one kernel for all tensors pays: it does where a kernel's launch is dear. On the CPU fused SGD gained
    0.03 ms of a step of 16 (docs/benchmarks/README.md).
    """
    return device.type in ("cuda", "mps")


def foreach(device: torch.device) -> bool | None:
    """Whether torch has operators on lists of tensors there; where it has not, it refuses to be asked for them."""
    return True if device.type in ("cpu", "cuda") else None
