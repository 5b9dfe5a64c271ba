"""`verdicts.verdicts` for many differences, by numpy: the same formulas over whole columns. Sums are taken in another order,
so that figures differ in their last digits; `tests/study/test_long.py` holds one to the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.study.stats.interval import finite
from archdsl.study.stats.sequential import EFFECTS, PRIOR, Evidence
from archdsl.study.stats.verdicts import OPEN, Decision, Verdict, adjusted_by_holm, agreeing, check_level, contradicted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trail:
    """The evidence of one comparison after each difference, arrays of shape (n,); logarithms are natural."""

    mean: Floats
    sd: Floats  # 0 for the first difference
    log_e: Floats
    peak: Floats
    symmetric: Floats

    def at(self, n: int) -> Evidence:
        """The evidence of the first ``n`` differences."""
        mean, sd, log_e, peak, symmetric = (
            float(column[n - 1]) for column in (self.mean, self.sd, self.log_e, self.peak, self.symmetric)
        )
        return Evidence(n, mean, sd if n > 1 else None, log_e, peak, math.exp(-peak), math.exp(-symmetric), log_e)


def trail(deltas: Sequence[float], prior: float = PRIOR, resolution: float = 0.0) -> Trail:
    """The evidence after each difference.

    Raises:
        ValueError: a difference is not finite.
    """
    import numpy as np

    values = np.array(finite(deltas))
    counts = np.arange(1, len(values) + 1, dtype=float)
    centre = values[0]  # sums of squares about a near value lose no digits
    off = values - centre
    sums = np.cumsum(off)
    squares = np.maximum(np.cumsum(off * off) - sums * sums / counts, 0.0)
    squares[np.maximum.accumulate(np.abs(off)) == 0] = 0.0
    mean, sd = centre + sums / counts, np.sqrt(squares / np.maximum(counts - 1, 1))
    sd = np.maximum(sd, resolution / math.sqrt(6))
    log_e = _log_evidence(counts, mean, sd, prior)
    return Trail(mean, sd, log_e, np.maximum.accumulate(np.maximum(log_e, 0.0)), _symmetric(values, counts))


def _log_evidence(counts: Floats, mean: Floats, sd: Floats, prior: float) -> Floats:
    import numpy as np

    spread = np.log1p(counts * prior)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = counts / np.maximum(counts - 1, 1) * (mean / sd) ** 2
        ratio = np.where(np.isfinite(x), np.log1p(x) - np.log1p(x / (1 + counts * prior)), spread)
    log_e = np.where(sd > 0, -spread / 2 + counts / 2 * ratio, spread * (counts - 1) / 2)
    log_e = np.where(mean == 0, -spread / 2, log_e)
    log_e[0] = 0.0
    return log_e


def _symmetric(values: Floats, counts: Floats) -> Floats:
    """The largest capital so far of the bets on signs, as a logarithm."""
    import numpy as np

    scale = np.sqrt(np.cumsum(values * values) / counts)
    sizes = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
    bets = [sign * effect for effect in EFFECTS for sign in (1.0, -1.0)]
    total: Floats | None = None
    for bet in bets:
        x = bet * sizes
        # log(1 + tanh(x)), without cancellation
        capital = np.cumsum(math.log(2) - np.where(x > 0, 0.0, -2 * x) - np.log1p(np.exp(-2 * np.abs(x))))
        total = capital if total is None else np.logaddexp(total, capital)
    return (
        np.maximum.accumulate(np.maximum(total - math.log(len(bets)), 0.0))
        if total is not None
        else np.zeros_like(values)
    )


def verdicts(
    family: Mapping[str, Sequence[float]],
    *,
    alpha: float = 0.05,
    same: float | None = None,
    prior: float = PRIOR,
    resolution: float = 0.0,
) -> dict[str, Verdict]:
    """The verdict on each comparison of a family; as `verdicts.verdicts` gives it.

    Raises:
        ValueError: alpha is not in (0, 1), or a difference is not finite.
    """
    check_level(alpha)
    trails = {name: trail(deltas, prior, resolution) for name, deltas in family.items() if deltas}
    planned, last = len(family), {name: of_arm.at(len(of_arm.mean)) for name, of_arm in trails.items()}
    first = _first_rejections([of_arm.peak for of_arm in trails.values()], planned, alpha)
    ps = adjusted_by_holm([e.p for e in last.values()], planned)
    robust = adjusted_by_holm([e.p_symmetric for e in last.values()], planned)
    verdicts: dict[str, Verdict] = {}
    for place, (name, of_arm) in enumerate(trails.items()):
        halves = _half_widths(of_arm, alpha / planned, prior)
        decision, when = _decision(of_arm, halves, first[place], same)
        e, p = last[name], ps[place]
        later = e if when is not None and contradicted(decision, e.delta, same) else None
        if later is not None and when is not None:
            e = of_arm.at(when)
        half = float(halves[e.n - 1])
        low, high = (e.delta - half, e.delta + half) if math.isfinite(half) else (None, None)
        low, high = agreeing(low, high, e.delta if decision in (OPEN, "same") else decision, p <= alpha)
        verdicts[name] = Verdict(decision, e, p, robust[place], low, high, when, later)
    return verdicts


def _decision(of_arm: Trail, halves: Floats, rejected: int | None, same: float | None) -> tuple[Decision, int | None]:
    import numpy as np

    inside = np.abs(of_arm.mean) + halves <= (-1.0 if same is None else same)
    within = int(np.argmax(inside)) if inside.any() else None
    if rejected is not None and (within is None or rejected <= within):
        end = min(rejected, len(of_arm.mean) - 1)
        return ("better" if of_arm.mean[end] > 0 else "worse"), end + 1
    return (OPEN, None) if within is None else ("same", within + 1)


def _half_widths(of_arm: Trail, alpha: float, prior: float) -> Floats:
    """Half of each interval; infinite where it is unbounded."""
    import numpy as np

    counts = np.arange(1, len(of_arm.mean) + 1, dtype=float)
    spread = 1 + counts * prior
    bound = np.exp((np.log(spread) - 2 * math.log(alpha)) / counts)
    closed = (bound < spread) & (counts > 1)
    inner = np.divide((counts - 1) / counts * (bound - 1), 1 - bound / spread, out=np.zeros_like(bound), where=closed)
    return np.where(closed, of_arm.sd * np.sqrt(inner), np.inf)


def _first_rejections(peaks: Sequence[Floats], planned: int, alpha: float) -> list[int | None]:
    """For each comparison the place at which Holm's procedure over all first rejects it; a comparison that ended before
    the others keeps its evidence.
    """
    import numpy as np

    if not peaks:
        return []
    longest = max(map(len, peaks))
    logs = np.stack([np.concatenate([peak, np.full(longest - len(peak), peak[-1])]) for peak in peaks])
    order = np.argsort(-logs, axis=0, kind="stable")
    needed = np.log((planned - np.arange(len(peaks), dtype=float)) / alpha)[:, None]
    rejected = np.logical_and.accumulate(np.take_along_axis(logs, order, axis=0) >= needed, axis=0)
    by_arm = np.empty_like(rejected)
    np.put_along_axis(by_arm, order, rejected, axis=0)
    return [int(np.argmax(row)) if row.any() else None for row in by_arm]
