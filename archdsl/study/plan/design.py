"""Designs: which combinations of levels a study takes. Pure combinatorics; level 0 is the full model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import prod

from archdsl.errors import ArchError, suggest
from archdsl.limits import Limits
from archdsl.study.plan import fraction

Levels = tuple[int, ...]
DESIGNS = ("one-out", "one-in", "full", "pairs", "grid", "frac:III", "frac:IV", "frac:V")
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


def make(name: str, sizes: Sequence[int], names: Sequence[str]) -> Design:
    """The design of that name over factors with so many levels.

    ``one-out``: the full model and each single change of it. ``one-in``: the bare model (the last levels) and each
    single change. ``pairs``: one-out and each pair of changes. ``full`` and ``grid``: all combinations. ``frac:IV``: the
    smallest regular fraction of two-level factors that reaches the resolution (Box & Hunter 1961).

    Raises:
        ArchError: no such design, more arms than the limit, or factors that it cannot take.
    """
    first = tuple(0 for _ in sizes)
    if name in ("full", "grid"):
        _fits(name, prod(sizes))
        return Design(name, tuple(product(*map(range, sizes))))
    if name == "one-out":
        return Design(name, (first, *_single(first, sizes)))
    if name == "one-in":
        last = tuple(size - 1 for size in sizes)
        return Design(name, (last, *_single(last, sizes)))
    if name == "pairs":
        changes = sum(size - 1 for size in sizes)
        _fits(name, 1 + changes + changes * (changes - 1) // 2)
        return Design(name, (first, *_single(first, sizes), *_double(first, sizes)))
    kind, colon, wanted = name.partition(":")
    if kind == "frac" and colon:
        return _fraction(name, wanted, sizes, names)
    raise ArchError(f"there is no design `{name}`", help=suggest(name, DESIGNS) or "designs: " + ", ".join(DESIGNS))


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
            f"`{name}` needs {resolution} factors at least, and there are {len(sizes)}",
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
