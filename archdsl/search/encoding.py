"""Points of a space as rows of numbers: what a model of it takes, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from archdsl.study.plan.levels import numbers, rank

if TYPE_CHECKING:
    from archdsl.expand.space import Dimension, Space

Point = Mapping[str, int | float]
ABSENT = -1.0  # of a dimension that a point does not have
SAME = 1e-6  # numbers of choices that differ less are one choice


class Encoding:
    """Rows have a number for each dimension of a space: numbers, and choices with an order, are in [0, 1]; other choices are
    numbered.
    """

    def __init__(self, space: Space) -> None:
        self._codes = tuple(_Code(d) for d in space.dimensions)
        place = {d.name: n for n, d in enumerate(space.dimensions)}
        # Of each dimension inside of alternatives, the columns of those, and the number that each has there.
        self._within = {
            n: [(place[name], float(self._codes[place[name]].column([choice])[0])) for name, choice in d.within]
            for n, d in enumerate(space.dimensions)
            if d.within
        }

    @property
    def choices(self) -> tuple[int, ...]:
        """Of each dimension, how many choices without an order it has; 0 where its numbers have an order."""
        return tuple(code.choices for code in self._codes)

    def rows(self, points: Iterable[Point]) -> Any:
        """The rows of points, (N, D)."""
        import numpy as np

        found = [
            [float(code.column([p[code.name]])[0]) if code.name in p else ABSENT for code in self._codes]
            for p in points
        ]
        return np.array(found).reshape(len(found), len(self._codes))

    def point(self, row: Any) -> dict[str, int | float]:
        """The point of a row."""
        return {code.name: code.value(float(x)) for code, x in zip(self._codes, row, strict=True) if x != ABSENT}

    def random(self, many: int, chance: Any) -> Any:
        """So many rows at random; ``chance`` is a generator of numpy."""
        return self._existing(self._drawn(many, chance))

    def near(self, rows: Any, times: int, chance: Any) -> Any:
        """Neighbours of rows: each dimension alone is drawn again, so many times."""
        import numpy as np

        many = len(self._codes)
        again = np.repeat(rows, many * times, axis=0)
        fresh = self._drawn(len(again), chance)
        here, at = np.arange(len(again)), np.tile(np.repeat(np.arange(many), times), len(rows))
        again[here, at] = fresh[here, at]
        return self._existing(
            np.where(again == ABSENT, fresh, again)
        )  # what a new alternative brings along is drawn as well

    def _drawn(self, many: int, chance: Any) -> Any:
        import numpy as np

        return np.column_stack([code.draw(many, chance) for code in self._codes])

    def _existing(self, rows: Any) -> Any:
        """The rows without the dimensions that do not exist there."""
        import numpy as np

        there = np.ones(rows.shape, dtype=bool)
        for _ in self._within:  # alternatives inside of each other
            before = there.copy()
            for n, around in self._within.items():
                there[:, n] = np.any([there[:, p] & (abs(rows[:, p] - x) < SAME) for p, x in around], axis=0)
            if (before == there).all():
                break
        return np.where(there, rows, ABSENT)


class _Code:
    """The numbers of one dimension."""

    def __init__(self, d: Dimension) -> None:
        self._d, self.name = d, d.name
        self.ordered = d.kind != "choices" or has_order(d)
        self._choices = in_order(d) if self.ordered else list(range(len(d.texts)))
        self._last = len(d.texts) - 1 if self.ordered else 1

    @property
    def choices(self) -> int:
        """How many, where they have no order; else 0."""
        return 0 if self.ordered else len(self._choices)

    def column(self, values: Any) -> Any:
        """The numbers of values."""
        import numpy as np

        d, found = self._d, np.asarray(values, dtype=float)
        if d.kind == "choices":
            return np.array([self._choices.index(int(v)) for v in found]) / self._last
        if d.high == d.low:
            return np.zeros_like(found)
        return np.log(found / d.low) / np.log(d.high / d.low) if d.log else (found - d.low) / (d.high - d.low)

    def value(self, x: float) -> int | float:
        """The value of a number."""
        d = self._d
        if d.kind == "choices":
            return self._choices[round(x * self._last)]
        value = min(max(d.low * (d.high / d.low) ** x if d.log else d.low + x * (d.high - d.low), d.low), d.high)
        return round(value) if d.kind == "whole" else value

    def draw(self, many: int, chance: Any) -> Any:
        """So many numbers at random."""
        import numpy as np

        d = self._d
        if d.kind == "choices":
            return chance.integers(0, len(d.texts), many) / self._last
        drawn = chance.random(many)
        if d.kind == "real" or d.high == d.low:
            return drawn
        low, high = d.ends
        whole = np.round(low * (high / low) ** drawn if d.log else low + drawn * (high - low))
        return self.column(np.clip(whole, d.low, d.high))  # those that are one value are one row


def has_order(d: Dimension) -> bool:
    """Whether the choices are numbers, which have an order."""
    return len(d.texts) > 2 and numbers(d.texts) is not None


def in_order(d: Dimension) -> list[int]:
    """The choices, numbers ascending; others as they are written."""
    places = rank(d.texts)
    return sorted(range(len(d.texts)), key=[places[text] for text in d.texts].__getitem__)
