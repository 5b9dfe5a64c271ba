"""The tuning of a study in words: how settings were selected, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.report.numbers import many
from archdsl.study.names import NAMED, quoted
from archdsl.study.results.results import Results
from archdsl.study.results.tuning import ArmTuning, Tuning
from archdsl.study.results.unit import Unit, smallest, unit_of

CURVES = (
    "tuning curves: the expected best score after so many tuning runs, over all sets of so many draws (Dodge et al. 2019, "
    "arXiv:1909.03004; Tang et al. 2020, arXiv:2004.13705); the arm's own setting is the first run. The band of an arm holds for "
    "its whole curve at once, at 95 %: it follows from an equal-tailed band of the distribution of a score (Learned-Miller & "
    "DeStefano 2008), as in Lourie et al. 2023, arXiv:2311.09480"
)


def sentences(results: Results) -> Iterator[str]:
    """How the arms of a study were tuned; nothing of one that does not tune."""
    tuning = results.tuning
    if tuning is None:
        return
    if tuning.picks is None:
        planned = many(tuning.planned, "run has", "runs have")
        yield f"tuning: {tuning.ended} of {planned} ended; the arms are compared once all have"
        yield from tuning.notes
        return
    yield method(tuning)
    yield from tuning.notes
    yield from _lead(tuning)
    for arm in tuning.arms:
        yield from _at_end(tuning, arm)
    if idle := [arm.name for arm in tuning.arms if all(t.status != "finished" for t in arm.trials)]:
        yield f"no setting of {quoted(idle, NAMED)} trained"


def method(tuning: Tuning) -> str:
    """How settings were selected, in a sentence."""
    seeds, first = tuning.tune.seeds, tuning.tune.seed_numbers[0]
    runs = max(len(arm.trials) for arm in tuning.arms)
    over = f"seed {first}" if seeds == 1 else f"seeds {first} to {first + seeds - 1}, by their mean"
    return (
        f"each arm was tuned with {many(runs, 'setting')}, its own and the same random draws for all, with {over}; selected by "
        f"{tuning.measure.label}, and compared with other seeds"
    )


def beforehand(missing: int, planned: int, time: str, waits: bool) -> str:
    """What a dry run says of the tuning runs, which take about so long. ``waits``: no arm is selected yet."""
    known = (
        "no arm is selected before the others are trained again, by --again"
        if waits
        else "the arms are those that are selected"
    )
    then = f"about {time} before the arms are known" if missing else known
    return f"{missing} of {planned} tuning runs are missing; {then}"


def unit(tuning: Tuning) -> Unit:
    """The unit of the scores."""
    scores = [abs(t.score) for arm in tuning.arms for t in arm.trials if t.score is not None]
    return unit_of(tuning.measure, max(scores, default=0.0), smallest(scores))


def _lead(tuning: Tuning) -> Iterator[str]:
    """A sentence where another arm leads once all are tuned than with their own settings; none where two arms lead together."""
    sign = 1 if tuning.measure.higher else -1
    before = {a.name: sign * a.trials[0].score for a in tuning.arms if a.trials[0].score is not None}
    after = {a.name: sign * one.score for a in tuning.arms if (one := a.selected) is not None and one.score is not None}
    if any(len(scores) < 2 or [*scores.values()].count(max(scores.values())) > 1 for scores in (before, after)):
        return
    old, new = (max(scores, key=scores.__getitem__) for scores in (before, after))
    if old != new:
        shown = unit(tuning)
        first, last = (f"{shown.value(sign * value)}{shown.mark}" for value in (before[old], after[new]))
        yield (
            f"in the tuning runs `{old}` leads with its own setting ({tuning.measure.label} {first}), and `{new}` once all are "
            f"tuned ({last})"
        )


def _at_end(tuning: Tuning, arm: ArmTuning) -> Iterator[str]:
    """A sentence for each value that is selected at the end of its range."""
    one = arm.selected
    if one is None or not arm.pick:
        return
    for r in tuning.tune.ranges:
        if end := r.end(one.setting[r.name]):
            yield f"`{arm.name}` selected {r.name} {one.setting[r.name]}, at the {end} end of its range: extend it"
