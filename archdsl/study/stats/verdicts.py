"""Verdicts on a family of comparisons with one reference: each ends as `better`, `worse`, `same` or `open`.

Two designs have one form. In a sequential design one may look after each seed and stop whenever one likes; in a fixed
design the number of seeds is stated before, and one looks once. In both, the p-value, the interval and the decision of a
comparison come from one test, and agree with each other: the decision is `better` or `worse` exactly where the adjusted p is
at most alpha, and the interval leaves out 0 exactly there.

**Sequential.** A family is adjusted through the anytime-valid p-values 1 / max_k e_k, and not through the e-values
themselves: each e-process holds with respect to its own differences alone, while arms are stopped by what all arms show.
The running maximum is free of that (Ville's inequality; Choe & Ramdas 2024, arXiv:2402.09698), and Holm's procedure (1979)
keeps the family-wise error rate under any dependence between the arms.

**Fixed.** Student's paired t test (1908) with Holm's procedure; intervals of level 1 - alpha / m (Bonferroni).

Holm decides a little earlier than a Bonferroni interval leaves out 0. The interval is cut at 0 there, as those are that belong to
step-down procedures (Strassburger & Bretz 2008; Guilbaud 2008). The rule for uneven spreads (``sequential.Record``) holds back
evidence. Where only such evidence would let the interval leave out 0, the interval is widened to 0.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from archdsl.study.amounts import ALPHA
from archdsl.study.stats.interval import finite, t_quantile
from archdsl.study.stats.sequential import PRIOR, Evidence, Record, half_width
from archdsl.study.stats.signflip import holm, signflip

Decision = Literal["better", "worse", "same", "open"]
OPEN: Decision = "open"
Bounds = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one comparison of a family.

    ``evidence`` is that of all its differences. ``p`` is adjusted by Holm over the family, ``p_symmetric`` is the robust one
    beside it, adjusted alike: it assumes only that a difference is as likely to be d as to be -d where arms do not differ.
    ``low`` to ``high`` is simultaneous over the family, None where it is unbounded. ``decided`` is the number of differences
    at which the decision fell, None while it is open. Where the mean of all differences contradicts a decision that fell
    before, ``evidence`` and the interval are those at the decision, and ``later`` is the evidence of all differences.
    """

    decision: Decision
    evidence: Evidence
    p: float
    p_symmetric: float
    low: float | None
    high: float | None
    decided: int | None
    later: Evidence | None = None


class Family:
    """The comparisons of a sequential design as they grow, look by look.

    A comparison that is decided stays decided. The answer depends on the differences of each look alone, not on the order in
    which runs came in.

    Args:
        size: comparisons that are planned; those without a difference yet count.
        alpha: the probability of any wrong decision in the family.
        same: the largest difference that does not matter; None: no comparison ends as `same`.
        prior, resolution: as for ``sequential.evidence``.
        steps: the resolution of single comparisons, by name, where they are in several metrics.
        apart: comparisons in other metrics than that of ``same``, which never end as `same`.

    Raises:
        ValueError: alpha is not in (0, 1).
    """

    def __init__(
        self,
        size: int,
        *,
        alpha: float = ALPHA,
        same: float | None = None,
        prior: float = PRIOR,
        resolution: float = 0.0,
        steps: Mapping[str, float] | None = None,
        apart: Collection[str] = (),
    ) -> None:
        self.steps, self.apart = steps or {}, frozenset(apart)
        self.size, self.alpha, self.same, self.prior, self.resolution = (
            size,
            check_level(alpha),
            same,
            prior,
            resolution,
        )
        self.looks = 0
        self._records: dict[str, Record] = {}
        self._last: dict[str, Evidence] = {}
        self._decided: dict[str, tuple[Decision, Evidence]] = {}

    def add(self, deltas: Mapping[str, float], uneven: Collection[str] = ()) -> None:
        """One look: a further difference of each of these comparisons.

        Args:
            uneven: comparisons of arms whose spreads are uneven now (``sequential.uneven``).

        Raises:
            ValueError: a difference is not finite.
        """
        self.looks += 1
        for name, delta in deltas.items():
            record = self._records.setdefault(name, Record(self.prior, self.steps.get(name, self.resolution)))
            self._last[name] = record.add(delta, name in uneven)
        adjusted = dict(zip(self._last, adjusted_by_holm([e.p for e in self._last.values()], self.size), strict=True))
        for name, e in self._last.items():
            if name in self._decided:
                continue
            if adjusted[name] <= self.alpha:
                self._decided[name] = ("better" if e.delta > 0 else "worse", e)
            elif self.same is not None and name not in self.apart and inside(self._bounds(e), self.same):
                self._decided[name] = ("same", e)

    def decision(self, name: str) -> Decision:
        """The decision on a comparison so far."""
        return self._decided[name][0] if name in self._decided else OPEN

    def verdicts(self, running: bool = False) -> dict[str, Verdict]:
        """The verdict on each comparison that has a difference.

        Args:
            running: intervals are of all differences, also where these contradict a decision that fell before.
        """
        every = list(self._last.values())
        ps, robust = (adjusted_by_holm(p, self.size) for p in ([e.p for e in every], [e.p_symmetric for e in every]))
        verdicts: dict[str, Verdict] = {}
        for (name, e), p, symmetric in zip(self._last.items(), ps, robust, strict=True):
            decision, then = self._decided.get(name, (OPEN, e))
            later = e if not running and contradicted(decision, e.delta, self.same) else None
            shown = e if later is None else then
            side = shown.delta if decision in (OPEN, "same") else decision
            low, high = agreeing(*self._bounds(shown), side, p <= self.alpha)
            when = None if decision == OPEN else then.n
            verdicts[name] = Verdict(decision, shown, p, symmetric, low, high, when, later)
        return verdicts

    def _bounds(self, e: Evidence) -> Bounds:
        half = None if e.sd is None else half_width(e.n, e.sd, self.alpha / self.size, self.prior)
        return (None, None) if half is None else (e.delta - half, e.delta + half)


