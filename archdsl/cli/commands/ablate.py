"""``archdsl ablate``: from a spec with holes, or a study file, to a table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Data, DataRoot, Device, Format, Quiet, Set, finite
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
)
from archdsl.cli.support.study_report import check_columns, check_html, report, selected
from archdsl.runs.conditions import ConditionOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archdsl.study.execute.execution import Execution
    from archdsl.study.execute.runner import StudyRunner
    from archdsl.study.plan.file import StudyFile
    from archdsl.study.results.results import Results

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
            callback=finite,
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
    from archdsl.cli.support.dry_run import put_preview
    from archdsl.cli.support.watch import check_watch, watched
    from archdsl.runs.run import check_writable
    from archdsl.study.execute.among import runs_of
    from archdsl.study.execute.execution import ExecutionOptions, executions, results_of
    from archdsl.study.execute.stages import prepared
    from archdsl.study.plan.plan import away, check_there

    chosen, runs = selected(given), runs_of(study, runs)
    _check_options(detect, fuse)
    check_html(html if not dry_run else None, study)
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
    how = ExecutionOptions(device, data_root, jobs, engine or chosen.engine, address, retry, fail_fast, again, fuse)
    if dry_run:
        _say_idle({"--register": register, "--html": html is not None, "--watch": watch})
        put_preview(chosen, runner, how, format, detect, requested)
        return
    check_writable(runs)
    if missing_data and runner.missing:
        _, runner = prepared(chosen, runs, data_root, fetch=True)
    for stage in () if again else runner.stages:
        stage.check(requested)
    if register:
        _register(chosen, runner)
    warned: list[str] = []  # by tuning runs, and then not again
    with watched(watch, chosen, runner, requested.wanted, port):
        for execution in executions(chosen, runner, how):
            current = _carry_out(execution, quiet, warned)
            runner, sequential = execution.runner, execution.sequential
    stopped = sequential.stopped if sequential is not None else ""
    results = results_of(chosen, runner, current if current is not None else requested.wanted, stopped=stopped)
    report(results, chosen, runs, format, html, quiet, detect, columns=columns)
    _end(results, runner, again)


def _check_options(detect: str | None, fuse: str) -> None:
    """Refuse what no study can have, before any work."""
    from archdsl.study.amounts import amount
    from archdsl.study.execute.bundles import most_together

    amount(detect or "1%", "--detect")
    most_together(fuse, gpu=False)


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


def _say_idle(given: Mapping[str, bool]) -> None:
    """Say which options a dry run does not carry out."""
    from archdsl.cli.output import say

    if idle := [option for option, wanted in given.items() if wanted]:
        say(f"note: {' and '.join(idle)}: without effect in a dry run")


def _end(results: Results, runner: StudyRunner, again: bool) -> None:
    """Say what trains the runs that do not count, and end with the exit code of a study that is not whole."""
    from archdsl.cli.output import say
    from archdsl.study.plan.plan import ENDED

    own = {(runner.arms.arms[c.arm].name, c.seed): runner.found[c.key].status for c in runner.every}
    twins = {a.name for a in results.arms if a.twin}
    # Runs on other data are trained without it.
    others = sum(
        status == "foreign" and own.get((arm, seed)) in ENDED
        for arm, seed, status, _ in results.failures
        if arm not in twins
    )
    if others and not again:
        say(f"note: --again trains {'the foreign run' if others == 1 else f'the {others} foreign runs'} again")
    if runner.waits or any(state != "finished" for a in results.arms for state, n in a.states.items() if n):
        raise SystemExit(SOME_FAILED)


def _register(chosen: StudyFile, runner: StudyRunner) -> None:
    from archdsl.cli.output import say
    from archdsl.study.execute.register import plan_of, register
    from archdsl.study.execute.select import folder_of

    # Runs on other data are not of this plan.
    begun = sum(f.status not in ("missing", "foreign") for stage in runner.stages for f in stage.found.values())
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
