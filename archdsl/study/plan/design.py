"""Designs: which combinations of levels a study takes. Pure combinatorics; level 0 is the full model's.

To add one, write a function with the decorator ``design``, here or beside the words of a package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import prod
from typing import NamedTuple

from archdsl import registry
from archdsl.errors import ArchError, suggest
from archdsl.limits import Limits
from archdsl.study.plan import fraction

Levels = tuple[int, ...]
_RESOLUTIONS = {"III": 3, "3": 3, "IV": 4, "4": 4, "V": 5, "5": 5}


@dataclass(frozen=True, slots=True)
class Design:
    """The arms of a design as level numbers in the order of the factors, each once, the reference first.

    aliases: effects that the design cannot tell apart, such as ``I = a × b × c``. resolution: of a fraction, in Roman
    numerals, or ``full``; None for the other designs.
    """

    name: str
    arms: tuple[Levels, ...]
    reference: int = 0
    aliases: tuple[str, ...] = field(default=())
    resolution: str | None = None


class Over(NamedTuple):
    """What a design is made over.

    name: of the design, as the study has it, with what follows a colon: ``frac:IV``.
    sizes: how many levels each factor has.
    factors: their names.
    """

    name: str
    sizes: Sequence[int]
    factors: Sequence[str]

    @property
    def first(self) -> Levels:
        """The full model."""
        return tuple(0 for _ in self.sizes)

    @property
    def all(self) -> tuple[Levels, ...]:
        """All combinations, the full model first."""
        return tuple(product(*map(range, self.sizes)))


Make = Callable[[Over], Design]


@dataclass(frozen=True, slots=True)
class Kind:
    """A design that there is, under one name; ``forms``: what may follow it behind a colon, each with its colon."""

    make: Make
    help: str
    forms: tuple[str, ...] = ("",)
    grid: bool = False
    single: bool = False


DESIGNS: dict[str, Kind] = {}


def design(
    name: str, *, forms: tuple[str, ...] = ("",), grid: bool = False, single: bool = False
) -> Callable[[Make], Make]:
    """Add a design: a function from ``Over`` to a ``Design``, whose docstring is its help.

    Args:
        forms: what may follow the name, such as ``:IV``.
        grid: it takes all combinations, so that arms are shown by their levels.
        single: its arms are changes of the reference, and are shown by the factors that change.
    """

    def register(make: Make) -> Make:
        if name in DESIGNS and DESIGNS[name].make.__module__ != make.__module__:
            raise ArchError(f"the design `{name}` of {make.__module__} is already taken", help="give it another name")
        DESIGNS[name] = Kind(make, (make.__doc__ or "").strip().split("\n")[0], forms, grid, single)
        return make

    return register


def kind_of(name: str) -> Kind | None:
    """The design of that name, ours or of a package whose words are loaded; None where there is not any."""
    head, colon, _ = name.partition(":")
    found = DESIGNS.get(head)
    return found if found is not None and bool(colon) == (found.forms != ("",)) else None


def is_grid(name: str) -> bool:
    """Whether a design takes all combinations."""
    return (kind := kind_of(name)) is not None and kind.grid


def listed() -> list[str]:
    """The names of all designs."""
    return [name + form for name, kind in DESIGNS.items() for form in kind.forms]


def make(name: str, sizes: Sequence[int], names: Sequence[str]) -> Design:
    """The design of that name over factors with so many levels.

    Raises:
        ArchError: no such design, more arms than the limit, or factors that it cannot take.
    """
    found = kind_of(name)
    if found is None:
        registry.names("train")  # which loads the words of packages, and the designs beside them
        found = kind_of(name)
    if found is None:
        raise ArchError(f"unknown design `{name}`", help=suggest(name, listed()) or "designs: " + ", ".join(listed()))
    made = found.make(Over(name, sizes, names))
    _fits(name, len(made.arms))
    return made


@design("one-out", single=True)
def one_out(over: Over) -> Design:
    """The full model and each single change of it."""
    return Design(over.name, (over.first, *_single(over.first, over.sizes)))


@design("one-in", single=True)
def one_in(over: Over) -> Design:
    """The bare model (the last levels) and each single change of it."""
    last = tuple(size - 1 for size in over.sizes)
    return Design(over.name, (last, *_single(last, over.sizes)))


@design("full", grid=True)
def full(over: Over) -> Design:
    """All combinations."""
    _fits(over.name, prod(over.sizes))
    return Design(over.name, over.all)


@design("pairs")
def pairs(over: Over) -> Design:
    """The full model, each single change of it, and each pair of changes."""
    changes = sum(size - 1 for size in over.sizes)
    _fits(over.name, 1 + changes + changes * (changes - 1) // 2)
    first = over.first
    return Design(over.name, (first, *_single(first, over.sizes), *_double(first, over.sizes)))


@design("grid", grid=True)
def grid(over: Over) -> Design:
    """All combinations; in a table of numbers the usual name."""
    return full(over)


@design("frac", forms=(":III", ":IV", ":V"))
def frac(over: Over) -> Design:
    """The smallest regular fraction of factors of two levels that reaches the resolution (Box & Hunter 1961)."""
    return _fraction(over.name, over.name.partition(":")[2], over.sizes, over.factors)


def _fits(name: str, count: int) -> None:
    if count > Limits.ARMS:
        raise ArchError(
            f"the design `{name}` has {count:,} arms, more than {Limits.ARMS:,}",
            help="take one-out or a fraction (frac:IV), or raise ARCHDSL_MAX_ARMS",
        )


def _single(base: Levels, sizes: Sequence[int]) -> Iterator[Levels]:
    for place, size in enumerate(sizes):
        for level in range(size):
            if level != base[place]:
                yield (*base[:place], level, *base[place + 1 :])


def _double(base: Levels, sizes: Sequence[int]) -> Iterator[Levels]:
    for a, b in combinations(range(len(sizes)), 2):
        for first, second in product(range(sizes[a]), range(sizes[b])):
            if first != base[a] and second != base[b]:
                changed = list(base)
                changed[a], changed[b] = first, second
                yield tuple(changed)


def _fraction(name: str, wanted: str, sizes: Sequence[int], names: Sequence[str]) -> Design:
    resolution = _RESOLUTIONS.get(wanted.upper())
    if resolution is None:
        raise ArchError(f"`{name}` is not a resolution", help="frac:III, frac:IV or frac:V")
    for factor, size in zip(names, sizes, strict=True):
        if size != 2:
            raise ArchError(
                f"`{name}` takes factors of two levels, and `{factor}` has {size}",
                help="leave levels out, or take one-out, pairs or full",
            )
    if len(sizes) < resolution:
        raise ArchError(
            f"`{name}` needs {resolution} factors at least, and there {'is' if len(sizes) == 1 else 'are'} {len(sizes)}",
            help="take full, which has few arms here",
        )
    columns = fraction.columns(len(sizes), resolution)
    if max(columns).bit_length() == len(sizes):  # nothing can be saved at that resolution
        return Design(name, tuple(product(*map(range, sizes))), resolution="full")
    arms = tuple(fraction.runs(columns))
    return Design(name, arms, 0, fraction.aliases(columns, names), fraction.resolution(arms))


def check_size(arms: int) -> None:
    """Refuse a study of too many arms.

    Raises:
        ArchError: it has more than ``Limits.STUDY``.
    """
    if arms > Limits.STUDY:
        raise ArchError(
            f"the study has {arms:,} arms, more than {Limits.STUDY:,}",
            help="take one-out or a fraction (frac:IV), leave levels out, or raise ARCHDSL_MAX_STUDY",
        )
