"""Anytime-valid comparison of paired differences: evidence, p-values, intervals and verdicts that stay valid however often
one looks, and whenever one stops.

Evidence about one comparison is the e-process of the scale-invariant t test with a normal prior on the standardised
effect (Lai 1976; Wang & Ramdas 2023, arXiv:2310.03722). With n differences, their t statistic t and a prior variance g,

    e = (1 + n g)^(-1/2) * ((1 + t^2 / (n-1)) / (1 + t^2 / ((n-1) (1 + n g))))^(n/2),

which is 1 in expectation where the mean difference is 0. Inverted over shifted nulls it gives a confidence sequence.

A family of comparisons is adjusted through the anytime-valid p-values 1 / max_k e_k, and not through the e-values
themselves: each e-process holds with respect to its own differences alone, while arms are stopped by what all arms show.
The running maximum is free of that (Ville's inequality; Choe & Ramdas 2024, arXiv:2402.09698), and Holm's procedure
keeps the family-wise error rate under any dependence between the arms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from archdsl.study.stats.interval import finite
from archdsl.study.stats.signflip import holm

PRIOR = 4.0  # variance of the standardised effect under the alternative: seeds differ little, ingredients a lot
EFFECTS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # the standardised effects on which the symmetry test bets, to both sides
Decision = Literal["better", "worse", "same", "open"]
OPEN: Decision = "open"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the first ``n`` differences of one comparison show, in the metric's unit.

    ``sd`` is None below two differences. ``log_e`` is the evidence now, ``peak`` the largest so far, both natural
    logarithms; ``p`` = min(1, exp(-peak)) is valid at any time. ``p_symmetric`` needs no normal differences: it assumes
    only that each is as likely to be d as to be -d where the arms do not differ.
    """

    n: int
    delta: float
    sd: float | None
    log_e: float
    peak: float
    p: float
    p_symmetric: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one comparison of a family; ``evidence`` is that of all its differences.

    ``p`` is adjusted by Holm over the family, ``low`` to ``high`` is simultaneous over it (Bonferroni) and leaves out 0
    exactly where ``p`` is at most alpha; None where the interval is unbounded. ``decided`` is the number of differences
    at which the decision fell, None while it is open.
    """

    decision: Decision
    evidence: Evidence
    p: float
    p_symmetric: float
    low: float | None
    high: float | None
    decided: int | None


def evidence(deltas: Sequence[float], prior: float = PRIOR, resolution: float = 0.0) -> tuple[Evidence, ...]:
    """The evidence after each difference, in the order of the seeds.

    Args:
        deltas: paired differences, one a seed.
        prior: variance of the standardised effect under the alternative.
        resolution: the step in which a metric is counted, such as 1 / 2,000 for an accuracy over 2,000 images. Equal
            differences then do not pass for differences without spread.

    Raises:
        ValueError: a difference is not finite.
    """
    record = Record(prior, resolution)
    return tuple(record.add(delta) for delta in deltas)


class Record:
    """One comparison as it grows; arguments as for `evidence`."""

    def __init__(self, prior: float = PRIOR, resolution: float = 0.0) -> None:
        self.prior, self.least = prior, resolution / math.sqrt(6)  # the sd of two values rounded to steps
        self.n, self.mean, self.squares, self.peak = 0, 0.0, 0.0, 0.0
        self.symmetric = _Symmetric()

    def add(self, delta: float) -> Evidence:
        """The evidence with one more difference (Welford's sums: one pass, and no spread where all are equal).

        Raises:
            ValueError: it is not finite.
        """
        (delta,) = finite([delta])
        self.n += 1
        off = delta - self.mean
        self.mean += off / self.n
        self.squares += off * (delta - self.mean)
        self.symmetric.add(delta)
        sd = max(math.sqrt(self.squares / (self.n - 1)), self.least) if self.n > 1 else None
        log_e = 0.0 if sd is None else log_evidence(self.n, self.mean, sd, self.prior)
        self.peak = max(self.peak, log_e)
        return Evidence(self.n, self.mean, sd, log_e, self.peak, math.exp(-self.peak), math.exp(-self.symmetric.peak))


def log_evidence(n: int, mean: float, sd: float, prior: float = PRIOR) -> float:
    """The logarithm of the e-value of n >= 2 differences against a mean difference of 0."""
    if not mean:
        return -math.log1p(n * prior) / 2
    if not sd:
        return math.log1p(n * prior) * (n - 1) / 2
    x = n / (n - 1) * (mean / sd) * (mean / sd)  # t squared over its degrees of freedom
    spread = 1 + n * prior
    # log((1 + x) / (1 + x / spread)) without the overflow of a huge x
    ratio = math.log1p(x) - math.log1p(x / spread) if math.isfinite(x) else math.log(spread)
    return -math.log(spread) / 2 + n / 2 * ratio


def half_width(n: int, sd: float, alpha: float, prior: float = PRIOR) -> float | None:
    """Half of the confidence sequence's interval of level 1 - alpha after n differences; None where it is unbounded.

    All intervals of one sequence hold the mean together with a probability of at least 1 - alpha.
    """
    if n < 2:
        return None
    spread = 1 + n * prior
    bound = math.exp((math.log(spread) - 2 * math.log(alpha)) / n)
    if bound >= spread:
        return None
    return sd * math.sqrt((n - 1) / n * (bound - 1) / (1 - bound / spread))


def verdicts(
    family: Mapping[str, Sequence[float]], *, alpha: float = 0.05, same: float | None = None, prior: float = PRIOR,
    resolution: float = 0.0, size: int | None = None,
) -> dict[str, Verdict]:  # fmt: skip
    """The verdict on each comparison of a family, from its differences in the order of the seeds.

    A comparison that is decided stays decided; later differences still narrow its interval. The answer depends on the
    differences alone, not on the order in which runs came in.

    Args:
        family: name → differences to the reference; greater is better.
        alpha: the probability of any wrong decision in the family.
        same: the largest difference that does not matter; None: no comparison ends as `same`.
        size: the comparisons planned, where the family holds only those that have results.

    Raises:
        ValueError: alpha is not in (0, 1), or a difference is not finite.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, not {alpha}")
    records = {name: Record(prior, resolution) for name, deltas in family.items() if deltas}
    planned, last = max(size or 0, len(family)), dict[str, Evidence]()
    decided: dict[str, tuple[Decision, int]] = {}
    for n in range(max(map(len, family.values()), default=0)):
        last |= {name: record.add(family[name][n]) for name, record in records.items() if n < len(family[name])}
        adjusted = dict(zip(last, _adjusted([e.p for e in last.values()], planned), strict=True))
        for name, e in last.items():
            if name in decided:
                continue
            if adjusted[name] <= alpha:
                decided[name] = ("better" if e.delta > 0 else "worse", e.n)
            elif same is not None and _within(e, alpha / planned, prior, same):
                decided[name] = ("same", e.n)
    ps = _adjusted([e.p for e in last.values()], planned)
    robust = _adjusted([e.p_symmetric for e in last.values()], planned)
    found: dict[str, Verdict] = {}
    for (name, e), p, symmetric in zip(last.items(), ps, robust, strict=True):
        decision, when = decided.get(name, (OPEN, None))
        low, high = _bounds(e, alpha / planned, prior)
        if p <= alpha and low is not None and high is not None and low <= 0 <= high:
            low, high = (
                (0.0, high) if decision == "better" or e.delta > 0 else (low, 0.0)
            )  # Holm's decision comes before Bonferroni's interval
        found[name] = Verdict(decision, e, p, symmetric, low, high, when)
    return found


def _adjusted(ps: Sequence[float], planned: int) -> list[float]:
    """Holm's adjusted p-values, those of comparisons without a result counting as 1."""
    full = holm([*ps, *[1.0] * (planned - len(ps))])
    return [1.0 if p is None else p for p in full[: len(ps)]]


def _bounds(e: Evidence, alpha: float, prior: float) -> tuple[float | None, float | None]:
    half = None if e.sd is None else half_width(e.n, e.sd, alpha, prior)
    return (None, None) if half is None else (e.delta - half, e.delta + half)


def _within(e: Evidence, alpha: float, prior: float, same: float) -> bool:
    low, high = _bounds(e, alpha, prior)
    return low is not None and high is not None and -same <= low and high <= same


class _Symmetric:
    """A test that each difference is as likely to be d as to be -d. Given its size, the sign is a fair coin then; a bet on
    it that depends on the sizes so far multiplies the capital by 1 in expectation. The bets are those of a normal effect,
    1 + tanh(effect * |d| / s) * sign(d), s the root mean square so far; the capital is the mean over ``EFFECTS``.
    """

    def __init__(self) -> None:
        self.bets = [sign * effect for effect in EFFECTS for sign in (1.0, -1.0)]
        self.capital = [0.0] * len(self.bets)  # logarithms
        self.squares, self.n, self.peak = 0.0, 0, 0.0

    def add(self, delta: float) -> None:
        """Take the next difference."""
        self.n += 1
        self.squares += delta * delta
        if not self.squares:  # zeros so far, or too small to be squared: nothing to bet on
            return
        size = delta / math.sqrt(self.squares / self.n)
        self.capital = [c + _log_bet(bet * size) for c, bet in zip(self.capital, self.bets, strict=True)]
        top = max(self.capital)
        total = top + math.log(math.fsum(math.exp(c - top) for c in self.capital) / len(self.capital))
        self.peak = max(self.peak, total)


def _log_bet(x: float) -> float:
    """log(1 + tanh(x)), without cancellation."""
    return math.log(2) - (math.log1p(math.exp(-2 * x)) if x > 0 else -2 * x + math.log1p(math.exp(2 * x)))
