"""How many seeds a difference needs, and which difference so many seeds can show."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import lru_cache

from archdsl.study.stats.interval import t_quantile

SEEDS_CAP = 1000
POWER = 0.8  # the chance with which a fixed design is to find a difference
FARTHEST = 12.0  # from 0 where the normal distribution is integrated


def power(n: int, effect: float, alpha: float = 0.05) -> float:
    """The chance that a two-sided paired t test at `alpha` rejects: n >= 2 pairs, `effect` = delta / sd of differences.

    By the noncentral F, since t squared is one: both tails at once, and finite in more places than SciPy's noncentral t.
    """
    return _power(n - 1, effect * math.sqrt(n), alpha)


def _power(df: int, noncentrality: float, alpha: float) -> float:
    from scipy.special import ncfdtr

    critical = t_quantile(df, 1 - alpha / 2)
    below = float(ncfdtr(1, df, noncentrality * noncentrality, critical * critical))
    return 1.0 - below if math.isfinite(below) else _power_by_quadrature(df, noncentrality, critical)


def _power_by_quadrature(df: int, noncentrality: float, critical: float) -> float:
    """The chance that |Z + noncentrality| exceeds ``critical`` times the root of chi-square over ``df``, Z standard normal: the
    mean over Z of the distribution function of chi-square. Where a noncentrality is large SciPy's noncentral F is NaN.
    """
    from scipy.integrate import quad
    from scipy.special import chdtr

    def density(z: float) -> float:
        return math.exp(-z * z / 2) * float(chdtr(df, df * ((z + noncentrality) / critical) ** 2))

    return float(quad(density, -FARTHEST, FARTHEST, points=[0.0], limit=200)[0]) / math.sqrt(2 * math.pi)


def detectable(n: int, sd: float, alpha: float = 0.05, power: float = POWER) -> float | None:
    """The smallest |delta| that a two-sided paired t test of n pairs detects with this power.

    `sd` is that of the differences, and the result has its unit. None where it is undefined: n < 2 or sd = 0.
    """
    if n < 2 or not sd > 0:
        return None
    return _noncentrality(n - 1, alpha, power) * sd / math.sqrt(n)


@lru_cache(maxsize=256)
def _noncentrality(df: int, alpha: float, wanted: float) -> float:
    """Where the power is `wanted`, by halving: it grows with the noncentrality."""
    low, high = 0.0, 1.0
    while _power(df, high, alpha) < wanted:
        low, high = high, 2 * high
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _power(df, middle, alpha) < wanted else (low, middle)
    return high


def seeds_needed(
    delta: float, sd: float, alpha: float = 0.05, power: float = POWER, cap: int = SEEDS_CAP
) -> int | None:
    """The fewest pairs with which a two-sided paired t test detects `delta` with this power.

    `cap` stands for itself and for all that is above. None where it is undefined: delta = 0 or sd = 0.
    """
    if not delta or not sd > 0:
        return None
    effect = abs(delta) / sd
    below = range(2, cap)
    return below.start + bisect_left(below, power, key=lambda n: _power(n - 1, effect * math.sqrt(n), alpha))


def seeds_to_reject(m: int, alpha: float = 0.05) -> int:
    """The fewest seeds with which one of m exact sign-flip tests, Holm-adjusted, can reject at all.

    The smallest p of n differences is 2 / 2^n, and the first step of Holm multiplies it by m.
    """
    if m < 1 or not 0 < alpha < 1:
        raise ValueError("at least one comparison, and an alpha between 0 and 1")
    return next(n for n in range(1, 1100) if math.ldexp(m, 1 - n) <= alpha)
