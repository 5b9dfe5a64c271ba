"""The figures of two networks side by side, and the settings in which two experiments differ, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archdsl.ir.cost import Cost

Figure = int | float | str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """One quantity of both networks. ``kind`` is a column kind of ``archdsl.report``; text has no difference."""

    name: str
    kind: str
    a: Figure
    b: Figure

    @property
    def delta(self) -> int | float | None:
        """What the second has more."""
        if isinstance(self.a, int | float) and isinstance(self.b, int | float) and self.kind != "text":
            return self.b - self.a
        return None

    @property
    def share(self) -> float | None:
        """The difference as a fraction of the first."""
        return None if self.delta is None or not self.a else self.delta / float(self.a)


def figures(a: Cost, b: Cost, memory: tuple[int, int]) -> list[Pair]:
    """Totals of both; ``memory`` is what a training step takes, in bytes."""
    pairs: list[tuple[str, str, Any, Any]] = [
        ("params", "int", a.params, b.params),
        ("MACs", "compact", a.macs, b.macs),
        ("FLOPs", "compact", a.flops, b.flops),
        ("activations", "compact", a.activations, b.activations),
        ("peak activations", "compact", a.peak, b.peak),
        ("training memory", "bytes", *memory),
        ("depth", "int", a.depth, b.depth),
        ("layers", "int", a.layers, b.layers),
        ("receptive field", "text", _dims(a.field), _dims(b.field)),
        ("stride", "text", _dims(a.stride), _dims(b.stride)),
    ]
    return [Pair(*p) for p in pairs]


def _dims(size: tuple[float, ...] | None) -> str | None:
    return None if size is None else "x".join(f"{n:.3f}".rstrip("0").rstrip(".") for n in size)


def settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The settings in which two experiments differ, in the order in which they are known; None where one has none."""
    names = dict.fromkeys([*a, *b])
    return [(n, a.get(n), b.get(n)) for n in names if a.get(n) != b.get(n)]
