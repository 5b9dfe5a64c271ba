"""Learning rates that differ by layer: one optimiser, several groups, each with its factor of the common rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

SCALE = "scale"  # the key of a group's factor


def split(optimizer: torch.optim.Optimizer, factors: Mapping[int, float]) -> None:
    """Divide the optimiser's groups by the factors of their parameters (by id; 1 where none is given), the largest
    factor first. An optimiser whose parameters all have the factor 1 stays as it is.
    """
    found: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        parts: dict[float, list[Tensor]] = {}
        for p in group["params"]:
            parts.setdefault(factors.get(id(p), 1.0), []).append(p)
        for factor, members in sorted(parts.items(), key=lambda part: -part[0]):
            lr = group["lr"].clone() if isinstance(group["lr"], Tensor) else group["lr"]
            found.append({**group, "params": members, "lr": lr, SCALE: factor})
    if any(group[SCALE] != 1.0 for group in found):
        optimizer.param_groups[:] = found


def scale_of(group: Mapping[str, Any]) -> float:
    """The factor of a group."""
    return float(group.get(SCALE, 1.0))
