"""Learning rates that differ by layer: one optimiser, several groups, each with a base rate of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def split(optimizer: torch.optim.Optimizer, bases: Sequence[float], factors: Mapping[int, float]) -> list[float]:
    """Divide the optimiser's groups by the factors of their parameters, the largest factor first.

    Args:
        bases: the base rate of each group.
        factors: by the id of a parameter; 1 where none is given. Without any the optimiser stays as it is.

    Returns:
        The base rate of each group as the groups now are.
    """
    if not factors:
        return list(bases)
    groups: list[dict[str, Any]] = []
    rates: list[float] = []
    for group, base in zip(optimizer.param_groups, bases, strict=True):
        parts: dict[float, list[Tensor]] = {}
        for p in group["params"]:
            parts.setdefault(factors.get(id(p), 1.0), []).append(p)
        for factor, members in sorted(parts.items(), key=lambda part: -part[0]):
            # A rate that is a tensor, for captured steps, is one of each group.
            lr = group["lr"] * factor
            groups.append({**group, "params": members, "lr": lr.clone() if isinstance(lr, Tensor) else lr})
            rates.append(base * factor)
    optimizer.param_groups[:] = groups
    return rates