def verdicts(
    family: Mapping[str, Sequence[float]],
    *,
    alpha: float = ALPHA,
    same: float | None = None,
    prior: float = PRIOR,
    resolution: float = 0.0,
    size: int | None = None,
    uneven: Mapping[str, Sequence[bool]] | None = None,
) -> dict[str, Verdict]:
    """The verdict of a sequential design on each comparison, from its differences in the order of the seeds.

    Args:
        family: name → differences to the reference; greater is better.
        size: the comparisons planned, where the family holds only those that have results.
        uneven: name → whether the spreads of the two arms are uneven after each difference (``sequential.uneven``).
        alpha, same, prior, resolution: as for ``Family``.

    Raises:
        ValueError: alpha is not in (0, 1), or a difference is not finite.
    """
    grown = Family(max(size or 0, len(family)), alpha=alpha, same=same, prior=prior, resolution=resolution)
    for n in range(max(map(len, family.values()), default=0)):
        look = {name: deltas[n] for name, deltas in family.items() if n < len(deltas)}
        grown.add(look, {name for name in look if uneven is not None and uneven[name][n]})
    known = grown.verdicts()
    return {name: known[name] for name in family if name in known}


def fixed_verdicts(
    family: Mapping[str, Sequence[float]],
    *,
    alpha: float = ALPHA,
    same: float | None = None,
    resolution: float = 0.0,
    size: int | None = None,
    steps: Mapping[str, float] | None = None,
    apart: Collection[str] = (),
) -> dict[str, Verdict]:
    """The verdict of a fixed design on each comparison: valid for one look, at a number of seeds that was stated before.

    ``p`` is that of the paired t test and ``p_symmetric`` that of the exact sign-flip test, each adjusted by Holm; both are 1
    where they are undefined. Arguments and errors as for ``Family``.
    """
    check_level(alpha)
    every = {name: _at_once(deltas, (steps or {}).get(name, resolution)) for name, deltas in family.items() if deltas}
    planned = max(size or 0, len(family))
    ps, robust = (
        adjusted_by_holm(p, planned) for p in ([e.p for e in every.values()], [e.p_symmetric for e in every.values()])
    )
    found: dict[str, Verdict] = {}
    for (name, e), p, symmetric in zip(every.items(), ps, robust, strict=True):
        half = t_quantile(e.n - 1, 1 - alpha / planned / 2) * e.sd / math.sqrt(e.n) if e.sd is not None else None
        bounds: Bounds = (None, None) if half is None else (e.delta - half, e.delta + half)
        decision = OPEN
        if p <= alpha:
            decision = "better" if e.delta > 0 else "worse"
        elif same is not None and name not in apart and inside(bounds, same):
            decision = "same"
        low, high = agreeing(*bounds, e.delta, p <= alpha)
        found[name] = Verdict(decision, e, p, symmetric, low, high, None if decision == OPEN else e.n)
    return found


def _at_once(deltas: Sequence[float], resolution: float) -> Evidence:
    """The evidence of a fixed number of differences; its p is not valid when more are added."""
    record = Record(resolution=resolution)
    for delta in deltas:
        last = record.add(delta)
    mean = statistics.mean(finite(deltas))  # in fractions: no order of the seeds changes it
    p = paired_t(last.n, mean, last.sd)
    return Evidence(last.n, mean, last.sd, last.log_e, last.peak, p, signflip(deltas), last.counts)


def paired_t(n: int, mean: float, sd: float | None) -> float:
    """Two-sided p of Student's t test (1908) of n differences; 1 for one difference, 0 for differences that are all equal and
    not 0."""
    from scipy.special import stdtr

    if sd is None or not mean:
        return 1.0
    if not sd or not math.isfinite(t := mean / sd * math.sqrt(n)):
        return 0.0
    return min(1.0, 2 * float(stdtr(n - 1, -abs(t))))


def check_level(alpha: float) -> float:
    """The level, if it is one.

    Raises:
        ValueError: alpha is not in (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, not {alpha}")
    return alpha


def adjusted_by_holm(ps: Sequence[float], planned: int) -> list[float]:
    """Holm's adjusted p-values, those of comparisons without a result counting as 1."""
    full = holm([*ps, *[1.0] * (planned - len(ps))])
    return [1.0 if p is None else p for p in full[: len(ps)]]


def contradicted(decision: Decision, delta: float, same: float | None) -> bool:
    """Whether a mean difference contradicts a decision that fell before: another sign, or more than what is the same."""
    if decision == "same":
        return same is not None and abs(delta) > same
    return decision != OPEN and delta != 0 and (delta > 0) != (decision == "better")


def inside(bounds: Bounds, same: float) -> bool:
    """Whether a bounded interval is within ±``same``."""
    low, high = bounds
    return low is not None and high is not None and -same <= low and high <= same


def agreeing(low: float | None, high: float | None, side: float | Decision, rejected: bool) -> Bounds:
    """The interval as it agrees with Holm's decision: cut at 0 where Holm decides before Bonferroni's interval leaves out 0,
    and widened to 0 where evidence that is held back would let it leave out 0.
    """
    if low is None or high is None:
        return low, high
    if not rejected:
        return min(low, 0.0), max(high, 0.0)
    if not low <= 0 <= high:
        return low, high
    above = side == "better" if isinstance(side, str) else side > 0
    return (0.0, high) if above else (low, 0.0)
