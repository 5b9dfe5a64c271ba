"""Lion, which torch lacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.nn import Parameter


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2, without its decay."""

    def __init__(
        self, groups: Iterable[Parameter] | Iterable[dict[str, Any]], betas: tuple[float, float], lr: float = 1e-4
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Step by the sign of the interpolated momentum, then update the momentum."""
        for group in self.param_groups:
            live = [p for p in group["params"] if p.grad is not None]
            if not live:
                continue
            for p in live:
                if not self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
            beta1, beta2 = group["betas"]
            gradients, momenta = [p.grad for p in live], [self.state[p]["momentum"] for p in live]
            signs = [s.sign_() for s in torch._foreach_lerp(momenta, gradients, 1 - beta1)]
            torch._foreach_mul_(signs, group["lr"])
            torch._foreach_sub_(live, signs)
            torch._foreach_lerp_(momenta, gradients, 1 - beta2)
