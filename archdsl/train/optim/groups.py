"""Learning rates that differ by parameter: one optimiser, several groups, each with its factors of the common rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, order=True)
class Factors:
    """What the common rate is multiplied by: ``layer`` for the step and its decay, ``bias`` for the step alone."""

    layer: float = 1.0
    bias: float = 1.0


@dataclass(frozen=True, slots=True)
class Base:
    """A group's rates at a schedule of 1: of its step, and of its decoupled decay."""

    step: float
    decay: float


USUAL = Factors()


def split(optimizer: torch.optim.Optimizer, factors: Mapping[int, Factors], held: bool = False) -> list[Base]:
    """Divide the optimiser's groups by the factors of their parameters (by id), the largest first; gives the base rates
    of the groups in their order. An optimiser whose parameters all have the usual rate stays as it is.

    Args:
        held: the rates become tensors beside their parameters.
    """
    groups: list[dict[str, Any]] = []
    bases: list[Base] = []
    for group in optimizer.param_groups:
        lr = float(group["lr"])
        parts: dict[Factors, list[Tensor]] = {}
        for p in group["params"]:
            parts.setdefault(factors.get(id(p), USUAL), []).append(p)
        for own, members in sorted(parts.items(), key=lambda part: part[0], reverse=True):
            rate = lr * own.layer * own.bias
            placed = torch.tensor(rate, device=members[0].device) if held else rate
            groups.append({**group, "params": members, "lr": placed})
            bases.append(Base(rate, lr * own.layer))
    optimizer.param_groups[:] = groups
    return bases
