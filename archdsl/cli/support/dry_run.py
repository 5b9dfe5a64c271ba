"""What ``archdsl ablate --dry-run`` prints: the arms of a study, and the runs that the command without it would train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.cli.support.study_report import planned_notes, put_study

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archdsl.runs.conditions import ConditionOptions
    from archdsl.study.execute.execution import ExecutionOptions
    from archdsl.study.execute.runner import StudyRunner
    from archdsl.study.plan.cells import Cell
    from archdsl.study.plan.estimate import Estimate
    from archdsl.study.plan.file import StudyFile

NAMED = 3  # damaged runs that are named


def put_preview(
    chosen: StudyFile,
    runner: StudyRunner,
    how: ExecutionOptions,
    format: str,
    detect: str | None,
    requested: ConditionOptions,
) -> None:
    """Print the arms with what is there, what would be trained, and how long that takes.

    Args:
        how: as of the command without ``--dry-run``.
        detect: the difference of ``--detect``.
        requested: conditions of the command.
    """
    from dataclasses import replace

    from archdsl.study.execute.execution import redone, results_of
    from archdsl.study.execute.worker_budget import worker_budget
    from archdsl.study.plan.estimate import time_left
    from archdsl.study.plan.plan import Found, distinct
    from archdsl.study.report.tables import duration, preview
    from archdsl.study.report.tuning_text import beforehand

    stages = [(stage, redone(chosen, stage, how)) for stage in runner.stages]
    trained = [_trained(chosen, stage, how, again) for stage, again in stages]
    workers = worker_budget(runner.arms, trained[-1], how.device, how.jobs)
    count, kind = workers.jobs, "cuda" if workers.gpu else "mps" if how.device == "mps" else "cpu"

    def estimate(stage: StudyRunner, todo: Sequence[Cell]) -> Estimate:
        known = stage.with_foreign(requested.wanted)
        return time_left(stage.every, todo, known, min(count, len(todo) or 1), stage.runs, kind)

    before = [
        beforehand(len(todo), len(distinct(stage.every)), duration(estimate(stage, todo).seconds), runner.waits)
        for (stage, _), todo in zip(stages[:-1], trained, strict=False)
    ]
    time, found = estimate(runner, trained[-1]), runner.with_foreign(requested.wanted)
    found |= {cell.key: replace(found[cell.key], status="missing") for cell in stages[-1][1]}
    states: list[tuple[int, Found]] = [(cell.arm, found[cell.key]) for cell in runner.every]
    results = results_of(chosen, runner, requested.wanted, look=False)
    left = len(trained[-1]), len(distinct(runner.every))
    notes = [
        *before,
        *(text for stage, again in stages if not again for text in _kept(stage, requested)),
        *planned_notes(results, detect, format),
    ]
    table = preview(results, states, time.seconds, time.basis, count, notes, left)
    put_study(table, results.metric, format)


def _trained(chosen: StudyFile, stage: StudyRunner, how: ExecutionOptions, again: Sequence[Cell]) -> list[Cell]:
    """The runs that would be trained, at most."""
    from archdsl.study.execute.execution import sequential_run

    if chosen.sequential and not stage.tunes and not stage.waits:
        return sequential_run(chosen, stage, how, [cell.key for cell in again]).left
    missing = stage.missing
    return [*missing, *(cell for cell in again if cell not in missing)]


def _kept(stage: StudyRunner, requested: ConditionOptions) -> Iterator[str]:
    """What is to be said of runs that are there, do not count, and are trained with ``--again`` alone."""
    from archdsl.errors import ArchError
    from archdsl.report.numbers import many
    from archdsl.study.plan.plan import DAMAGED, ENDED, not_reused

    try:
        stage.check(requested)
    except ArchError as error:
        yield f"without --dry-run the command is refused: {error.message}; {error.help}"
        return
    found = stage.with_foreign(requested.wanted)
    for text in not_reused(f for key, f in found.items() if stage.found[key].status in ENDED):
        yield f"{text}; --again trains them again"
    damaged = [f.message for f in found.values() if f.status == DAMAGED]
    for message in damaged[:NAMED]:
        yield f"not trained without --again: {message}"
    if len(damaged) > NAMED:
        yield f"and {many(len(damaged) - NAMED, 'more damaged run')}"
