"""``archdsl ablate``: from a spec with holes, or a study file, to a table."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Data, DataRoot, Format, Set
from archdsl.cli.support.study_options import (
    Baseline,
    Design,
    Detect,
    Html,
    In,
    Match,
    Metric,
    Out,
    Runs,
    Seeds,
    Study,
    Where,
    With,
    Without,
)
from archdsl.cli.support.study_report import check_html, ingredients, planned_notes, put_study, report, results_of
from archdsl.runs.conditions import ConditionOptions, Precision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archdsl.study.execute.messages import RunOptions
    from archdsl.study.file import StudyFile
    from archdsl.study.plan import Cell
    from archdsl.study.runner import Engine, StudyRunner

SOME_FAILED = 3


def command(
    study: Study,
    without: Without = None,
    into: With = None,
    out: Out = None,
    old_into: In = None,
    design: Design = None,
    seeds: Seeds = None,
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be run, and an estimate of the time.")
    ] = False,
    detect: Detect = None,
    format: Format = "table",
    html: Html = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress.")] = False,
    fuse: Annotated[
        str,
        typer.Option("--fuse", metavar="HOW", help="Seeds trained as one net: auto (narrow nets on a GPU), off, 2 …"),
    ] = "auto",
) -> None:
    """Run an ablation: paired seeds, every run kept and shared, a table with honest statistics."""
    from archdsl.cli.output import say
    from archdsl.runs.run import check_writable
    from archdsl.study.plan import away, cells, check_there, gone, not_reused, planned
    from archdsl.study.planning import amount
    from archdsl.study.runner import StudyRunner
    from archdsl.study.select import SelectionOptions, select

    chosen = select(study, SelectionOptions(
        *ingredients(without, into, out, old_into), design, seeds, data, set or (), where or (), match, baseline or (),
        metric, precision, time_limit,
    ))  # fmt: skip
    amount(detect or "1%")
    check_html(html)
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
    how = _ExecutionOptions(
        device, data_root, jobs, engine or chosen.engine, address, retry, fail_fast, again, quiet, fuse
    )
    current = _carry_out(chosen, runner, how)
    results = results_of(chosen, runner, current if current is not None else requested.wanted)
    report(results, chosen, runs, format, html, quiet, detect)
    if any(state != "finished" for a in results.arms for state, n in a.states.items() if n):
        raise SystemExit(SOME_FAILED)


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
    todo = runner.missing
    redone = _redone(chosen, runner, how) if how.again else []
    if not todo and not redone:
        return None
    todo = [*todo, *(c for c in redone if c not in todo)]
    budget = worker_budget(runner.arms, todo, how.device, how.jobs)
    engine = _engine(_run_options(chosen, runner, how, tuple(c.key for c in redone)), how, folder, budget.jobs)
    alone = how.engine == "ray" or chosen.time_limit is not None or bool(redone)
    groups = bundles(runner.arms, todo, OFF if alone else how.fuse, budget.gpu, budget.jobs, budget.bytes)
    jobs = min(budget.jobs, len(groups))
    with Watching(sys.stderr, runner, todo, chosen.metric, jobs, how.quiet) as watching:
        listen = Beforehand(watching, len(todo), jobs)
        watching.note(*([str(budget)] if budget.each > 1 else []), *told(groups))
        try:
            runner.carry_out(engine, todo, listen, how.fail_fast, groups)
        except (KeyboardInterrupt, SystemExit):  # the latter by SIGTERM or SIGHUP
            watching.stopped(_command())
            raise
    return watching.conditions


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
