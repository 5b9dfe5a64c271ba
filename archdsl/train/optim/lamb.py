"""LAMB, which torch lacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Lamb(torch.optim.Optimizer):
    """You et al. 2020, "Large batch optimization for deep learning", algorithm 2, with Adam's bias corrections.

    Decay and scaling are for parameters of two or more dimensions; the others take Adam's step.
    """

    def __init__(
        self, groups: Iterable[Any], wd: float, betas: tuple[float, float], eps: float, lr: float = 5e-3
    ) -> None:
        super().__init__(groups, {"lr": lr, "wd": wd, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of every parameter that has a gradient; nothing waits for the device."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            live = [p for p in group["params"] if p.grad is not None]
            if not live:
                continue
            for p in live:
                if not self.state[p]:
                    self.state[p].update(mean=torch.zeros_like(p), square=torch.zeros_like(p), count=p.new_zeros(()))
            gradients = [p.grad for p in live]
            means, squares = ([self.state[p][name] for p in live] for name in ("mean", "square"))
            torch._foreach_lerp_(means, gradients, 1 - beta1)
            torch._foreach_mul_(squares, beta2)
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
            for p, mean, square in zip(live, means, squares, strict=True):
                count = self.state[p]["count"].add_(1)
                root = (square / (1 - beta2**count)).sqrt_().add_(group["eps"])
                p.sub_(_scaled(p, mean / (1 - beta1**count) / root, group["wd"]) * group["lr"])


def _scaled(p: Tensor, step: Tensor, wd: float) -> Tensor:
    """The step as long as the weight; where either is 0, as it is."""
    if p.ndim < 2:
        return step
    step = step + wd * p
    own, its = p.norm(), step.norm()
    return step * torch.where((own > 0) & (its > 0), own / its, 1.0)
