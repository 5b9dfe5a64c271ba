"""The pairs after which open comparisons would be decided, if their means and spreads stay as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from archdsl.study.stats import seeds_needed
from archdsl.study.stats.sequential import SURE, Evidence, fewest_symmetric, half_width, log_evidence
from archdsl.study.stats.verdicts import OPEN, Verdict

if TYPE_CHECKING:
    from archdsl.study.results.decide import DecisionOptions

FAR = 10_000  # pairs: a projection beyond them says nothing
Takes = Callable[[str, float], int | None]  # name and level → pairs after which a comparison is rejected at that level


def projected(
    verdicts: Mapping[str, Verdict], alpha: float, size: int, takes: Takes, same: float | None = None
) -> dict[str, int]:
    """The pairs after which each open comparison of a family would be decided, by the thresholds of Holm's procedure: with k
    comparisons rejected before it, one is rejected at alpha / (size - k). Those that would be rejected first lower the
    threshold of the others. Comparisons for which this is not known, or more than ``FAR``, are left out.

    Args:
        same: the margin within which a comparison of a sequential design ends as `same`.
    """
    rejected = sum(v.p <= alpha for v in verdicts.values())
    left = [name for name, v in verdicts.items() if v.decision == OPEN]
    within = {name: _to_same(verdicts[name], same, alpha / size) for name in left}
    pairs = {name: n for name, n in within.items() if n is not None}
    last = 0
    while left:
        known = {name: n for name in left if (n := takes(name, alpha / (size - rejected))) is not None}
        if not known:
            break
        name = min(known, key=lambda name: known[name])
        left.remove(name)
        if pairs.get(name, FAR + 1) > max(last, known[name]):
            last = max(last, known[name])
            pairs[name] = last
            rejected += 1
    return {name: n for name, n in pairs.items() if n <= FAR and n > verdicts[name].evidence.n}


def seeds_to_decide(verdicts: Mapping[str, Verdict], options: DecisionOptions, size: int) -> dict[str, int]:
    """The seeds after which each open arm of a study would be decided; arguments and result as for ``projected``. Of a fixed
    design they are those with which it is decided with a power of ``POWER``, since its evidence does not grow with each look.
    """

    def takes(name: str, level: float) -> int | None:
        e = verdicts[name].evidence
        if not e.sd:
            return None
        return pairs_from(e, level) if options.sequential else pairs_for_power(e.delta, e.sd, level)

    return projected(verdicts, options.alpha, size, takes, options.same if options.sequential else None)


def _to_same(verdict: Verdict, same: float | None, level: float) -> int | None:
    e = verdict.evidence
    return None if same is None or not e.sd else pairs_to_same(same - abs(e.delta), e.sd, level)


def pairs_to_decide(delta: float, sd: float, level: float) -> int | None:
    """The pairs after which evidence reaches 1 / level if mean and spread stay as they are; None beyond ``FAR``."""
    return _first(lambda n: log_evidence(n, delta, sd) >= -math.log(level))


def pairs_from(e: Evidence, level: float) -> int | None:
    """As ``pairs_to_decide``, by the rule for uneven spreads where it applies now: below ``SURE`` pairs the symmetry test has to
    reject, too.
    """
    n = pairs_to_decide(e.delta, e.sd, level) if e.sd else None
    if n is None or not e.held:
        return n
    least = fewest_symmetric(level)
    return max(n, least if e.n < least < SURE else SURE)


def pairs_for_power(delta: float, sd: float, level: float) -> int | None:
    """The pairs with which a paired t test at the level detects the difference with a power of ``POWER``; None beyond ``FAR``,
    and where it is undefined.
    """
    n = seeds_needed(delta, sd, level, cap=FAR + 1)
    return None if n is None or n > FAR else n


def pairs_to_same(margin: float, sd: float, level: float) -> int | None:
    """The pairs after which half of the interval is within ``margin``; None beyond ``FAR``, and for no margin."""
    if margin <= 0:
        return None
    return _first(lambda n: (half := half_width(n, sd, level)) is not None and half <= margin)


def _first(reached: Callable[[int], bool]) -> int | None:
    """The first number of pairs from 2 on at which a condition that stays is reached; None beyond ``FAR``."""
    low, high = 1, 2
    while not reached(high):
        if high >= FAR:
            return None
        low, high = high, min(2 * high, FAR)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
