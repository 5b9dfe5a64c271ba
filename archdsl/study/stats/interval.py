"""Mean, standard deviation and Student's t interval of one arm."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric of one arm over its runs, in the metric's unit.

    `mean` is None without a run. `sd` (of the sample, n - 1) and the 95 % interval `low` to `high` of the mean are
    None below two runs.
    """

    mean: float | None
    sd: float | None
    n: int
    low: float | None
    high: float | None


def summary(values: Sequence[float]) -> Summary:
    """Mean, sd and 95 % t interval of the mean (Student 1908); ValueError for a value that is not finite."""
    values = finite(values)
    n = len(values)
    if n < 2:
        return Summary(values[0] if n else None, None, n, None, None)
    # Both are computed in fractions and rounded once, so that neither order nor size of the values matters.
    mean = statistics.mean(values)
    sd = statistics.stdev(values, mean)
    half = half_width(n, sd)
    return Summary(mean, sd, n, mean - half, mean + half)


def half_width(n: int, sd: float) -> float:
    """Half of the 95 % t interval of a mean of n >= 2 values."""
    return t_quantile(n - 1, 0.975) * sd / math.sqrt(n)


@lru_cache(maxsize=256)
def t_quantile(df: int, p: float) -> float:
    """The p-quantile of Student's t with `df` degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(df, p))


def finite(values: Iterable[float]) -> list[float]:
    """The values as floats; ValueError for NaN and infinities, which a diverged run must not bring in here."""
    found = [float(value) for value in values]
    for value in found:
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a result: a run that diverged is counted, not averaged")
    return found
