"""``archdsl ablate``: from a spec with holes, or a study file, to a table."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Data, DataRoot, Set
from archdsl.cli.support.study_options import (
    Alpha,
    Baseline,
    Columns,
    Design,
    Detect,
    Failures,
    Format,
    Html,
    In,
    Match,
    MaxSeeds,
    Metric,
    Out,
    Port,
    Runs,
    Same,
    Seeds,
    Study,
    Until,
    Watch,
    Where,
    With,
    Without,
)
from archdsl.cli.support.study_report import check_html, ingredients, planned_notes, put_study, report, results_of
from archdsl.runs.conditions import ConditionOptions, Precision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archdsl.study.execute.messages import RunOptions
    from archdsl.study.file import StudyFile
    from archdsl.study.plan import Cell
    from archdsl.study.runner import Engine, StudyRunner
    from archdsl.study.sequential import SequentialRun

SOME_FAILED = 3


def command(
    study: Study,
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
    runs: Runs = Path("runs"),
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[
        Precision | None,
        typer.Option("--precision", help="The same for all runs; auto is bf16 where the processor supports it."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", min=1, help="Number of workers; by default one per core or GPU."),
    ] = None,
    engine: Annotated[Literal["local", "ray"] | None, typer.Option("--engine", help="What executes the runs.")] = None,
    address: Annotated[
        str | None, typer.Option("--address", metavar="HOST:PORT", help="The address of a running Ray cluster.")
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option("--time-limit", metavar="SECONDS", min=0.001, help="Limit of the training time of each run."),
    ] = None,
    retry: Annotated[
        int, typer.Option("--retry", metavar="N", min=0, help="Number of retries after a process or a disk failed.")
    ] = 1,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Train runs again that were made with another torch, device, precision or kernels."
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress.")] = False,
    fuse: Annotated[
        str,
        typer.Option("--fuse", metavar="HOW", help="Seeds trained as one net: auto (narrow nets on a GPU), off, 2 …"),
    ] = "auto",
) -> None:
    """Run an ablation: paired seeds, every run kept and shared, a verdict on each arm.

    Where no number of seeds is stated, each arm stops once it is decided, at 20 seeds at the latest (--max-seeds). Looking at
    the results is free then. With --seeds N every arm gets N seeds, and the verdicts are valid for one look.
    """
    from archdsl.cli.output import say
    from archdsl.cli.support.watch import check_watch, watched
    from archdsl.runs.run import check_writable
    from archdsl.study.amounts import amount
    from archdsl.study.plan import away, cells, check_there, gone, not_reused, planned
    from archdsl.study.runner import StudyRunner
    from archdsl.study.select import SelectionOptions, select

    chosen = select(study, SelectionOptions(
        *ingredients(without, into, out, old_into), design, seeds, data, set or (), where or (), match, baseline or (),
        metric, precision, time_limit, until, max_seeds, alpha, same, budget, failures,
    ))  # fmt: skip
    amount(detect or "1%", "--detect")
    check_html(html)
    watch = check_watch(watch, port)
    arms, every = planned(chosen, runs, data_root)
    requested = ConditionOptions(chosen.precision, device)
    runner = StudyRunner(arms, every, runs)
    missing_data = away(runner.every, data_root)
    for name in missing_data if not quiet else ():
        say(f"note: the data set {name} is not on this machine; " + (
            "a run downloads it" if runner.missing else "its description is read from its runs"))  # fmt: skip
    check_there(arms, runner.every if again else runner.missing)
    for text in gone(runner.every) if not quiet else ():
        say(f"note: {text}")
    for text in not_reused(runner.found.values()) if not quiet and not again else ():
        say(f"note: {text}")
    if dry_run:
        _preview(chosen, runner, jobs, device, format, detect, requested)
        return
    check_writable(runs)
    if missing_data and runner.missing:
        runner = StudyRunner(arms, cells(arms, chosen.seeds, root=data_root, fetch=True), runs)
    if not again:
        runner.check(requested)
    if register:
        _register(chosen, runner)
    how = _ExecutionOptions(
        device, data_root, jobs, engine or chosen.engine, address, retry, fail_fast, again, quiet, fuse
    )
    with watched(watch, chosen, runner, requested.wanted, port):
        current = _carry_out(chosen, runner, how)
    results = results_of(chosen, runner, current if current is not None else requested.wanted)
    report(results, chosen, runs, format, html, quiet, detect, columns=columns)
    if any(state != "finished" for a in results.arms for state, n in a.states.items() if n):
        raise SystemExit(SOME_FAILED)


def _register(chosen: StudyFile, runner: StudyRunner) -> None:
    from archdsl.cli.output import say
    from archdsl.study.plan import ENDED
    from archdsl.study.register import plan_of, register
    from archdsl.study.select import folder_of

    begun = sum(f.status in ENDED for f in runner.found.values())
    say(register(folder_of(chosen, runner.runs), plan_of(chosen, runner.arms, runner.every), begun))


class _ExecutionOptions:
    """How the runs are carried out."""

    def __init__(
        self, device: str, data_root: Path | None, jobs: int | None, engine: str, address: str | None, retry: int,
        fail_fast: bool, again: bool, quiet: bool, fuse: str,
    ) -> None:  # fmt: skip
        self.device, self.data_root, self.jobs, self.engine, self.address = device, data_root, jobs, engine, address
        self.retry, self.fail_fast, self.again, self.quiet, self.fuse = retry, fail_fast, again, quiet, fuse


def _carry_out(chosen: StudyFile, runner: StudyRunner, how: _ExecutionOptions) -> Mapping[str, str] | None:
    """Run what is missing; gives the conditions under which it was, None where nothing was."""
    from archdsl.atomic import write_whole
    from archdsl.cli.support.preload import Beforehand
    from archdsl.cli.views.study_progress import Watching
    from archdsl.study.bundles import OFF, bundles, told
    from archdsl.study.select import STUDY, folder_of, standalone
    from archdsl.study.worker_budget import worker_budget

    folder = folder_of(chosen, runner.runs)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / STUDY, standalone(chosen).encode())
    redone = _redone(chosen, runner, how) if how.again else []
    again = tuple(c.key for c in redone)
    todo = runner.missing
    todo = [*todo, *(c for c in redone if c not in todo)]
    budget = worker_budget(runner.arms, todo, how.device, how.jobs)
    alone = how.engine == "ray" or chosen.time_limit is not None or bool(redone)

    def group(cells: Sequence[Cell]) -> list[list[Cell]]:
        return bundles(runner.arms, cells, OFF if alone else how.fuse, budget.gpu, budget.jobs, budget.bytes)

    sequential = _sequential(chosen, runner, how, again, group) if chosen.sequential else None
    if not todo or (sequential is not None and sequential.finished):
        return None
    groups = [[c] for c in todo] if sequential is not None else group(todo)
    jobs = min(budget.jobs, len(groups))
    engine = _engine(
        _run_options(chosen, runner, how, again), how, folder, jobs if how.engine != "ray" else budget.jobs
    )
    with Watching(sys.stderr, runner, todo, chosen.metric, jobs, how.quiet, sequential) as watching:
        listen = Beforehand(watching, len(todo), jobs)
        watching.note(*([str(budget)] if budget.each > 1 else []), *told(groups))
        try:
            if sequential is not None:
                runner.decide(engine, sequential, listen, how.fail_fast)
            else:
                runner.carry_out(engine, todo, listen, how.fail_fast, groups)
        except (KeyboardInterrupt, SystemExit):  # the latter by SIGTERM or SIGHUP
            watching.stopped(_command())
            raise
    return watching.conditions


def _sequential(
    chosen: StudyFile, runner: StudyRunner, how: _ExecutionOptions, again: tuple[str, ...],
    group: Callable[[Sequence[Cell]], list[list[Cell]]],
) -> SequentialRun:  # fmt: skip
    from archdsl.study.amounts import budget
    from archdsl.study.select import decision_options
    from archdsl.study.sequential import SequentialRun

    return SequentialRun(
        runner.arms, runner.every, runner.found, chosen.metric, decision_options(chosen), again=again, group=group,
        seconds=budget(chosen.budget).seconds if chosen.budget else None,
        wanted=ConditionOptions(chosen.precision, how.device).wanted,
    )  # fmt: skip


def _redone(chosen: StudyFile, runner: StudyRunner, how: _ExecutionOptions) -> list[Cell]:
    """Runs that were made, or begun, under other conditions than those of now. The nodes of a cluster are asked only
    when they are there: for them, what the options say counts, and else what most runs have.
    """
    from archdsl.study.execute.ask import conditions
    from archdsl.study.plan import begun_otherwise, distinct

    requested = ConditionOptions(chosen.precision, how.device).wanted
    now = requested if how.engine == "ray" else {**conditions(_run_options(chosen, runner, how)), **requested}
    found = runner.with_foreign(now)
    return [c for c in distinct(runner.every) if found[c.key].status == "foreign" or begun_otherwise(found[c.key], now)]


def _run_options(
    chosen: StudyFile, runner: StudyRunner, how: _ExecutionOptions, again: tuple[str, ...] = ()
) -> RunOptions:
    from archdsl.study.execute.messages import RunOptions

    return RunOptions(
        str(runner.runs), str(how.data_root) if how.data_root else None, how.device, chosen.precision,
        chosen.time_limit, 1, again,
    )  # fmt: skip


def _engine(options: RunOptions, how: _ExecutionOptions, folder: Path, jobs: int) -> Engine:
    if how.engine == "ray":
        from archdsl.study.execute.cluster import Cluster

        return Cluster(options, how.jobs, how.retry, how.address)
    from archdsl.study.execute.local import Local

    return Local(options, jobs, folder, how.retry)


def _preview(
    chosen: StudyFile,
    runner: StudyRunner,
    jobs: int | None,
    device: str,
    format: str,
    detect: str | None,
    requested: ConditionOptions,
) -> None:
    from archdsl.study.estimate import seconds_left
    from archdsl.study.tables import preview
    from archdsl.study.worker_budget import worker_budget

    count = worker_budget(runner.arms, runner.missing, device, jobs).jobs
    found = runner.with_foreign(requested.wanted)
    seconds, guessed = seconds_left(runner.every, runner.missing, found, min(count, len(runner.missing) or 1))
    states = [(cell.arm, found[cell.key]) for cell in runner.every]
    results = results_of(chosen, runner, requested.wanted)
    notes = planned_notes(results, detect)
    put_study(preview(results, states, seconds, guessed, count, notes), results.metric, format)


def _command() -> str:
    return shlex.join(["archdsl", *sys.argv[1:]])
