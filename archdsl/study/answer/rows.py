"""What is asked of measurements, and the answer: plain data for the table, the JSON and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archdsl.study.results.unit import Unit
from archdsl.study.stats import long
from archdsl.study.stats.sequential import Evidence, evidence
from archdsl.study.stats.verdicts import Verdict

PAIRED = "paired, anytime-valid t; Holm"
UNPAIRED = "two samples of unequal variance, anytime-valid; Holm"
MANY = 20_000  # differences from which numpy computes them


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``same`` is the largest difference that does not matter, None where there is none; ``points``:
    the metric is a fraction that is shown in percent, and its differences in points.
    """

    reference: str
    metric: str
    lower: bool = False
    same: float | None = None
    alpha: float = 0.05
    drop: bool = False
    points: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The answer on one arm, in the metric's unit; ``delta`` is None without a pair, and ``low``, ``high`` where the interval
    is unbounded. ``pairs`` is None for runs without partners; ``needed`` is what would decide an open comparison. ``uneven``:
    whether the spreads of the arm and the reference were uneven after each pair. ``later`` is the mean difference of all pairs
    where it contradicts the verdict: ``delta`` and the interval are then those at the decision.
    """

    name: str
    runs: int
    mean: float
    pairs: int | None
    delta: float
    low: float | None
    high: float | None
    p: float
    p_symmetric: float | None
    verdict: str
    decided_after: int | None
    needed: int | None
    deltas: Sequence[float]
    uneven: Sequence[bool] = ()
    resolution: float = 0.0
    later: float | None = None

    def evidence(self) -> list[float]:
        """What counts as evidence after each pair, as a natural logarithm; nothing for runs without partners."""
        if len(self.deltas) > MANY:
            return [float(log) for log in long.trail(self.deltas, resolution=self.resolution).log_e]
        return [e.counts for e in self.course()]

    def course(self) -> Sequence[Evidence]:
        """The evidence after each pair."""
        return evidence(self.deltas, resolution=self.resolution, uneven=self.uneven)


@dataclass(frozen=True, slots=True)
class Survival:
    """How an arm came to the target: runs that reached it, the median cost with its interval, the log-rank p (Holm)."""

    reached: int
    runs: int
    median: float | None
    low: float | None
    high: float | None
    p_logrank: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer on each arm, in the order of the table, and what is said beside it."""

    question: Question
    rows: tuple[Row, ...]
    mean: float
    runs: int
    verdicts: Mapping[str, Verdict]
    notes: tuple[str, ...]
    unit: Unit
    method: str
    survival: Mapping[str, Survival]
    target: str = ""
    claim: str = ""  # its text, and whether it holds; None while it is open
    holds: bool | None = None

    @property
    def paired(self) -> bool:
        """Whether runs are compared pair by pair."""
        return self.method == PAIRED
