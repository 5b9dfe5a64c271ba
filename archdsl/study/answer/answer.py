"""The answer to a comparison of arms: what is asked, the verdict on each arm, and its words. Plain data for the table, the
JSON and the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from archdsl.study.answer.measurements import Measurements, paired, samples
from archdsl.study.answer.target import Costs, Reached
from archdsl.study.results.claims import FAR, pairs_to_decide
from archdsl.study.results.unit import Unit
from archdsl.study.stats import long
from archdsl.study.stats.sequential import uneven
from archdsl.study.stats.signflip import holm
from archdsl.study.stats.unpaired import runs_to_decide, sample, unpaired
from archdsl.study.stats.verdicts import OPEN, Verdict, verdicts

PAIRED = "paired, anytime-valid t; Holm"
UNPAIRED = "two samples of unequal variance, anytime-valid; Holm"
MANY = 20_000  # differences from which numpy computes them
FEWEST, MOST = 0, 6  # decimals


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
    is unbounded. ``pairs`` is None for runs without partners; ``missing`` is what would decide an open comparison.
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

    @property
    def paired(self) -> bool:
        """Whether runs are compared pair by pair."""
        return self.method == PAIRED


def answer(found: Measurements, question: Question, costs: Reached | None = None, target: str = "") -> Answer:
    """The answer to a question from measurements.

    Args:
        costs: those of each arm, where the measurements are costs to reach ``target``.

    Raises:
        ArchError: no such arm, no other arm, a pair in between that one side lacks.
    """
    sign, pairs = (-1.0 if question.lower else 1.0), found.columns.pair is not None
    notes, grid = found.notes, 0.0 if costs is None else costs.grid
    if pairs:
        deltas, more = paired(found, question.reference, drop=question.drop)
        notes = (*notes, *more)
        better = {name: [sign * delta for delta in row] for name, row in deltas.items()}
        if sum(map(len, better.values())) > MANY:
            notes = (*notes, f"more than {MANY:,} differences: arms of uneven spread are not held to the symmetry test")
            decided = long.verdicts(better, alpha=question.alpha, same=question.same, resolution=grid)
        else:
            flags = {name: _uneven(found, name, question.reference, grid) for name in better}
            decided = verdicts(better, alpha=question.alpha, same=question.same, resolution=grid, uneven=flags)
    else:
        arms, base = samples(found, question.reference)
        deltas = {}
        better = {name: [sign * value for value in row] for name, row in arms.items()}
        decided = unpaired(
            better, [sign * value for value in base], alpha=question.alpha, same=question.same, resolution=grid
        )
    rows = tuple(
        _row(name, verdict, found, question, sign, deltas.get(name), len(decided)) for name, verdict in decided.items()
    )
    notes = (*notes, *_turned(rows, sign))
    base_values = list(found.arms[question.reference].values())
    return Answer(
        question,
        rows,
        fmean(base_values),
        len(base_values),
        decided,
        notes,
        _unit(question, rows, fmean(base_values)),
        PAIRED if pairs else UNPAIRED,
        _survival(costs, question.reference),
        target,
    )


def _uneven(found: Measurements, arm: str, reference: str, resolution: float) -> list[bool]:
    """Whether the spreads of an arm and of the reference are uneven, after each pair that both have."""
    own, base = found.arms[arm], found.arms[reference]
    both = [pair for pair in found.order if pair in own and pair in base]
    return uneven([own[pair] for pair in both], [base[pair] for pair in both], resolution)


def _turned(rows: Sequence[Row], sign: float) -> Iterator[str]:
    """Warnings about verdicts whose mean has turned since: a decision is not taken back, but something is odd."""
    for row in rows:
        if (row.verdict == "better" and sign * row.delta < 0) or (row.verdict == "worse" and sign * row.delta > 0):
            yield (
                f"warning: {row.name} was {row.verdict} when the verdict fell, and its mean has the other sign now: look at "
                "its runs"
            )


def _row(
    name: str,
    verdict: Verdict,
    found: Measurements,
    question: Question,
    sign: float,
    deltas: Sequence[float] | None,
    family: int,
) -> Row:
    values, e = list(found.arms[name].values()), verdict.evidence
    low, high = (None if v is None else sign * v for v in (verdict.low, verdict.high))
    if question.lower:
        low, high = high, low
    needed, level = None, question.alpha / family
    if verdict.decision == OPEN and deltas is not None:
        needed = pairs_to_decide(e.delta, e.sd, level) if e.sd else None
    elif verdict.decision == OPEN:
        base = list(found.arms[question.reference].values())
        needed = runs_to_decide(sample(values), sample(base), level, FAR)
    if needed is not None and needed <= e.n:
        needed = None
    pairs, symmetric = (None, None) if deltas is None else (e.n, verdict.p_symmetric)
    return Row(
        name,
        len(values),
        fmean(values),
        pairs,
        sign * e.delta,
        low,
        high,
        verdict.p,
        symmetric,
        verdict.decision,
        verdict.decided,
        needed,
        deltas or (),
    )


def _unit(question: Question, rows: Sequence[Row], mean: float) -> Unit:
    """As many decimals as the narrowest interval, or the smallest difference, has a use for."""
    factor = 100.0 if question.points else 1.0
    halves = [(row.high - row.low) / 2 for row in rows if row.high is not None and row.low is not None]
    sizes = [factor * size for size in halves or [abs(row.delta) for row in rows] if size]
    smallest = min(sizes, default=factor * abs(mean) / 1000)
    digits = 2 - math.floor(math.log10(smallest)) - 1 if smallest else 3
    name = question.metric
    return Unit(
        name,
        factor,
        max(FEWEST, min(MOST, digits)),
        " %" if question.points else "",
        "points" if question.points else "",
    )


def _survival(costs: Reached | None, reference: str) -> dict[str, Survival]:
    if costs is None:
        return {}
    base = costs.costs[reference]
    others = [name for name in costs.costs if name != reference]
    adjusted = dict(zip(others, holm([costs.costs[name].against(base) for name in others]), strict=True))
    return {name: _one(arm, adjusted.get(name)) for name, arm in costs.costs.items()}


def _one(arm: Costs, p: float | None) -> Survival:
    return Survival(len(arm.reached), arm.runs, *arm.median(), p)


def words(answer: Answer, row: Row) -> str:
    """What is known about an arm: ``better by 1.35 points [+0.98, +1.72], decided after 6 of 12 pairs``."""
    unit, size = answer.unit, _amount(answer, row)
    if row.pairs is None:
        seen = decided = f" over {row.runs} and {answer.runs} runs"
    else:
        seen = f"{row.pairs} pair{'s' if row.pairs != 1 else ''}"
        decided = f"; decided after {'' if row.decided_after == row.pairs else f'{row.decided_after} of '}{seen}"
        seen = f" after {seen}"
    match row.verdict:
        case "better" | "worse":
            return f"{row.verdict}: {size}{decided}"
        case "same":
            return f"same, within ±{unit.value(answer.question.same)}{_points(unit)}: {size}{decided}"
        case _:
            more = ""
            if row.needed is not None:
                more = f"; about {row.needed:,} {'pairs' if answer.paired else 'runs of each'} would decide it if it stays so"
            return f"open: {size}{seen}{more}"


def _amount(answer: Answer, row: Row) -> str:
    unit = answer.unit
    between = unit.between(row.low, row.high) if row.low is not None else "(no interval yet)"
    return f"{unit.change(row.delta)}{_points(unit)} {between}"


def _points(unit: Unit) -> str:
    return f" {unit.points}" if unit.points else ""


def about(answer: Answer) -> tuple[str, ...]:
    """What the table holds for, in sentences."""
    q, unit = answer.question, answer.unit
    base = f"{unit.value(answer.mean)}{unit.mark}"
    what = f"the {q.metric} to reach {answer.target}, " if answer.target else f"{q.metric}, "
    better = f"{'lower' if q.lower else 'higher'} is better"
    yielded = [
        f"{what}{better}; reference `{q.reference}`: {base} over {answer.runs} runs",
        f"a wrong verdict has a probability of at most {100 * q.alpha:g} %, at any look; the intervals are simultaneous",
    ]
    if not answer.paired:
        yielded.append(
            "not paired: each arm's runs against those of the reference, with a spread of its own for each arm; "
            "--pair COLUMN compares runs of the same seed or fold, and needs fewer"
        )
    if answer.survival:
        yielded.append("median: Kaplan-Meier with a 95 % interval; p log-rank is for a single look")
    return tuple(yielded)
