"""From measurements and a question to the answer: the verdict on each arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from archdsl.study.answer.measurements import Measurements, paired, samples
from archdsl.study.answer.rows import MANY, PAIRED, UNPAIRED, Answer, Question, Row, Survival
from archdsl.study.answer.target import Costs, Reached
from archdsl.study.answer.words import warnings
from archdsl.study.results.projection import FAR, pairs_from, projected
from archdsl.study.results.unit import SCIENTIFIC, Unit
from archdsl.study.stats import long
from archdsl.study.stats.sequential import uneven
from archdsl.study.stats.signflip import holm
from archdsl.study.stats.unpaired import runs_to_decide, sample, unpaired
from archdsl.study.stats.verdicts import Verdict, verdicts

FEWEST, MOST = 0, 6  # decimals


def answer(found: Measurements, question: Question, costs: Reached | None = None, target: str = "") -> Answer:
    """The answer to a question from measurements.

    Args:
        costs: those of each arm, where the measurements are costs to reach ``target``.

    Raises:
        ArchError: no such arm, no other arm, a pair in between that one side lacks.
    """
    sign, pairs = (-1.0 if question.lower else 1.0), found.columns.pair is not None
    flags: dict[str, list[bool]] = {}
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
    needed = _needed(decided, found, question)
    rows = tuple(
        _row(name, verdict, found, sign, deltas.get(name), flags.get(name, ()), grid, needed.get(name))
        for name, verdict in decided.items()
    )
    base_values = list(found.arms[question.reference].values())
    unit = _unit(question, rows, fmean(base_values))
    notes = (*notes, *warnings(found, rows, question, unit, costs is not None))
    return Answer(
        question,
        rows,
        fmean(base_values),
        len(base_values),
        decided,
        notes,
        unit,
        PAIRED if pairs else UNPAIRED,
        _survival(costs, question.reference),
        target,
    )


def _uneven(found: Measurements, arm: str, reference: str, resolution: float) -> list[bool]:
    """Whether the spreads of an arm and of the reference are uneven, after each pair that both have."""
    own, base = found.arms[arm], found.arms[reference]
    both = [pair for pair in found.order if pair in own and pair in base]
    return uneven([own[pair] for pair in both], [base[pair] for pair in both], resolution)


def _row(
    name: str,
    verdict: Verdict,
    found: Measurements,
    sign: float,
    deltas: Sequence[float] | None,
    flags: Sequence[bool],
    resolution: float,
    needed: int | None,
) -> Row:
    values, e = list(found.arms[name].values()), verdict.evidence
    low, high = (None if v is None else sign * v for v in (verdict.low, verdict.high))
    if sign < 0:
        low, high = high, low
    pairs, symmetric = (None, None) if deltas is None else ((verdict.later or e).n, verdict.p_symmetric)
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
        flags,
        resolution,
        None if verdict.later is None else sign * verdict.later.delta,
    )


def _needed(decided: Mapping[str, Verdict], found: Measurements, question: Question) -> dict[str, int]:
    """What would decide each open comparison: pairs, or runs of each arm where runs have no partners."""
    arms = {} if found.columns.pair is not None else {name: sample(list(v.values())) for name, v in found.arms.items()}

    def takes(name: str, level: float) -> int | None:
        if arms:
            return runs_to_decide(arms[name], arms[question.reference], level, FAR)
        return pairs_from(decided[name].evidence, level)

    return projected(decided, question.alpha, len(decided), takes, None if arms else question.same)


def _unit(question: Question, rows: Sequence[Row], mean: float) -> Unit:
    """As many decimals as the narrowest interval, or the smallest difference, has a use for."""
    factor = 100.0 if question.points else 1.0
    halves = [(row.high - row.low) / 2 for row in rows if row.high is not None and row.low is not None]
    sizes = [factor * size for size in halves or [abs(row.delta) for row in rows] if size]
    smallest = min(sizes, default=factor * abs(mean) / 1000)
    digits = 2 - math.floor(math.log10(smallest)) - 1 if smallest else 3
    name = question.metric
    most = max((factor * abs(value) for row in rows for value in (row.mean, row.delta)), default=0.0)
    return Unit(
        name,
        factor,
        SCIENTIFIC if most and most < 10.0 ** (1 - MOST) else max(FEWEST, min(MOST, digits)),
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
