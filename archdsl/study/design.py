"""Designs: which combinations of levels a study takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product, combinations


@dataclass(frozen=True)
class Design:
    """The arms of a design as level numbers, the reference first."""

    name: str
    arms: tuple[tuple[int, ...], ...]
    reference: int = 0
    aliases: tuple[str, ...] = field(default=())
    resolution: str | None = None


def make(name: str, sizes: Sequence[int], names: Sequence[str]) -> Design:
    """The design of that name."""
    full = tuple(0 for _ in sizes)
    if name in ("grid", "full"):
        return Design(name, tuple(product(*(range(s) for s in sizes))))
    if name == "one-in":
        full = tuple(s - 1 for s in sizes)
    single = [tuple(v if i == k else b for i, b in enumerate(full)) for k, s in enumerate(sizes) for v in range(s) if v != full[k]]
    if name in ("one-out", "one-in"):
        return Design(name, (full, *single))
    raise NotImplementedError(name)
