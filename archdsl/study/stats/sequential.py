"""Anytime-valid evidence about paired differences: it stays valid however often one looks, and whenever one stops.

Evidence about one comparison is the e-process of the scale-invariant t test with a normal prior on the standardised
effect (Lai 1976; Wang & Ramdas 2023, arXiv:2310.03722). With n differences, their t statistic t and a prior variance g,

    e = (1 + n g)^(-1/2) * ((1 + t^2 / (n-1)) / (1 + t^2 / ((n-1) (1 + n g))))^(n/2),

which is 1 in expectation where the mean difference is 0. Inverted over shifted nulls it gives a confidence sequence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from archdsl.study.stats.interval import finite

UNEVEN = 2.0  # standard deviations of two arms that are so far apart make skewed differences likely
SURE = 20  # pairs from which the t evidence of such arms counts by itself
PRIOR = 4.0  # variance of the standardised effect under the alternative: seeds differ little, ingredients a lot
EFFECTS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # the standardised effects on which the symmetry test bets, to both sides


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the first ``n`` differences of one comparison show, in the metric's unit.

    ``sd`` is None below two differences. ``log_e`` is the evidence now, ``peak`` the largest so far, both natural
    logarithms; ``p`` = min(1, exp(-peak)) is valid at any time. ``p_symmetric`` needs no normal differences: it assumes
    only that each is as likely to be d as to be -d where the arms do not differ. ``counts`` is what of ``log_e`` decides, by
    the rule for uneven spreads: ``peak`` is the largest of these.
    """

    n: int
    delta: float
    sd: float | None
    log_e: float
    peak: float
    p: float
    p_symmetric: float
    counts: float
    held: bool = False


def evidence(
    deltas: Sequence[float], prior: float = PRIOR, resolution: float = 0.0, uneven: Sequence[bool] = ()
) -> tuple[Evidence, ...]:
    """The evidence after each difference, in the order of the seeds.

    Args:
        deltas: paired differences, one a seed.
        prior: variance of the standardised effect under the alternative.
        resolution: the step in which a metric is counted, such as 1 / 2,000 for an accuracy over 2,000 images. Equal
            differences then do not pass for differences without spread.
        uneven: whether the spreads of the two arms are uneven after each difference, as ``uneven`` gives it.

    Raises:
        ValueError: a difference is not finite.
    """
    record = Record(prior, resolution)
    return tuple(record.add(delta, n < len(uneven) and uneven[n]) for n, delta in enumerate(deltas))


def uneven(own: Sequence[float], theirs: Sequence[float], resolution: float = 0.0) -> list[bool]:
    """Whether, after each pair, one arm's standard deviation is ``UNEVEN`` times the other's, or more; both are taken as at
    least that of a value which is rounded to steps of ``resolution``. Shapes: two values a pair.
    """
    spreads = Spreads(resolution)
    return [spreads.add(a, b) for a, b in zip(own, theirs, strict=True)]


def held_back(course: Sequence[Evidence], flags: Sequence[bool], alpha: float) -> bool:
    """Whether the rule for uneven spreads matters to a comparison: it applies now, or it has held back evidence that would have
    been enough for a decision of a single comparison.

    Args:
        course: the evidence after each difference.
        flags: whether the spreads were uneven after each.
    """
    now = bool(flags) and flags[-1] and len(flags) < SURE
    return now or any(e.counts < -math.log(alpha) <= e.log_e for e in course)


class Spreads:
    """The spreads of two arms as they grow (Welford's sums)."""

    def __init__(self, resolution: float = 0.0) -> None:
        self.least, self.n, self.means, self.squares = resolution / math.sqrt(12), 0, [0.0, 0.0], [0.0, 0.0]

    def add(self, *pair: float) -> bool:
        """Whether they are uneven with one more pair."""
        self.n += 1
        for side, value in enumerate(pair):
            off = value - self.means[side]
            self.means[side] += off / self.n
            self.squares[side] += off * (value - self.means[side])
        if self.n < 2:
            return False
        low, high = sorted(max(math.sqrt(total / (self.n - 1)), self.least) for total in self.squares)
        return high >= UNEVEN * low and high > 0


class Record:
    """One comparison as it grows; arguments as for `evidence`."""

    def __init__(self, prior: float = PRIOR, resolution: float = 0.0) -> None:
        self.prior, self.least = prior, resolution / math.sqrt(6)  # the sd of two values rounded to steps
        self.n, self.mean, self.squares, self.peak = 0, 0.0, 0.0, 0.0
        self.symmetric = _Symmetric()

    def add(self, delta: float, uneven: bool = False) -> Evidence:
        """The evidence with one more difference (Welford's sums: one pass, and no spread where all are equal).

        Args:
            uneven: the arms have uneven spreads now. Below ``SURE`` pairs the evidence counts only as far as the symmetry
                test has as much: a rare failure of one arm, which skews the differences, may not be among so few.

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
        held = uneven and self.n < SURE
        counts = min(log_e, self.symmetric.peak) if held else log_e
        self.peak = max(self.peak, counts)
        p, symmetric = math.exp(-self.peak), math.exp(-self.symmetric.peak)
        return Evidence(self.n, self.mean, sd, log_e, self.peak, p, symmetric, counts, held)


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


def fewest(alpha: float, prior: float = PRIOR) -> int:
    """The fewest differences after which anything can be decided at this level: without any spread, e = (1 + n g)^((n-1)/2)."""
    n = 2
    while math.log1p(n * prior) * (n - 1) / 2 < -math.log(alpha):
        n += 1
    return n


def fewest_symmetric(level: float) -> int:
    """The fewest differences, all equal, after which the symmetry test alone rejects at this level."""
    test = _Symmetric()
    while test.peak < -math.log(level):
        test.add(1.0)
    return test.n


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
