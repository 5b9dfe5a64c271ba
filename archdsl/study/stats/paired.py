"""Two arms compared seed by seed."""

from __future__ import annotations

import statistics
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archdsl.study.amounts import ALPHA
from archdsl.study.stats.interval import finite, half_width
from archdsl.study.stats.power import detectable, seeds_needed
from archdsl.study.stats.signflip import signflip

NAMED_SEEDS = 8
MISSING = "missing in"  # is in the sentences on seeds that one side lacks


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the seeds that two arms share say of A - B, in the metric's unit.

    `delta` is the mean difference, `low` to `high` its 95 % t interval, `reference` the mean of B, `sd` the standard
    deviation of the n differences, `r` the correlation of the pairs, `p` that of the exact sign-flip test (not adjusted),
    `superiority` P(A > B), `detectable` the smallest |delta| that a t test of n pairs at the level alpha shows with a power
    of 0.8, and `seeds_needed` the pairs that the delta observed would need for it. What is undefined is None, and `why`
    says so.
    """

    n: int = 0
    delta: float | None = None
    reference: float | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    r: float | None = None
    p: float | None = None
    superiority: float | None = None
    detectable: float | None = None
    seeds_needed: int | None = None
    why: tuple[str, ...] = ()


def compare(
    a: Mapping[int, float], b: Mapping[int, float], names: tuple[str, str] = ("A", "B"), alpha: float = ALPHA
) -> Comparison:
    """Compare results by seed (seed -> value); `names` are for the words. ValueError for a value that is not finite."""
    seeds = sorted(a.keys() & b.keys())
    why = list(_missing(a, b, names))
    ours, theirs = finite(a[seed] for seed in seeds), finite(b[seed] for seed in seeds)
    n = len(seeds)
    if not n:
        return Comparison(why=(*why, "no seed is shared: no comparison"))
    deltas = [x - y for x, y in zip(ours, theirs, strict=True)]
    delta = statistics.mean(deltas)
    sd = _spread(deltas, [*ours, *theirs]) if n > 1 else None
    half = half_width(n, sd) if sd else None
    r = _correlation(ours, theirs)
    constant = [name for name, values in zip(names, (ours, theirs), strict=True) if min(values) == max(values)]
    why += _undefined(n, delta, sd, r, constant)
    return Comparison(
        n=n,
        delta=delta,
        reference=statistics.mean(theirs),
        low=None if half is None else delta - half,
        high=None if half is None else delta + half,
        sd=sd,
        r=r,
        p=signflip(deltas),
        superiority=superiority(ours, theirs),
        detectable=None if sd is None else detectable(n, sd, alpha),
        seeds_needed=None if sd is None else seeds_needed(delta, sd, alpha),
        why=tuple(why),
    )


def superiority(a: Sequence[float], b: Sequence[float]) -> float:
    """P(A > B): the fraction of all len(a) x len(b) pairs in which A is the greater, ties by half.

    The pairs cross the seeds, since whoever trains A once and B once has two seeds (McGraw & Wong 1992).
    """
    below = sorted(b)
    halves = sum(bisect_left(below, x) + bisect_right(below, x) for x in a)
    return halves / (2 * len(a) * len(b))


def _spread(deltas: Sequence[float], values: Sequence[float]) -> float:
    """The sd of the differences; 0.0 where they differ by the rounding of the values alone."""
    rounding = 4 * sys.float_info.epsilon * max(map(abs, values))
    return 0.0 if max(deltas) - min(deltas) <= rounding else statistics.stdev(deltas)


def _correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Pearson's r; None below three pairs (two always are on a line) and where one side is constant."""
    if len(a) < 3 or min(a) == max(a) or min(b) == max(b):
        return None
    try:
        return max(-1.0, min(1.0, statistics.correlation(a, b)))
    except statistics.StatisticsError:  # the squares underflow
        return None


def _missing(a: Mapping[int, float], b: Mapping[int, float], names: tuple[str, str]) -> Iterator[str]:
    """Seeds that only one of the two has."""
    for lacking, name in ((b.keys() - a.keys(), names[0]), (a.keys() - b.keys(), names[1])):
        if not lacking:
            continue
        seeds = sorted(lacking)
        listed = ", ".join(map(str, seeds[:NAMED_SEEDS]))
        more = f" and {len(seeds) - NAMED_SEEDS} more" if len(seeds) > NAMED_SEEDS else ""
        yield (
            f"seed {listed} is {MISSING} `{name}`"
            if len(seeds) == 1
            else f"seeds {listed}{more} are {MISSING} `{name}`"
        )


ALL_EQUAL = "the differences are all equal: no interval"


def _undefined(n: int, delta: float, sd: float | None, r: float | None, constant: Sequence[str]) -> Iterator[str]:
    """A sentence for each figure that is None; `constant` names the sides whose values are all equal."""
    if n == 1:
        yield "one pair: no interval, no correlation"
        return
    if not sd:
        yield ALL_EQUAL
    elif not delta:
        yield "the mean difference is 0: no number of seeds would show it"
    if n == 2:
        yield "two pairs: no correlation"
    elif r is None:
        sides = " and of ".join(f"`{name}`" for name in constant)
        yield f"the values of {sides} are all equal: no correlation" if sides else "too little spread: no correlation"
