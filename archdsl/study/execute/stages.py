"""The stages of a study: the runs that tune its arms, where it does so, and those that compare them.

The second stage is known once all runs of the first one have ended. Both are read from the store, so that a study that was
stopped at any point continues with the same runs, and a report sees what is selected without training anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from archdsl.report.numbers import many
from archdsl.runs.conditions import ConditionOptions
from archdsl.study.execute.runner import StudyRunner
from archdsl.study.plan.file import StudyFile
from archdsl.study.plan.findings import with_places
from archdsl.study.plan.plan import ENDED, Found, not_reused, planned, settled
from archdsl.study.plan.tuning import TuningPlan, tuning_plan
from archdsl.study.results.decide import WAITING
from archdsl.study.results.tuning import Tuning, tuning_of

TOLD = 5  # tuning runs without a result that are named


@dataclass(frozen=True)
class TuningStage:
    """The tuning runs of a study, on their way in ``runner``, and what they select. ``wanted``: conditions that are asked for."""

    plan: TuningPlan
    runner: StudyRunner
    outcome: Tuning
    wanted: Mapping[str, str]

    def again(self) -> StudyRunner:
        """The comparison by what the store has now."""
        return self.after({})

    def after(self, known: Mapping[str, Found]) -> StudyRunner:
        """The same once runs were carried out: ``known`` is what their workers said, also of those without a result."""
        return _staged(self.plan, replace(self.runner), self.wanted, known)


def prepared(
    study: StudyFile, runs: Path, root: Path | None = None, fetch: bool = False
) -> tuple[StudyFile, StudyRunner]:
    """A study as it is carried out, and its runs by what the store has. Of arms that are to be tuned first, the runs that compare
    them are missing until all that tune them have ended.

    Args:
        runs: the folder of runs.
        root: where the data is; searched before the other data roots.
        fetch: download published sets that are not there.

    Raises:
        ArchError, SpecError, EnvError: as of ``planned`` and ``tuning_plan``, with its place where a study file has it.
    """
    with with_places(study):
        arms, every = planned(study, runs, root, fetch)
        study = settled(study, arms)
        if study.tune is None:
            return study, StudyRunner(arms, every, runs)
        plan = tuning_plan(study, study.tune, arms, every, runs, root, fetch)
    runner = StudyRunner(plan.arms, plan.cells, runs, tunes=plan.metric)
    return study, _staged(plan, runner, ConditionOptions(study.precision).of_options)


def _staged(
    plan: TuningPlan, runner: StudyRunner, wanted: Mapping[str, str], known: Mapping[str, Found] | None = None
) -> StudyRunner:
    outcome = tuning_of(plan, runner.with_foreign(wanted))
    outcome = replace(outcome, notes=(*outcome.notes, *_lost(runner, wanted, known or {})))
    arms, every = (plan.untuned, plan.every) if outcome.picks is None else plan.selected(outcome.picks)
    return StudyRunner(arms, every, runner.runs, tuning=TuningStage(plan, runner, outcome, wanted))


def _lost(runner: StudyRunner, wanted: Mapping[str, str], known: Mapping[str, Found]) -> Iterator[str]:
    """What is to be said of tuning runs without a result, and of those that were made under other conditions."""
    found = runner.with_foreign(wanted)
    others = list(not_reused(found.values()))
    yield from others
    if others:
        yield "--again trains them again, under the conditions of now"
    states = [(cell, known.get(cell.key, found[cell.key])) for cell in runner.every]
    lost = [(cell, state) for cell, state in states if state.status not in (*ENDED, *WAITING)]
    for cell, state in lost[:TOLD]:
        said = f": {state.message.splitlines()[0]}" if state.message else ""
        yield f"tuning run `{runner.label(cell)}`: {state.status}{said}"
    if len(lost) > TOLD:
        yield f"and {many(len(lost) - TOLD, 'more tuning run')} without a result"
