"""Anytime-valid comparison of two samples whose runs have no partner, of unequal sizes and unequal variances (the problem of
Behrens and Fisher, for which Welch's t is the approximation of a fixed design).

With e(m; x) the evidence of `sequential.log_evidence` of one sample x against the mean m (Wang & Ramdas 2023,
arXiv:2310.03722), and independent samples x and y, the product e(m; x) · e(m - d; y) is a martingale where x has mean m and y has
mean m - d. What m is, is not known: the evidence against a difference d is

    E(d) = min over m of e(m; x) · e(m - d; y),

which is at most the product at the true m, so that P(E(d) >= 1 / alpha at any look) <= alpha by Ville's inequality (an infimum
of martingales over a composite null: Ramdas, Ruf, Larsson & Koolen 2020, arXiv:2009.03167). Neither variances nor sizes need be
equal. The interval holds each d with E(d) < 1 / alpha. Means, standard deviations and sizes decide: the order of the rows does
not matter. p is that of the present look, 1 / E(0), as the path to it is not in the table.

Assumed are normal values in each arm, and that the values so far do not decide which arm the next run belongs to; when to
stop may depend on everything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from archdsl.study.stats.interval import finite
from archdsl.study.stats.sequential import PRIOR, Evidence, log_evidence
from archdsl.study.stats.verdicts import (
    OPEN,
    Bounds,
    Decision,
    Verdict,
    adjusted_by_holm,
    agreeing,
    check_level,
    inside,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GRID = 257  # places of the unknown mean, and again between the two neighbours of the best
STEPS = 60  # halvings of the place where an interval ends


@dataclass(frozen=True, slots=True)
class Sample:
    """Size, mean and standard deviation (n - 1) of the runs of one arm; ``sd`` is None below two runs."""

    n: int
    mean: float
    sd: float | None


def sample(values: Sequence[float], resolution: float = 0.0) -> Sample:
    """The sample of these values; its standard deviation is at least that of values rounded to steps of ``resolution``.

    Raises:
        ValueError: there is none, or one is not finite.
    """
    values = finite(values)
    mean = fmean(values)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)) if len(values) > 1 else None
    return Sample(len(values), mean, None if sd is None else max(sd, resolution / math.sqrt(12)))


def evidence_against(x: Sample, y: Sample, difference: float = 0.0, prior: float = PRIOR) -> float:
    """The logarithm of the evidence against mean(x) - mean(y) = ``difference``; 0 below two runs on either side."""
    if x.sd is None or y.sd is None:
        return 0.0
    return _least(x.n, x.sd, y.n, y.sd, abs(x.mean - y.mean - difference), prior)


def half_width(x: Sample, y: Sample, alpha: float, prior: float = PRIOR) -> float | None:
    """Half of the interval of mean(x) - mean(y) of level 1 - alpha; None where it is unbounded."""
    if x.sd is None or y.sd is None:
        return None
    spread, level = math.hypot(x.sd, y.sd), -math.log(alpha)
    if not spread:
        return 0.0 if _least(x.n, 0.0, y.n, 0.0, 1.0, prior) >= level else None
    high = spread
    while _least(x.n, x.sd, y.n, y.sd, high, prior) < level:
        high *= 2
        if high > 1e9 * spread:
            return None
    low = 0.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _least(x.n, x.sd, y.n, y.sd, middle, prior) >= level else (middle, high)
    return high


def unpaired(
    family: Mapping[str, Sequence[float]],
    reference: Sequence[float],
    *,
    alpha: float = 0.05,
    same: float | None = None,
    prior: float = PRIOR,
    resolution: float = 0.0,
) -> dict[str, Verdict]:
    """The verdict on each arm of a family, from its values and those of the reference; greater is better.

    ``p`` is adjusted by Holm, the intervals are simultaneous (Bonferroni) and agree with ``p`` as those of
    `verdicts.verdicts` do. ``evidence.n`` is the size of the smaller side, ``evidence.sd`` None; ``decided`` is not known.

    Raises:
        ValueError: alpha is not in (0, 1), or a value is not finite.
    """
    check_level(alpha)
    base = sample(reference, resolution)
    arms = {name: sample(values, resolution) for name, values in family.items()}
    logs = {name: evidence_against(arm, base, prior=prior) for name, arm in arms.items()}
    adjusted = adjusted_by_holm([min(1.0, math.exp(-log)) for log in logs.values()], len(logs))
    verdicts: dict[str, Verdict] = {}
    for (name, arm), log, p in zip(arms.items(), logs.values(), adjusted, strict=True):
        delta, half = arm.mean - base.mean, half_width(arm, base, alpha / len(arms), prior)
        bounds: Bounds = (None, None) if half is None else (delta - half, delta + half)
        decision: Decision = ("better" if delta > 0 else "worse") if p <= alpha else OPEN
        if decision == OPEN and same is not None and inside(bounds, same):
            decision = "same"
        low, high = agreeing(*bounds, delta, p <= alpha)
        e = Evidence(min(arm.n, base.n), delta, None, log, max(0.0, log), min(1.0, math.exp(-log)), 1.0, log)
        verdicts[name] = Verdict(decision, e, p, 1.0, low, high, None)
    return verdicts


def runs_to_decide(x: Sample, y: Sample, level: float, most: int) -> int | None:
    """The runs of each arm after which the evidence reaches 1 / level if means and spreads stay as they are; None beyond
    ``most``, or below two runs.
    """
    if x.sd is None or y.sd is None or x.mean == y.mean:
        return None
    distance, bound = abs(x.mean - y.mean), -math.log(level)
    low, high = 1, 2
    while _least(high, x.sd, high, y.sd, distance, PRIOR) < bound:
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _least(middle, x.sd, middle, y.sd, distance, PRIOR) >= bound else (middle, high)
    return high


def _least(n: int, sd: float, m: int, other: float, distance: float, prior: float) -> float:
    """The least of e(u; x) · e(distance - u; y) over u from 0 to ``distance``, as a logarithm: outside of it both grow. Each
    factor is a valley about its own mean, and the product may have several.
    """
    import numpy as np

    if not distance:
        return log_evidence(n, 0.0, sd, prior) + log_evidence(m, 0.0, other, prior)

    def product(u: Floats) -> Floats:
        return _logs(n, u, sd, prior) + _logs(m, distance - u, other, prior)

    places = np.linspace(0.0, distance, GRID)
    best = int(np.argmin(product(places)))
    closer = np.linspace(places[max(best - 1, 0)], places[min(best + 1, GRID - 1)], GRID)
    return float(np.min(product(np.concatenate([closer, places[[best]]]))))


def _logs(n: int, distances: Floats, sd: float, prior: float) -> Floats:
    """`log_evidence` of many distances."""
    import numpy as np

    spread = 1 + n * prior
    if not sd:
        return np.where(distances == 0, -math.log(spread) / 2, math.log(spread) * (n - 1) / 2)
    with np.errstate(over="ignore"):
        x = n / (n - 1) * (distances / sd) ** 2
    ratio = np.where(
        np.isfinite(x), np.log1p(np.minimum(x, 1e300)) - np.log1p(np.minimum(x, 1e300) / spread), math.log(spread)
    )
    return -math.log(spread) / 2 + n / 2 * ratio
