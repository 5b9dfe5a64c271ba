"""A curve through the runs of several sizes, by least squares, with intervals by a bootstrap over the seeds.

Each form is linear in some coefficients once the others are given, so that only the others are searched for (variable
projection, Golub & Pereyra 1973): the exponent of a power, slope and middle of a logistic. A power law takes relative
residuals where all values are positive, as a law over magnitudes of sizes asks for (Kaplan et al. 2020 fit
logarithms); the others take absolute ones.

Seeds are drawn with replacement, each with the runs of all sizes. With so few of them a percentile interval covers
too little (docs/statistics.md), so that an interval is the estimate ± t · s: s is the standard deviation over the
draws times √(S / (S − 1)), and t the quantile of Student's distribution with S − 1 degrees of freedom for S seeds. Of
a mean that is the t interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from archdsl.study.stats.interval import t_quantile

DRAWS = 200  # their standard deviation is known to 5 %
LEVEL = 0.975
POINTS = 60  # of a curve
STEEPEST = 8.0  # exponent of a power law
# x → seed and value; a seed has a value of each arm of that size.
Runs = tuple[tuple[float, tuple[tuple[int, float], ...]], ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Fitted:
    """A fitted curve. ``coefficients`` are by name; ``curve`` has x and the value there; ``held`` is the
    prediction at the size that was held out, with the interval in which the mean of its runs is expected, and ``measured``
    that mean.
    """

    coefficients: Mapping[str, Estimate]
    curve: tuple[tuple[float, Estimate], ...]
    seeds: int
    held: Estimate | None = None
    measured: float | None = None

    @property
    def loose(self) -> tuple[str, ...]:
        """The coefficients that the seeds hardly determine: the interval is unbounded, or wider to a side than the value."""
        return tuple(
            name
            for name, e in self.coefficients.items()
            if self.seeds > 1 and (e.high is None or e.high - e.value > abs(e.value))
        )

    @property
    def holds(self) -> bool | None:
        """Whether the mean of the held-out runs is within the interval of its prediction; None without one."""
        if self.held is None or self.measured is None or self.held.low is None or self.held.high is None:
            return None
        return self.held.low <= self.measured <= self.held.high


@dataclass(frozen=True, slots=True)
class Form:
    """A form of curve: the columns of its linear coefficients for given others, in which way these are searched for, and
    its coefficients by name.
    """

    columns: Callable[[Any, Any], Any]  # x (n,), others → (n, linear coefficients)
    starts: Callable[[Any], Sequence[Sequence[float]]]
    named: Callable[[Any, Any], dict[str, float]]
    floor: bool = False  # the last linear coefficient is at least 0


def _power(x: Any, others: Any) -> Any:
    import numpy as np

    return np.stack([x ** -math.exp(others[0]), np.ones_like(x)], 1)


def _linear(x: Any, others: Any) -> Any:
    import numpy as np

    return np.stack([np.ones_like(x), x], 1)


def _logistic(x: Any, others: Any) -> Any:
    from scipy.special import expit

    return expit(others[0] * (x - others[1]))[:, None]


def _slopes(x: Any) -> list[tuple[float, float]]:
    wide = float(x.max() - x.min()) or 1.0
    return [(s * k / wide, float(x.min()) + q * wide) for s in (1, -1) for k in (2, 8) for q in (0.0, 0.3, 0.7)]


FORMS = {
    "power": Form(
        _power,
        lambda x: [(math.log(b),) for b in (0.1, 0.5, 1.5)],
        lambda lin, o: {"a": lin[0], "b": math.exp(o[0]), "c": lin[1]},
        True,
    ),
    "linear": Form(_linear, lambda x: [()], lambda lin, o: {"a": lin[0], "b": lin[1]}),
    "logistic": Form(_logistic, _slopes, lambda lin, o: {"c": lin[0], "k": o[0], "m": o[1]}),
}


@lru_cache(maxsize=64)
def fit_curve(
    kind: str, log: bool, runs: Runs, held: tuple[float, tuple[tuple[int, float], ...]] | None = None
) -> Fitted:
    """Fit a curve.

    Args:
        kind: a name of ``FORMS``.
        log: the curve is in the logarithm of x.
        runs: the values by size and seed, more sizes than the form has coefficients.
        held: the size that is left out, with its values.
    """
    import numpy as np

    form = FORMS[kind]
    raw = np.array([x for x, _ in runs])
    unit = math.exp(float(np.log(raw).mean())) if kind == "power" else 1.0  # so that powers neither vanish nor overflow
    seeds = sorted({seed for _, row in (*runs, *([held] if held is not None else [])) for seed, _ in row})
    table = [_row(row, seeds) for _, row in runs]
    last = [_row(held[1], seeds)] if held is not None else None
    xs = np.log(raw) if log else raw / unit
    relative = kind == "power" and all(v > 0 for _, row in runs for _, v in row)
    first, last_x = float(raw.min()), max(float(raw.max()), held[0] if held is not None else -math.inf)
    shown = (np.geomspace if log or kind == "power" else np.linspace)(first, last_x, POINTS)
    at = np.append(shown, held[0]) if held is not None else shown
    at = np.log(at) if log else at / unit

    def solved(weights: Any, starts: Sequence[Sequence[float]]) -> Any:
        """Coefficients, the curve and what the prediction exceeds the held-out runs by; None where too few sizes are drawn."""
        mean, counts = _means(table, weights)
        use = counts > 0
        if use.sum() <= len(form.named([0.0] * 3, [0.0] * 3)) - 1:
            return None
        scale = np.sqrt(counts[use]) / (np.abs(mean[use]) if relative else 1.0)
        linear, others = _solve(form, xs[use], mean[use], scale, starts)
        values = form.columns(at, others) @ linear
        found = form.named(linear, others)
        if kind == "power":
            found["a"] *= unit ** found["b"]
        off = 0.0
        if last is not None:
            own, many = _means(last, weights)
            off = values[-1] - own[0] if many[0] else math.nan
        return [*found.values(), *values, off], others, list(found)

    ones = np.ones(len(seeds))
    best, others, names = solved(ones, form.starts(xs))
    spread = _spread(np.array(best), len(seeds), len(names), lambda w: solved(w, [others]))
    floors = (-math.inf, 0.0, 0.0) if form.floor else (-math.inf,) * len(names)
    coefficients = {name: _estimate(best[n], spread, n, floors[n]) for n, name in enumerate(names)}
    curve = tuple((float(x), _estimate(best[n], spread, n)) for n, x in enumerate(shown, len(names)))
    if held is None or last is None:
        return Fitted(coefficients, curve, len(seeds))
    value, half = float(best[-2]), None if spread is None else float(spread[-1])
    known = None if half is None or not math.isfinite(half) else half
    prediction = Estimate(value, None if known is None else value - known, None if known is None else value + known)
    own, many = _means(last, ones)
    return Fitted(coefficients, curve, len(seeds), prediction, float(own[0]) if many[0] else None)


def _row(row: Sequence[tuple[int, float]], seeds: Sequence[int]) -> tuple[list[float], list[int]]:
    """The sum of the values of each seed, in the order of the seeds, and how many they are."""
    known: dict[int, list[float]] = {seed: [] for seed in seeds}
    for seed, value in row:
        if math.isfinite(value):
            known[seed].append(value)
    return [math.fsum(values) for values in known.values()], [len(values) for values in known.values()]


def _means(table: Sequence[tuple[list[float], list[int]]], weights: Any) -> tuple[Any, Any]:
    """The mean of all values of each row, those of a seed with its weight, and the sum of their weights."""
    import numpy as np

    sums, numbers = np.array([row[0] for row in table]), np.array([row[1] for row in table])
    counts = (numbers * weights).sum(1)
    return (sums * weights).sum(1) / np.maximum(counts, 1e-300), counts


def _solve(form: Form, x: Any, y: Any, scale: Any, starts: Sequence[Sequence[float]]) -> tuple[Any, Any]:
    """The linear and the other coefficients of the smallest sum of squares of ``scale`` times the residual."""
    import numpy as np
    from scipy.optimize import least_squares

    def linear(others: Any) -> tuple[Any, Any]:
        columns = form.columns(x, others)
        found = np.linalg.lstsq(columns * scale[:, None], y * scale, rcond=None)[0]
        if form.floor and found[-1] < 0:
            first = columns[:, 0] * scale
            found = np.array([first @ (y * scale) / (first @ first), 0.0])
        return found, (columns @ found - y) * scale

    if not len(starts[0]):
        return linear(())[0], ()
    top = [math.log(STEEPEST)] if form.floor else [np.inf] * len(starts[0])
    low = [math.log(1e-3)] if form.floor else [-np.inf] * len(starts[0])
    found = [
        least_squares(lambda o: linear(o)[1], start, bounds=(low, top), x_scale="jac" if not form.floor else 1.0)
        for start in starts
    ]
    best = min(found, key=lambda one: one.cost)
    return linear(best.x)[0], best.x


def _spread(best: Any, seeds: int, names: int, solved: Callable[[Any], Any]) -> Any:
    """Half of the interval of each figure; None for one seed."""
    import numpy as np

    if seeds < 2:
        return None
    random = np.random.default_rng(0)
    draws = random.multinomial(seeds, [1 / seeds] * seeds, size=DRAWS)
    rows = [one[0] for one in (solved(weights.astype(float)) for weights in draws) if one is not None]
    with np.errstate(all="ignore"):
        spread = np.nanstd(np.array(rows), axis=0) if len(rows) > 1 else np.full(len(best), math.nan)
    return spread * math.sqrt(seeds / (seeds - 1)) * t_quantile(seeds - 1, LEVEL)


def _estimate(value: float, spread: Any, place: int, least: float = -math.inf) -> Estimate:
    if spread is None or not math.isfinite(spread[place]):
        return Estimate(float(value))
    half = float(spread[place])
    return Estimate(float(value), max(least, float(value) - half), float(value) + half)
