"""Muon for weights of any rank; torch's own takes matrices alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from archdsl.train.optim.parts import Weight

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic: Jordan et al. 2024, "Muon", tuned for speed at zero
STEPS = 5


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal by Newton-Schulz steps (Jordan et al. 2024).

    A convolution's filters are the rows of a matrix (out, in·k·k). The step is scaled by sqrt(max(1, rows/columns)), as
    in the authors' code. Weights of one shape are made orthogonal together.
    """

    of_weights: ClassVar[bool] = True

    def __init__(self, groups: Iterable[Any], weights: Sequence[Weight], momentum: float, lr: float = 0.02) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum})
        self._weights = tuple(weights)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of every weight that has a gradient."""
        for group in self.param_groups:
            own = {id(p) for p in group["params"]}
            self._step([w for w in self._weights if w.value.grad is not None and id(w.value) in own], group)

    def _step(self, live: list[Weight], group: dict[str, Any]) -> None:
        if not live:
            return
        for w in live:
            if not self.state[w.value]:
                self.state[w.value]["momentum"] = torch.zeros_like(w.value)
        gradients = [w.value.grad for w in live if w.value.grad is not None]
        momenta = [self.state[w.value]["momentum"] for w in live]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
        like: dict[torch.Size, list[tuple[Weight, Tensor]]] = defaultdict(list)
        for w, direction in zip(live, ahead, strict=True):
            rows = w.filters(direction)
            like[rows.shape].append((w, rows))
        for (tall, wide), members in like.items():
            updates = orthogonal(torch.stack([m for _, m in members]))
            updates = updates * (group["lr"] * max(1.0, tall / wide) ** 0.5)
            for (w, _), update in zip(members, updates.unbind(), strict=True):
                w.value.sub_(w.restored(update))


def orthogonal(matrices: Tensor, steps: int = STEPS) -> Tensor:
    """For each matrix (…, rows, columns) one with its singular vectors and singular values near 1: between 0.7 and 1.2,
    but for those that were nearly 0. Computed in bf16 on a GPU, as the authors do, and in float32 elsewhere.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = (matrices.mT if tall else matrices).float()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    if x.device.type == "cuda":
        x = x.bfloat16()
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()
