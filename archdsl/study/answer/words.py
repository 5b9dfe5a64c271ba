"""The words of an answer: what is known about each arm, what the table holds for, and what to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.report.numbers import many
from archdsl.study.answer.measurements import Measurements
from archdsl.study.answer.rows import Answer, Question, Row
from archdsl.study.names import quoted
from archdsl.study.results.unit import Unit
from archdsl.study.stats.sequential import SURE, UNEVEN, held_back

FEW = 3  # equal values from which an arm is said to be constant


def warnings(found: Measurements, rows: Sequence[Row], question: Question, unit: Unit, costs: bool) -> Iterator[str]:
    """What to look at: uneven spreads, arms without a spread, verdicts that later pairs contradict.

    Args:
        costs: the measurements are costs to reach a target, which are often equal.
    """
    yield from _spreads(rows, question)
    yield from () if costs else _constant(found)
    yield from _turned(rows, unit)


def _turned(rows: Sequence[Row], unit: Unit) -> Iterator[str]:
    """Warnings about verdicts which later pairs contradict: a decision is not taken back, but something is odd."""
    for row in rows:
        if row.later is not None:
            yield (
                f"warning: later pairs of `{row.name}` contradict its verdict: the mean difference of all {row.pairs} pairs is "
                f"{unit.change(row.later)}{_points(unit)}; shown are the difference and the "
                "interval at the decision, which stays; look at its runs"
            )


def _spreads(rows: Sequence[Row], q: Question) -> Iterator[str]:
    """Which arms are held to the symmetry test."""
    names = [row.name for row in rows if row.uneven and held_back(row.course(), row.uneven, q.alpha)]
    if names:
        yield (
            f"the spread of {quoted(names)} is {UNEVEN:g} times that of `{q.reference}` or more, or half of it or less, or "
            f"was so: at such a pair before number {SURE}, evidence counts only as far as p symmetric does"
        )


def _constant(found: Measurements) -> Iterator[str]:
    """Warnings about arms without any spread."""
    for name, values in found.arms.items():
        if len(values) >= FEW and len(set(values.values())) == 1:
            yield (
                f"warning: all {len(values)} runs of `{name}` have exactly the same value, {next(iter(values.values())):g}: "
                "are they different runs?"
            )


def words(answer: Answer, row: Row) -> str:
    """What is known about an arm: ``better by 1.35 points [+0.98, +1.72], decided after 6 of 12 pairs``."""
    unit, size = answer.unit, _amount(answer, row)
    if row.pairs is None:
        seen = decided = f" over {row.runs} and {many(answer.runs, 'run')}"
    else:
        seen = f"{many(row.pairs, 'pair')}"
        decided = f"; decided after {'' if row.decided_after == row.pairs else f'{row.decided_after} of '}{seen}"
        seen = f" after {seen}"
    match row.verdict:
        case "better" | "worse":
            return f"{row.verdict}: {size}{decided}"
        case "same":
            return f"same, within ±{unit.amount(answer.question.same or 0.0)}{_points(unit)}: {size}{decided}"
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
        f"{what}{better}; reference `{q.reference}`: {base} over {many(answer.runs, 'run')}",
        f"a wrong verdict has a probability of at most {100 * q.alpha:g} %, at any look; the intervals are simultaneous",
    ]
    if not answer.paired:
        yielded.append(
            "not paired: each arm's runs against those of the reference, with a spread of its own for each arm; "
            "--pair COLUMN compares runs of the same seed or fold, and needs fewer"
        )
    if answer.claim:
        says = {True: "holds", None: "is open", False: "is refuted"}[answer.holds]
        yielded.insert(0, f"the claim `{answer.claim}` {says}")
    if answer.survival:
        yielded.append("median: Kaplan-Meier with a 95 % interval; p log-rank is for a single look")
    return tuple(yielded)
