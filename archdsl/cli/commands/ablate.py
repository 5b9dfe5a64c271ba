"""``archdsl ablate``: from a spec with holes, or a study file, to a table."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Set
from archdsl.cli.support.study_options import (
    Baseline,
    Data,
    Design,
    Detect,
    Format,
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
from archdsl.runs.conditions import Asked, Precision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archdsl.study.conduct import Conduct, Engine
    from archdsl.study.execute.order import Terms
    from archdsl.study.file import StudyFile
    from archdsl.study.plan import Cell

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
    data_root: Annotated[
        Path | None, typer.Option("--data-root", metavar="DIR", help="The folder of the data.")
    ] = None,
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
    from archdsl.study.conduct import Conduct
    from archdsl.study.plan import away, cells, not_reused, planned
    from archdsl.study.planning import amount
    from archdsl.study.select import Choice, select

    chosen = select(study, Choice(
        *ingredients(without, into, out, old_into), design, seeds, data, set or (), where or (), match, baseline or (),
        metric, precision, time_limit,
    ))  # fmt: skip
    amount(detect or "1%")
    check_html(html)
    arms, every = planned(chosen, runs, data_root)
    asked = Asked(chosen.precision, device)
    conduct = Conduct(arms, every, runs)
    missing_data = away(conduct.every, data_root)
    for name in missing_data if not quiet else ():
        say(f"note: the data set {name} is not on this machine; " + (
            "a run downloads it" if conduct.missing else "its description is read from its runs"))  # fmt: skip
    for text in not_reused(conduct.found.values()) if not quiet and not again else ():
        say(f"note: {text}")
    if dry_run:
        _preview(chosen, conduct, jobs, device, format, detect, asked)
        return
    check_writable(runs)
    if missing_data and conduct.missing:
        conduct = Conduct(arms, cells(arms, chosen.seeds, root=data_root, fetch=True), runs)
    if not again:
        conduct.check(asked)
    how = _Way(device, data_root, jobs, engine or chosen.engine, address, retry, fail_fast, again, quiet, fuse)
    current = _carry_out(chosen, conduct, how)
    results = results_of(chosen, conduct, current if current is not None else asked.wanted)
    report(results, chosen, runs, format, html, quiet, detect)
    if any(state != "finished" for a in results.arms for state, n in a.states.items() if n):
        raise SystemExit(SOME_FAILED)


class _Way:
    """How the runs are carried out."""

    def __init__(
        self, device: str, data_root: Path | None, jobs: int | None, engine: str, address: str | None, retry: int,
        fail_fast: bool, again: bool, quiet: bool, fuse: str,
    ) -> None:  # fmt: skip
        self.device, self.data_root, self.jobs, self.engine, self.address = device, data_root, jobs, engine, address
        self.retry, self.fail_fast, self.again, self.quiet, self.fuse = retry, fail_fast, again, quiet, fuse


def _carry_out(chosen: StudyFile, conduct: Conduct, way: _Way) -> Mapping[str, str] | None:
    """Run what is missing; gives the conditions under which it was, None where nothing was."""
    from archdsl.atomic import write_whole
    from archdsl.cli.support.preload import Beforehand
    from archdsl.cli.views.study_progress import Watching
    from archdsl.study.bundles import OFF, bundles, told
    from archdsl.study.room import room
    from archdsl.study.select import STUDY, folder_of, standalone

    folder = folder_of(chosen, conduct.runs)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / STUDY, standalone(chosen).encode())
    todo = conduct.missing
    redone = _redone(chosen, conduct, way) if way.again else []
    if not todo and not redone:
        return None
    todo = [*todo, *(c for c in redone if c not in todo)]
    space = room(conduct.arms, todo, way.device, way.jobs)
    engine = _engine(_terms(chosen, conduct, way, tuple(c.key for c in redone)), way, folder, space.jobs)
    alone = way.engine == "ray" or chosen.time_limit is not None or bool(redone)
    groups = bundles(conduct.arms, todo, OFF if alone else way.fuse, space.gpu, space.jobs, space.bytes)
    jobs = min(space.jobs, len(groups))
    with Watching(sys.stderr, conduct, todo, chosen.metric, jobs, way.quiet) as watching:
        listen = Beforehand(watching, len(todo), jobs)
        watching.note(*([str(space)] if space.each > 1 else []), *told(groups))
        try:
            conduct.carry_out(engine, todo, listen, way.fail_fast, groups)
        except (KeyboardInterrupt, SystemExit):  # the latter by SIGTERM or SIGHUP
            watching.stopped(_command())
            raise
    return watching.conditions


def _redone(chosen: StudyFile, conduct: Conduct, way: _Way) -> list[Cell]:
    """Runs that were made, or begun, under other conditions than those of now. The nodes of a cluster are asked only
    when they are there: for them, what the options say counts, and else what most runs have.
    """
    from archdsl.study.execute.ask import conditions
    from archdsl.study.plan import begun_otherwise, distinct

    asked = Asked(chosen.precision, way.device).wanted
    now = asked if way.engine == "ray" else {**conditions(_terms(chosen, conduct, way)), **asked}
    found = conduct.settled(now)
    return [
        c for c in distinct(conduct.every) if found[c.key].status == "foreign" or begun_otherwise(found[c.key], now)
    ]


def _terms(chosen: StudyFile, conduct: Conduct, way: _Way, again: tuple[str, ...] = ()) -> Terms:
    from archdsl.study.execute.order import Terms

    return Terms(
        str(conduct.runs), str(way.data_root) if way.data_root else None, way.device, chosen.precision,
        chosen.time_limit, 1, again,
    )  # fmt: skip


def _engine(terms: Terms, way: _Way, folder: Path, jobs: int) -> Engine:
    if way.engine == "ray":
        from archdsl.study.execute.cluster import Cluster

        return Cluster(terms, way.jobs, way.retry, way.address)
    from archdsl.study.execute.local import Local

    return Local(terms, jobs, folder, way.retry)


def _preview(
    chosen: StudyFile, conduct: Conduct, jobs: int | None, device: str, format: str, detect: str | None, asked: Asked
) -> None:
    from archdsl.study.estimate import seconds_left
    from archdsl.study.room import room
    from archdsl.study.tables import preview

    count = room(conduct.arms, conduct.missing, device, jobs).jobs
    found = conduct.settled(asked.wanted)
    seconds, guessed = seconds_left(conduct.every, conduct.missing, found, min(count, len(conduct.missing) or 1))
    states = [(cell.arm, found[cell.key]) for cell in conduct.every]
    results = results_of(chosen, conduct, asked.wanted)
    notes = planned_notes(results, detect)
    put_study(preview(results, states, seconds, guessed, count, notes), results.metric, format)


def _command() -> str:
    return shlex.join(["archdsl", *sys.argv[1:]])
