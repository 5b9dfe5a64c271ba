"""Levels that are numbers: ranges written out, their values, and the order that they give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from archdsl.errors import ArchError
from archdsl.limits import Limits
from archdsl.report.numbers import of_percent, short

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(rf"({NUMBER})(%?)", re.ASCII)
_RANGE = re.compile(
    rf"(?:(log|lin)\s*\(\s*)?({NUMBER})(%?)\s*\.\.\s*({NUMBER})(%?)(?:\s*,\s*(\d{{1,9}})\s*\))?", re.ASCII
)
_CALL = re.compile(r"(?:(?:net|data|train)\s+)?([+-]?[a-z][a-z0-9_-]*)\((.*)\)", re.DOTALL)
EVEN = 0.05  # by which the steps of a geometric series may differ


def number(text: str) -> float | None:
    """The value of a level: ``4``, ``1e-4``, ``10%`` (0.1); None of any other text."""
    found = _NUMBER.fullmatch(text.strip())
    return None if found is None else of_percent(found[1]) if found[2] else float(found[1])


def numbers(levels: Sequence[str]) -> tuple[float, ...] | None:
    """The values of levels that are all numbers, or all one word with one number: ``conv(8)``, ``conv(16)``; else None."""
    bare = [inner(level) for level in levels]
    if len({word for word, _ in bare}) > 1:
        return None
    if len({text.endswith("%") for _, text in bare if number(text)}) > 1:  # a count and a fraction have no common scale
        return None
    found = [number(text) for _, text in bare]
    kept = tuple(value for value in found if value is not None)
    return kept if len(kept) == len(found) >= 2 and len(set(kept)) == len(kept) else None


def inner(level: str) -> tuple[str, str]:
    """The word of a level with one argument, and the argument; no word and the level where it is none."""
    found = _CALL.fullmatch(level.strip())
    return (found[1], found[2].strip()) if found and number(found[2]) is not None else ("", level)


def geometric(values: Sequence[float]) -> bool:
    """Whether values belong on a logarithmic axis: three or more positive ones by equal factors, or over more than a decade
    and not at equal distances.
    """
    ordered = sorted(values)
    if len(ordered) < 3 or ordered[0] <= 0:
        return False
    steps = [b / a for a, b in pairwise(ordered)]
    apart = [b - a for a, b in pairwise(ordered)]
    even = max(apart) <= (1 + EVEN) * min(apart)
    return max(steps) <= (1 + EVEN) * min(steps) or (ordered[-1] / ordered[0] > 10 and not even)


def written_out(text: str) -> tuple[str, ...] | None:
    """The levels of a range; None where it is none.

    ``4..8`` has every whole number, ``lin(0..1, 5)`` so many at equal distances, ``log(1e-4..1e-1, 7)`` so many by equal
    factors. Whole ends of `log` give whole numbers; others have three significant digits, the ends as they are written.

    Raises:
        ArchError: its ends are in the wrong order or have no such levels, or it has too many.
    """
    found = _RANGE.fullmatch(text.strip())
    if found is None or bool(found[1]) != bool(found[6]):
        return None
    kind, first, percent, last, also, many = found.groups()
    low, high = float(first), float(last)
    whole = all(end.lstrip("+-").isdecimal() for end in (first, last))
    count = int(many) if many else int(high - low) + 1 if whole and high > low else 0
    if count > Limits.LEVELS:
        raise ArchError(
            f"the range `{text}` has {count:,} levels, more than {Limits.LEVELS:,}",
            help="leave levels out, or raise ARCHDSL_MAX_LEVELS",
        )
    if count < 2 or low >= high or percent != also or (kind == "log" and low <= 0):
        raise ArchError(
            f"the range `{text}` has no levels",
            help="4..8 (whole numbers), lin(0..1, 5) or log(1e-4..1e-1, 7), the smaller end first",
        )
    steps = [n / (count - 1) for n in range(count)]
    values = [low * (high / low) ** s if kind == "log" else low + (high - low) * s for s in steps]
    whole = whole and (kind != "lin" or (high - low) % (count - 1) == 0)
    texts = [first, *(str(round(v)) if whole else short(v) for v in values[1:-1]), last]
    if len(set(texts)) < count:
        raise ArchError(f"the range `{text}` has fewer than {count} whole numbers", help="take fewer levels")
    return tuple(f"{t}{percent}" for t in texts)


def rank(levels: Sequence[str]) -> dict[str, int]:
    """The place of each level: numbers ascending, others as they are written."""
    values = numbers(levels)
    ordered = levels if values is None else [level for _, level in sorted(zip(values, levels, strict=True))]
    return {level: place for place, level in enumerate(ordered)}
