"""Muon for weights of any rank; torch's own takes matrices alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic: Jordan et al. 2024, "Muon", tuned for speed at zero
STEPS = 5


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal by Newton-Schulz steps (Jordan et al. 2024).

    A convolution's filters are the rows of a matrix (out, in·k·k). The step is scaled by sqrt(max(1, rows/columns)), as
    in the authors' code.
    """

    def __init__(self, parameters: Iterable[Parameter], lr: float, momentum: float) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of every weight that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if not self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
                momentum: Tensor = self.state[p]["momentum"]
                momentum.lerp_(p.grad, 1 - group["momentum"])
                ahead = p.grad.lerp(momentum, group["momentum"])
                update = orthogonal(ahead.flatten(1))
                scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                p.add_(update.view_as(p).to(p.dtype), alpha=-group["lr"] * scale)


def orthogonal(matrix: Tensor, steps: int = STEPS) -> Tensor:
    """The nearest matrix (rows, columns) with singular values near 1, roughly: between 0.7 and 1.2."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).float()
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x
