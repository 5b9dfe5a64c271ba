"""A text with holes is a space: its axes, how many arms it has, and each arm as a file without holes.

Holes of one name vary together. A hole inside an alternative exists only in the arms that take that alternative.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, product
from math import inf
from typing import TYPE_CHECKING

from archdsl.errors import fail
from archdsl.expand.env import Budget, Env
from archdsl.expand.fill import Filler, outer
from archdsl.expand.values import value
from archdsl.limits import Limits
from archdsl.syntax import ast
from archdsl.syntax.unparse import unparse
from archdsl.syntax.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.errors import Span

Choices = tuple[ast.Expr | None, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """A name, the choices as text, and the choices of each hole that varies with it."""

    name: str
    texts: tuple[str, ...]
    holes: tuple[tuple[ast.Hole, Choices], ...]


def holes(node: ast.Node) -> Iterator[ast.Hole]:
    """The holes of a tree in the order of the text, those inside of alternatives included."""
    return (n for n in walk(node) if isinstance(n, ast.Hole))


def axes(file: ast.File) -> tuple[Axis, ...]:
    """All axes of a space, in the order of the text.

    Raises:
        SpecError: A208 a range that is none, A221 holes of one name with unlike numbers of choices, A225 a range with a
            scale, A408 too many arms.
    """
    return _Space(file).axes(list(holes(file)))


def count(file: ast.File) -> int:
    """How many arms a space has; 1 without holes.

    Raises:
        SpecError: as ``axes``.
    """
    space = _Space(file)
    return space.count(outer(file), frozenset())


def arms(file: ast.File, part: int = 0, of: int = 1) -> Iterator[tuple[dict[str, str], ast.File]]:
    """Each arm: what was chosen by axis, and the file with the choices put in. ``part`` of ``of`` is every so manieth
    outer choice, for processes that share the work.

    Raises:
        SpecError: as ``axes``; A222, an empty choice where something must be.
    """
    count(file)
    return _Space(file).arms(file, {}, part, of)


def choose(file: ast.File, picked: dict[str, int]) -> tuple[dict[str, str], ast.File]:
    """One arm: the file with these choices put in, by axis and number; axes that are not named take their first one.

    Raises:
        SpecError: as ``arms``.
    """
    return next(_Space(file).arms(file, picked))


class Chooser:
    """Picks many arms of one space: its holes are read once."""

    def __init__(self, file: ast.File) -> None:
        self.file, self.space = file, _Space(file)
        self.found = self.space.axes(outer(file))
        self.deep = any(self.space.nested[id(h)] for a in self.found for h, _ in a.holes)
        self.put_in = Filler(self.found)

    def __call__(self, picked: dict[str, int]) -> ast.File:
        """As ``choose``.

        Raises:
            SpecError: as ``arms``.
        """
        if self.deep:
            return next(self.space.arms(self.file, picked))[1]
        return self.put_in(self.file, tuple([picked.get(a.name, 0) for a in self.found])) if self.found else self.file


@dataclass(frozen=True, slots=True)
class Flat:
    """A space in which no hole is in another one: its axes, and what puts their choices in."""

    axes: tuple[Axis, ...]
    put_in: Filler

    def picks(self, part: int = 0, of: int = 1) -> Iterator[tuple[int, ...]]:
        """The numbers of the choices of each arm, in the order of ``arms``."""
        return islice(product(*(range(len(a.texts)) for a in self.axes)), part, None, of)

    def places(self, *nodes: ast.Node) -> tuple[int, ...]:
        """The axes whose holes are in these nodes."""
        return tuple(sorted({self.put_in.places[id(h)][0] for node in nodes for h in holes(node)}))

    def choice(self, picks: tuple[int, ...]) -> dict[str, str]:
        """What was chosen, by axis."""
        return {a.name: a.texts[i] for a, i in zip(self.axes, picks, strict=True)}


def flat(file: ast.File) -> Flat | None:
    """The space of a file; None where a choice has holes inside.

    Raises:
        SpecError: as ``axes``.
    """
    count(file)
    space = _Space(file)
    if any(space.nested.values()):
        return None
    found = space.axes(outer(file))
    return Flat(found, Filler(found))


class Reader:
    """The holes of a file: their names, and what each can be."""

    def __init__(self, file: ast.File) -> None:
        lets = {i.name: i for i in file.items if isinstance(i, ast.Let)}
        self.env = Env(lets, Budget())
        self.names: dict[int, str] = {}
        self.read: dict[int, Choices] = {}
        taken: dict[str, int] = {}
        for hole in {id(h): h for h in holes(file)}.values():
            name = hole.axis or unparse(hole)
            if hole.axis is None:
                taken[name] = taken.get(name, 0) + 1
                name += f"#{taken[name]}" if taken[name] > 1 else ""
            self.names[id(hole)] = name

    def choices(self, hole: ast.Hole) -> Choices:
        """The choices of a hole, those of a range written out.

        Raises:
            SpecError: A208 a range that is none, A225 a range with a scale, A408 too many numbers.
        """
        if id(hole) not in self.read:
            self.read[id(hole)] = hole.choices if hole.kind != "range" else self.written_out(hole)
        return self.read[id(hole)]

    def written_out(self, hole: ast.Hole) -> Choices:
        low, high = self.ends(hole)
        if hole.scale is not None:
            first, last = (unparse(c) for c in hole.choices if c is not None)
            factor = f"{'log' if hole.scale == 'log' else 'lin'}({first}..{last}, 5)"
            needed = f"`archdsl ablate` needs a list: `{factor}` in a study file or `{{{first} | {last}}}`"
            help = f"`archdsl search` draws from it; {needed}"
            raise fail("A225", f"`{unparse(hole)}` has no list of values", hole.span, help)
        if high - low >= Limits.ARMS:
            raise _too_many(hole.span)
        return tuple(numeral(str(n), hole.span) for n in range(int(low), int(high) + 1))

    def ends(self, hole: ast.Hole) -> tuple[int | float, int | float]:
        """Both ends of a range; whole numbers where it has no scale.

        Raises:
            SpecError: A208 invalid ends, or ends that do not ascend.
        """
        low, high = (value(c, self.env) for c in hole.choices if c is not None)
        if hole.scale is None:
            if type(low) is not int or type(high) is not int or low > high:
                help = "for example `{1..4}`; a range of other numbers has a scale: `{1e-4..1e-1 log}`"
                raise fail("A208", "a range goes from one whole number up to another", hole.span, help)
            return low, high
        numbers = type(low) in (int, float) and type(high) in (int, float)
        if not numbers or not low < high < inf or low <= (0 if hole.scale == "log" else -inf):
            what = "one positive number" if hole.scale == "log" else "one number"
            help = "for example `{1e-4..1e-1 log}`, `{16..256 log}` or `{0..0.5 uniform}`"
            raise fail("A208", f"a range on the scale `{hole.scale}` goes from {what} up to another", hole.span, help)
        return low, high

    def axis(self, name: str, group: list[ast.Hole]) -> Axis:
        """The axis of the holes of one name.

        Raises:
            SpecError: as ``choices``; A221 unlike numbers of choices.
        """
        first = self.choices(group[0])
        for hole in group[1:]:
            if len(self.choices(hole)) != len(first):
                raise fail(
                    "A221",
                    f"the holes named `{name}` vary together, and this one has "
                    f"{len(self.choices(hole))} choices, the first at {group[0].span} {len(first)}",
                    hole.span,
                    "give them equal numbers of choices, or names of their own",
                )
        texts = tuple("" if c is None else unparse(c) for c in first)
        return Axis(name, texts, tuple((h, self.choices(h)) for h in group))


class _Space(Reader):
    """The holes of a file with all their choices."""

    def __init__(self, file: ast.File) -> None:
        super().__init__(file)
        self.nested: dict[int, bool] = {}
        for hole in {id(h): h for h in holes(file)}.values():
            self.nested[id(hole)] = any(c is not None and any(True for _ in holes(c)) for c in self.choices(hole))

    def axes(self, found: list[ast.Hole]) -> tuple[Axis, ...]:
        grouped: dict[str, list[ast.Hole]] = {}
        for hole in found:
            grouped.setdefault(self.names[id(hole)], []).append(hole)
        return tuple(self.axis(name, group) for name, group in grouped.items())

    def count(
        self, found: list[ast.Hole], picked: frozenset[tuple[str, int]], around: frozenset[str] = frozenset()
    ) -> int:
        """The number of arms below. Only where names are shared across alternatives, these are walked one by one.
        ``around``: names of holes around these, which are chosen already."""
        known = dict(picked)
        every = self.axes(found)
        total, deep = 1, []
        for axis in every:
            if axis.name in known and not self.deep(axis):
                continue
            if not self.deep(axis):
                total *= len(axis.texts)
            elif not self.shares(axis):
                total *= sum(self.count(outer(c), picked) if c is not None else 1 for c in axis.holes[0][1])
            else:
                deep.append(axis)
            if total > Limits.ARMS:
                raise _too_many(found[0].span)
        return total * self.walked(deep, picked, around | {a.name for a in every}) if deep else total

    def deep(self, axis: Axis) -> bool:
        """Whether a choice has holes inside."""
        return any(self.nested[id(h)] for h, _ in axis.holes)

    def shares(self, axis: Axis) -> bool:
        """Whether the axis is in several places, or a hole inside has a name that others may have too."""
        inner = (h for _, choices in axis.holes for c in choices if c is not None for h in holes(c))
        return len(axis.holes) > 1 or any(h.axis for h in inner)

    def walked(self, deep: list[Axis], picked: frozenset[tuple[str, int]], names: frozenset[str]) -> int:
        known = dict(picked)
        total = 0
        for indices in product(*([known[a.name]] if a.name in known else range(len(a.texts)) for a in deep)):
            pairs = list(zip(deep, indices, strict=True))
            inner = [x for axis, i in pairs for _, c in axis.holes if (n := c[i]) for x in outer(n)]
            inner = [h for h in inner if self.names[id(h)] not in names]  # the others are chosen already
            total += self.count(inner, picked | {(a.name, i) for a, i in pairs}, names) if inner else 1
            if total > Limits.ARMS:
                raise _too_many(deep[0].holes[0][0].span)
        return total

    def arms(
        self, file: ast.File, picked: dict[str, int], part: int = 0, of: int = 1
    ) -> Iterator[tuple[dict[str, str], ast.File]]:
        found = self.axes(outer(file))
        if not found:
            yield {}, file
            return
        deep = any(self.nested[id(h)] for a in found for h, _ in a.holes)
        put_in = Filler(found)
        every = product(*([picked[a.name]] if a.name in picked else range(len(a.texts)) for a in found))
        for indices in islice(every, part, None, of):
            choice = {a.name: a.texts[i] for a, i in zip(found, indices, strict=True)}
            arm = put_in(file, indices)
            if not deep:
                yield choice, arm
                continue
            for inner, whole in self.arms(arm, picked | {a.name: i for a, i in zip(found, indices, strict=True)}):
                yield choice | inner, whole


def numeral(text: str, span: Span) -> ast.Expr:
    """The tree of a numeral, a negative one included."""
    return ast.Negative(ast.Number(text[1:], span), span) if text[0] == "-" else ast.Number(text, span)


def _too_many(span: Span) -> Exception:
    return fail(
        "A408", f"the space has more than {Limits.ARMS:,} arms", span, "remove choices, or raise ARCHDSL_MAX_ARMS"
    )
