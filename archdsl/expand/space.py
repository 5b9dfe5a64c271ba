"""A text with holes as the space of a search: its dimensions, its size, and the text at a point.

No arm is enumerated, so a space may be of any size, and ranges with a scale may be in it. ``archdsl.expand.holes`` lists
the arms of a space that is small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from math import prod
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

from archdsl.errors import ArchError, fail
from archdsl.expand.fill import Filler, outer
from archdsl.expand.holes import Axis, Reader, arms, holes, numeral
from archdsl.report.numbers import short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archdsl.syntax import ast

Alternative = tuple[str, int]  # the name of a dimension, and the number of its choice


@dataclass(frozen=True, slots=True)
class Dimension:
    """What varies under one name, in one place or in several.

    Attributes:
        kind: ``choices`` of a list, by their numbers from 0; ``whole`` or ``real`` numbers of a range, by their values.
        texts: of choices; the empty one is "".
        low, high: of a range, both included.
        log: whether the range is on a logarithmic scale.
        within: the alternatives around its places, the nearest one of each. Without any it always exists; else only at
            points where one of them exists and is chosen. That is enough unless the name of such an alternative is that of
            several holes; ``Space.values`` says what exists at a point.
    """

    name: str
    kind: Literal["choices", "whole", "real"]
    texts: tuple[str, ...] = ()
    low: int | float = 0
    high: int | float = 0
    log: bool = False
    within: tuple[Alternative, ...] = ()

    def draw(self, chance: Random) -> int | float:
        """A value at random: a choice, or a number that is uniform on the scale."""
        if self.kind == "choices":
            return chance.randrange(len(self.texts))
        low, high = self.ends
        value = math.exp(chance.uniform(math.log(low), math.log(high))) if self.log else chance.uniform(low, high)
        return min(max(round(value) if self.kind == "whole" else value, self.low), self.high)

    @property
    def ends(self) -> tuple[float, float]:
        """Between which numbers of a range are drawn before they are rounded: each end has as much of the scale as its
        neighbours.
        """
        half = 0.5 if self.kind == "whole" else 0.0
        return self.low - half, self.high + half

    @property
    def size(self) -> int | None:
        """How many values it has; None of real numbers."""
        if self.kind == "real":
            return None
        return len(self.texts) if self.kind == "choices" else int(self.high) - int(self.low) + 1

    def text(self, value: float) -> str:
        """A value as the text has it: real numbers have three significant digits, or all of an end of their range.

        Raises:
            ArchError: the dimension has no such value.
        """
        if self.kind == "real":
            return self._real(value)
        low, high = (0, len(self.texts) - 1) if self.kind == "choices" else (self.low, self.high)
        if not low <= value <= high or value != int(value):
            raise self._outside(value, f"a whole number from {low} to {high}")
        return self.texts[int(value)] if self.kind == "choices" else str(int(value))

    def _real(self, value: float) -> str:
        if not self.low <= value <= self.high:
            raise self._outside(value, f"a number from {self.low} to {self.high}")
        text = short(value)
        if value not in (self.low, self.high) and self.low <= float(text) <= self.high:
            return text
        end = (
            self.low if value - self.low <= self.high - value else self.high
        )  # rounded, it may be outside of the range
        return short(end) if float(short(end)) == end else repr(end)

    def _outside(self, value: float, values: str) -> ArchError:
        return ArchError(f"`{self.name}` cannot be {value}", help=f"its value is {values}")


class _Size(NamedTuple):
    """How many points there are below some holes, which names vary in them, and whether the number is exact."""

    points: int | None
    names: frozenset[str]
    exact: bool


class Space:
    """The space of a file.

    Attributes:
        dimensions: in the order of the text, those inside of alternatives included.
        size: how many points it has; None where a dimension is real.
        exact: whether ``size`` is exact. It is an upper bound where a name is shared between alternatives of different
            dimensions, or inside of an alternative and beside it.
    """

    def __init__(self, file: ast.File) -> None:
        self._tree = file
        self._reader = Reader(file)
        self._groups: dict[str, list[ast.Hole]] = {}
        self._around: dict[str, dict[Alternative | None, None]] = {}
        self._axes: dict[str, Axis] = {}
        self._gather(outer(file), None)
        self.dimensions = tuple([self._dimension(name, group) for name, group in self._groups.items()])
        self._by_name = {d.name: d for d in self.dimensions}
        self.size, _, self.exact = self._count(outer(file), frozenset())

    @classmethod
    def of(cls, file: ast.File) -> Space:
        """The space of a file; without holes it has one point.

        Raises:
            SpecError: A208 a range that is none, A221 holes of one name that do not match, A408 too many numbers in a
                range that shares its name with a list.
        """
        return cls(file)

    def file(self, point: Mapping[str, int | float]) -> ast.File:
        """The text at a point, without holes. Dimensions that do not exist at the point are ignored; of those that it
        lacks, the first choice or the low end is taken.

        Raises:
            ArchError: an unknown dimension, or a value outside of its range.
            SpecError: A222, an empty choice where something must be.
        """
        self._refuse_others(point)
        tree = self._tree
        while found := outer(tree):  # the holes in the alternatives that were chosen come to the surface
            names = dict.fromkeys(self._reader.names[id(h)] for h in found)
            axes, numbers = zip(*(self._placed(self._by_name[name], point) for name in names), strict=True)
            tree = Filler(axes)(tree, numbers)
        return tree

    def values(self, point: Mapping[str, int | float]) -> dict[str, str]:
        """The text of each dimension that exists at a point, in their order.

        Raises:
            ArchError: as ``file``.
        """
        self._refuse_others(point)
        found: dict[str, str] = {}
        level = outer(self._tree)
        while level:
            inner: list[ast.Hole] = []
            for hole in level:
                dimension = self._by_name[self._reader.names[id(hole)]]
                value = _value(dimension, point)
                found[dimension.name] = dimension.text(value)
                chosen = self._reader.choices(hole)[int(value)] if dimension.kind == "choices" else None
                inner += outer(chosen) if chosen is not None else []
            level = inner
        return {d.name: found[d.name] for d in self.dimensions if d.name in found}

    def _refuse_others(self, point: Mapping[str, int | float]) -> None:
        for name in point:
            if name not in self._by_name:
                raise ArchError(f"the space has no dimension `{name}`", help="dimensions: " + ", ".join(self._by_name))

    def _placed(self, dimension: Dimension, point: Mapping[str, int | float]) -> tuple[Axis, int]:
        """The axis of a dimension with the value at a point among its choices, and the number of that choice."""
        value = _value(dimension, point)
        text = dimension.text(value)
        if dimension.kind == "choices":
            return self._axes[dimension.name], int(value)
        group = self._groups[dimension.name]
        return Axis(dimension.name, (text,), tuple((h, (numeral(text, h.span),)) for h in group)), 0

    def _gather(self, found: list[ast.Hole], around: Alternative | None) -> None:
        """The holes of each name and the alternatives around them, in the order of the text."""
        for hole in found:
            name = self._reader.names[id(hole)]
            self._groups.setdefault(name, []).append(hole)
            self._around.setdefault(name, {})[around] = None
            for number, choice in enumerate(hole.choices if hole.kind != "range" else ()):
                if choice is not None:
                    self._gather(outer(choice), (name, number))

    def _dimension(self, name: str, group: list[ast.Hole]) -> Dimension:
        around = self._around[name]
        within = () if None in around else tuple([a for a in around if a is not None])
        first = group[0]
        ranges = {(*self._reader.ends(h), h.scale) for h in group if h.kind == "range"}
        if len(ranges) == 1 and all(h.kind == "range" for h in group):
            ((low, high, scale),) = ranges
            kind: Literal["whole", "real"] = "whole" if isinstance(low, int) and isinstance(high, int) else "real"
            return Dimension(name, kind, (), low, high, scale == "log", within)
        if any(h.scale for h in group):
            other = next(h for h in group if h != first)
            help = "give them the same ends and scale, or names of their own"
            message = (
                f"the holes named `{name}` vary together, and this one is not the range of the first at {first.span}"
            )
            raise fail("A221", message, other.span, help)
        self._axes[name] = self._reader.axis(name, group)
        return Dimension(name, "choices", self._axes[name].texts, within=within)

    def _count(self, found: list[ast.Hole], known: frozenset[str]) -> _Size:
        """The points below holes that are together in one alternative. ``known``: names that are chosen around it."""
        groups: dict[str, list[ast.Hole]] = {}
        for hole in found:
            groups.setdefault(self._reader.names[id(hole)], []).append(hole)
        around = known | groups.keys()
        factors: list[int | None] = []
        names: frozenset[str] = frozenset()
        exact = True
        for name, group in groups.items():
            below = self._below(name, group, around)
            again = name in known  # chosen already; what is inside of it is counted for every choice
            if not again or below.names:
                factors.append(below.points)
            exact = exact and below.exact and not (again and below.names) and names.isdisjoint(below.names)
            names |= below.names | {name}
        return _Size(None if None in factors else prod(f for f in factors if f is not None), names - known, exact)

    def _below(self, name: str, group: list[ast.Hole], known: frozenset[str]) -> _Size:
        """The points of one dimension, with those inside of its choices."""
        dimension = self._by_name[name]
        if dimension.kind != "choices":
            return _Size(dimension.size, frozenset(), True)
        choices = [self._reader.choices(h) for h in group]
        inner = [[h for c in nth if c is not None for h in outer(c)] for nth in zip(*choices, strict=True)]
        counted = [self._count(holes, known) for holes in inner]
        points = [c.points for c in counted]
        total = None if None in points else sum(p for p in points if p is not None)
        return _Size(total, frozenset().union(*(c.names for c in counted)), all(c.exact for c in counted))


def some(file: ast.File, most: int) -> Iterator[ast.File]:
    """Arms of a space, at most so many: the first ones in the order of ``holes.arms``; where a range has no list of values,
    points drawn at random, the same each time.

    Raises:
        SpecError: as ``Space.of`` and ``holes.arms``.
    """
    space = Space.of(file)
    if not any(h.scale for h in holes(file)):
        yield from (arm for _, arm in islice(arms(file), most))
        return
    chance = Random(0)
    for _ in range(most):
        point = {d.name: d.draw(chance) for d in space.dimensions}
        yield space.file(point)


def _value(dimension: Dimension, point: Mapping[str, int | float]) -> int | float:
    return point.get(dimension.name, 0 if dimension.kind == "choices" else dimension.low)
