"""The optimisers of the train words: torch's own where it has them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from archdsl.train.optim.lamb import Lamb
from archdsl.train.optim.lion import Lion
from archdsl.train.optim.muon import Muon
from archdsl.train.optim.parts import hidden, weights_of
from archdsl.words.train import values
from archdsl.words.train.values import Adam, Optimizer, RmsProp, Sgd

Optimizers = list[tuple[torch.optim.Optimizer, float]]


def make_optimizers(model: nn.Module, chosen: Optimizer, graphed: bool = False) -> Optimizers:
    """The optimisers over all parameters that want a gradient, each with its learning rate. Muon brings a second one
    for the parameters that it leaves.

    One call for all tensors (foreach, fused) instead of torch's loop over them on the CPU: the same arithmetic, and a
    step of Adam over 42 tensors takes 2 ms instead of 29 on two busy cores. ``graphed`` keeps learning rates and
    counters on the device, so that a step can be captured in a CUDA graph.
    """
    wanted = [p for p in model.parameters() if p.requires_grad]
    if not wanted:
        return []
    capture = graphed and wanted[0].device.type == "cuda"  # the only device on which torch's optimisers allow it

    def rate(lr: float) -> float | Tensor:
        return torch.tensor(lr, device=wanted[0].device) if graphed else lr

    match chosen:
        case Sgd(lr, momentum, nesterov):
            # torch's foreach form asks the host for a rate that is a tensor; the fused one does not.
            form: dict[str, Any] = {"fused": True} if graphed else {"foreach": True}
            return [(torch.optim.SGD(wanted, lr=rate(lr), momentum=momentum, nesterov=nesterov, **form), lr)]
        case Adam(lr, beta1, beta2, eps):
            return [(_adam(wanted, rate(lr), (beta1, beta2), eps, capture), lr)]
        case RmsProp(lr, decay, momentum, eps):
            made = torch.optim.RMSprop(wanted, lr=rate(lr), alpha=decay, momentum=momentum, eps=eps, foreach=True,
                                       capturable=capture)  # fmt: skip
            return [(made, lr)]
        case values.Lion(lr, beta1, beta2):
            return [(Lion(wanted, rate(lr), (beta1, beta2)), lr)]
        case values.NAdam(lr, beta1, beta2, eps, rise):
            made_ = torch.optim.NAdam(wanted, lr=rate(lr), betas=(beta1, beta2), eps=eps, momentum_decay=rise,
                                      foreach=True, capturable=capture)  # fmt: skip
            return [(made_, lr)]
        case values.Lamb(lr, wd, beta1, beta2, eps):
            return [(Lamb(wanted, rate(lr), wd, (beta1, beta2), eps), lr)]
        case values.Muon(lr, momentum, rest):
            own = hidden(weights_of(model))
            taken = {id(w.value) for w in own}
            others = [p for p in wanted if id(p) not in taken]
            found: Optimizers = [(Muon(own, rate(lr), momentum), lr)] if own else []
            return found + ([(_adam(others, rate(rest), (0.9, 0.999), 1e-8, capture), rest)] if others else [])


def _adam(
    wanted: list[Parameter], lr: float | Tensor, betas: tuple[float, float], eps: float, capture: bool
) -> torch.optim.Optimizer:
    return torch.optim.Adam(wanted, lr=lr, betas=betas, eps=eps, fused=True, capturable=capture)
