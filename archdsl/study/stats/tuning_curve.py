"""Tuning curves: the best score that k tuning runs are expected to reach, and how sure that is.

The expectation is that of Dodge et al. 2019 (arXiv:1909.03004) in its unbiased form, over k of n runs without replacement (Tang
et al. 2020, arXiv:2004.13705). The band follows Lourie et al. 2023 (arXiv:2311.09480): a simultaneous confidence band of the
distribution of one run's score bounds every point of the curve at once. That of the distribution is the equal-tailed one of
Learned-Miller and DeStefano 2008, with a joint level that is computed and not simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import fsum

CONFIDENCE = 0.95
STEPS = 12  # halvings of the level of a single interval, on a logarithmic scale


def expected_best(scores: Sequence[float]) -> list[float]:
    """The mean over all sets of k of the scores of the largest one, for k from 1 to their number."""
    ordered, n = sorted(scores, reverse=True), len(scores)
    curve = []
    for k in range(1, n + 1):
        weight, terms = k / n, []  # that a score is the largest of the k: C(below, k - 1) / C(n, k)
        for below, score in zip(range(n - 1, k - 2, -1), ordered, strict=False):
            terms.append(weight * score)
            weight *= (below - k + 1) / below if below else 0.0
        curve.append(fsum(terms))
    return curve


def band(
    scores: Sequence[float], worst: float, best: float, confidence: float = CONFIDENCE
) -> list[tuple[float, float]]:
    """Lower and upper ends for the expected largest of k independent scores, for k from 1 to their number. All of them hold
    together with this probability, whatever the distribution of a score on [worst, best] is.
    """
    ordered = sorted(scores)
    low, high = envelopes(len(ordered), confidence)
    found = []
    for k in range(1, len(ordered) + 1):
        # E[largest] = best - ∫ F^k, where F is between its envelopes, which are steps.
        most = fsum(p**k * (b - a) for p, (a, b) in zip(high, pairwise((worst, *ordered)), strict=True))
        least = fsum(p**k * (b - a) for p, (a, b) in zip(low, pairwise((*ordered, best)), strict=True))
        found.append((ordered[-1] - most, best - least))
    return found


@lru_cache
def envelopes(n: int, confidence: float = CONFIDENCE) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bounds of a distribution function at each of n sorted draws, which hold together with this probability.

    At the i-th draw it has the distribution Beta(i, n + 1 - i), where it is continuous. Every interval leaves out equal
    tails, and all have one level, so that they hold together as often as is asked for.
    """
    narrow, wide = 1 - confidence, (1 - confidence) / n  # by Bonferroni, the latter is enough
    for _ in range(STEPS):
        level = (narrow * wide) ** 0.5
        if joint(*_intervals(n, level)) < confidence:
            narrow = level
        else:
            wide = level
    return _intervals(n, wide)


def _intervals(n: int, level: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from scipy.special import betaincinv

    low = tuple(float(betaincinv(i, n + 1 - i, level / 2)) for i in range(1, n + 1))
    return low, tuple(1 - p for p in reversed(low))


def joint(low: Sequence[float], high: Sequence[float]) -> float:
    """The probability that each of n sorted uniform numbers is within its bounds, which ascend.

    The number of those below a point is a Markov chain: at a lower bound too many must not be below it, and at an upper one
    enough must be.
    """
    import numpy as np
    from scipy.special import gammaln, xlog1py, xlogy

    n = len(low)
    factorials = gammaln(np.arange(n + 1) + 1.0)
    states, chances, at = np.array([0]), np.array([1.0]), 0.0
    fewest, most = 0, 0  # of the numbers below a point
    for point, is_low in sorted([*((p, True) for p in low), *((p, False) for p in high)]):
        q = (point - at) / (1 - at)
        fewest += not is_low
        after = np.arange(fewest, most + 1)
        if not after.size:
            return 0.0
        more, left = np.maximum(after - states[:, None], 0), n - after
        ways = factorials[n - states][:, None] - factorials[more] - factorials[left]
        steps = np.exp(ways + xlogy(more, q) + xlog1py(left, -q))
        chances = chances @ np.where(after >= states[:, None], steps, 0.0)
        states, at = after, point
        most += is_low
    return float(chances.sum())
