"""``archdsl ablate``: from a spec with holes, or a study file, to a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Data, DataRoot, Device, Format, Quiet, Set
from archdsl.cli.support.study_options import (
    Address,
    Alpha,
    Baseline,
    Columns,
    Design,
    Detect,
    Failures,
    Html,
    In,
    Jobs,
    Match,
    MaxSeeds,
    Metric,
    Out,
    Port,
    Preset,
    Retry,
    Same,
    SamePrecision,
    Seeds,
    Study,
    StudyRuns,
    Until,
    Watch,
    Where,
    With,
    Without,
    runs_of,
)
from archdsl.cli.support.study_report import check_columns, check_html, planned_notes, put_study, report, selected
from archdsl.runs.conditions import ConditionOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archdsl.study.execute.execution import Execution
    from archdsl.study.execute.runner import StudyRunner
    from archdsl.study.plan.estimate import Estimate
    from archdsl.study.plan.file import StudyFile

SOME_FAILED = 3
LARGE = 0.1  # a margin of more than ten points is probably meant in per cent


def command(
    study: Study,
    preset: Preset = None,
    without: Without = None,
    into: With = None,
    out: Out = None,
    old_into: In = None,
    design: Design = None,
    seeds: Seeds = None,
    until: Until = None,
    max_seeds: MaxSeeds = None,
    same: Same = None,
    alpha: Alpha = None,
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar="AMOUNT", help="Begin no run beyond it: 2h or 30min of time, or 200runs."),
    ] = None,
    failures: Failures = None,
    data: Data = None,
    data_root: DataRoot = None,
    set: Set = None,
    where: Where = None,
    match: Match = None,
    baseline: Baseline = None,
    metric: Metric = None,
    runs: StudyRuns = None,
    device: Device = "auto",
    precision: SamePrecision = None,
    jobs: Jobs = None,
    engine: Annotated[Literal["local", "ray"] | None, typer.Option("--engine", help="What executes the runs.")] = None,
    address: Address = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="SECONDS",
            min=0.001,
            help="Train each run so long in this call; the next resumes it.",
        ),
    ] = None,
    retry: Retry = 1,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Train runs again that are damaged, or were made with another torch, device, precision or kernels.",
        ),
    ] = False,
    register: Annotated[
        bool,
        typer.Option(
            "--register", help="Write the plan with its hash before the first run; the report names departures."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be run, and an estimate of the time.")
    ] = False,
    detect: Detect = None,
    format: Format = "table",
    columns: Columns = None,
    html: Html = None,
    watch: Watch = False,
    port: Port = None,
    quiet: Quiet = False,
    fuse: Annotated[
        str,
        typer.Option("--fuse", metavar="HOW", help="Seeds trained as one net: auto (narrow nets on a GPU), off, 2 …"),
    ] = "auto",
) -> None:
    """Run an ablation: paired seeds, every run kept and shared, a verdict on each arm.

    Where no number of seeds is stated, each arm stops once it is decided, at 20 seeds at the latest (--max-seeds). Looking at
    the results is free then. With --seeds N every arm gets N seeds, and the verdicts are valid for one look. A spec with nothing
    to vary, or a grid over numbers, compares nothing: it gets 5 seeds, for means and spreads. `archdsl train` makes one run.
    """
    given = locals()
    from archdsl.cli.output import say
    from archdsl.cli.support.watch import check_watch, watched
    from archdsl.runs.run import check_writable
    from archdsl.study.execute.execution import ExecutionOptions, executions, results_of
    from archdsl.study.execute.stages import prepared
    from archdsl.study.plan.plan import away, check_there

    chosen, runs = selected(given), runs_of(study, runs)
    _check_options(detect, fuse, html)
    watch = check_watch(watch, port)
    chosen, runner = prepared(chosen, runs, data_root)
    requested = ConditionOptions(chosen.precision, device)
    missing_data = away(runner.every, data_root)
    for stage in runner.stages:
        check_there(stage.arms, stage.every if again else stage.missing)
    for text in _beforehand(chosen, runner, missing_data if not quiet else (), again):
        say(f"note: {text}")
    if columns:
        check_columns(results_of(chosen, runner, requested.wanted, look=False), columns)
    if dry_run:
        _preview(chosen, runner, jobs, device, format, detect, requested, again)
        return
    check_writable(runs)
    if missing_data and runner.missing:
        _, runner = prepared(chosen, runs, data_root, fetch=True)
    for stage in () if again else runner.stages:
        stage.check(requested)
    if register:
        _register(chosen, runner)
    how = ExecutionOptions(device, data_root, jobs, engine or chosen.engine, address, retry, fail_fast, again, fuse)
    warned: list[str] = []  # by tuning runs, and then not again
    with watched(watch, chosen, runner, requested.wanted, port):
        for execution in executions(chosen, runner, how):
            current = _carry_out(execution, quiet, warned)
            runner = execution.runner
    results = results_of(chosen, runner, current if current is not None else requested.wanted)
    report(results, chosen, runs, format, html, quiet, detect, columns=columns)
    others = sum(a.states.get("foreign", 0) for a in results.arms)
    if others and not again:
        say(f"note: --again trains {'the foreign run' if others == 1 else f'the {others} foreign runs'} again")
    if runner.waits or any(state != "finished" for a in results.arms for state, n in a.states.items() if n):
        raise SystemExit(SOME_FAILED)


def _check_options(detect: str | None, fuse: str, html: Path | None) -> None:
    """Refuse what no study can have, before any work."""
    from archdsl.study.amounts import amount
    from archdsl.study.execute.bundles import most_together

    amount(detect or "1%", "--detect")
    most_together(fuse, gpu=False)
    check_html(html)


def _beforehand(chosen: StudyFile, runner: StudyRunner, missing_data: Sequence[str], again: bool) -> Iterator[str]:
    """What is to be said before a study runs: a margin that may be a slip, data that is not here, runs that do not count."""
    from archdsl.expand.metrics import metric_of
    from archdsl.study.amounts import amount
    from archdsl.study.plan.plan import gone, not_reused

    if (
        chosen.same
        and "%" not in chosen.same
        and metric_of(chosen.metric).unit == "percent"
        and amount(chosen.same) > LARGE
    ):
        points = f"{100 * amount(chosen.same):g}"
        yield f"`--same {chosen.same}` is a margin of {points} points; {chosen.same} points are written {chosen.same}%"
    for name in missing_data:
        yield f"the data set {name} is not on this machine; " + (
            "a run downloads it" if runner.missing else "its description is read from its runs"
        )
    yield from gone(runner.every)
    for stage in () if again else runner.stages:
        yield from not_reused(stage.found.values())


def _register(chosen: StudyFile, runner: StudyRunner) -> None:
    from archdsl.cli.output import say
    from archdsl.study.execute.register import plan_of, register
    from archdsl.study.execute.select import folder_of
    from archdsl.study.plan.plan import ENDED

    begun = sum(f.status in ENDED for stage in runner.stages for f in stage.found.values())
    say(register(folder_of(chosen, runner.runs), plan_of(chosen, *runner.untuned), begun))


def _carry_out(execution: Execution, quiet: bool, warned: list[str]) -> Mapping[str, str] | None:
    """Run what is missing; gives the conditions under which it was, None where nothing was."""
    from archdsl.cli.output import typed_command
    from archdsl.cli.support.preload import Beforehand
    from archdsl.cli.views.study_progress import Watching
    from archdsl.study.execute.bundles import told
    from archdsl.study.execute.register import remember

    remember(execution.folder, typed_command())
    if not execution.needed:
        return None
    todo, jobs, budget, metric = execution.todo, execution.jobs, execution.budget, execution.metric
    sequential = execution.sequential
    with Watching(sys.stderr, execution.runner, todo, metric, jobs, quiet, sequential, warned) as watching:
        watching.note(*([str(budget)] if budget.each > 1 else []), *told(execution.groups))
        try:
            execution.run(Beforehand(watching, len(todo), jobs))
        except (KeyboardInterrupt, SystemExit):  # the latter by SIGTERM or SIGHUP
            watching.stopped(typed_command())
            raise
    return watching.conditions


def _preview(
    chosen: StudyFile,
    runner: StudyRunner,
    jobs: int | None,
    device: str,
    format: str,
    detect: str | None,
    requested: ConditionOptions,
    again: bool,
) -> None:
    from archdsl.study.execute.execution import results_of
    from archdsl.study.execute.worker_budget import worker_budget
    from archdsl.study.plan.estimate import time_left
    from archdsl.study.plan.plan import DAMAGED
    from archdsl.study.report.tables import duration, preview
    from archdsl.study.report.tuning_text import beforehand

    workers = worker_budget(runner.arms, runner.missing, device, jobs)
    count, kind = workers.jobs, "cuda" if workers.gpu else "mps" if device == "mps" else "cpu"

    def estimate(stage: StudyRunner) -> Estimate:
        todo, known = stage.missing, stage.with_foreign(requested.wanted)
        return time_left(stage.every, todo, known, min(count, len(todo) or 1), stage.runs, kind)

    time, found = estimate(runner), runner.with_foreign(requested.wanted)
    before = [
        beforehand(len(stage.missing), len(stage.every), duration(estimate(stage).seconds))
        for stage in runner.stages[:-1]
    ]
    states = [(cell.arm, found[cell.key]) for cell in runner.every]
    results = results_of(chosen, runner, requested.wanted, look=False)
    notes = [*before, *planned_notes(results, detect, format)]
    known = {cell.key for cell in runner.missing}
    lost = [c for c in runner.every if c.key not in known and found[c.key].status in ("foreign", DAMAGED)]
    left = 0 if again else len(lost)
    put_study(preview(results, states, time.seconds, time.basis, count, notes, left), results.metric, format)
