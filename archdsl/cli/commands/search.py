"""``archdsl search``: from a spec with holes and a budget to winners on fresh seeds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archdsl.cli.options import Data, DataRoot, Device, Format, Quiet, Set
from archdsl.cli.support.study_options import Address, Html, Jobs, MaxSeeds, Retry, Runs, SamePrecision
from archdsl.search.samplers import SAMPLERS, fitting

if TYPE_CHECKING:
    from archdsl.search.execute import SearchExecution
    from archdsl.search.results import SearchResults
    from archdsl.study.amounts import Budget


def command(
    space: Annotated[str, typer.Argument(metavar="SPACE", help="A spec with holes: a file, or the text itself.")],
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar="AMOUNT", help="2h or 30min of wall time in all, or 200runs: candidates."),
    ] = None,
    objective: Annotated[
        str | None, typer.Option("--objective", metavar="METRIC", help="Of validation images; by default the task's.")
    ] = None,
    pareto: Annotated[
        list[str] | None, typer.Option("--pareto", metavar="TOTAL", help="Also make this small: params, macs, …")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="CONDITION", help="Candidates satisfy it: 'params < 1M'.")
    ] = None,
    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            metavar="NAME",
            help=f"{', '.join(SAMPLERS)}; by default {fitting(1)[0]}, with --pareto {fitting(2)[0]}.",
        ),
    ] = "",
    rungs: Annotated[
        str, typer.Option("--rungs", metavar="EPOCHS", help="Successive halving: 1,3,9; the last is a whole run.")
    ] = "",
    proxy: Annotated[
        str, typer.Option("--proxy", metavar="NAME", help="Begin with what a zero-cost proxy ranks highest: naswot, …")
    ] = "",
    winners: Annotated[
        int, typer.Option("--winners", metavar="N", min=1, max=20, help="Candidates to compare on fresh seeds.")
    ] = 3,
    max_seeds: MaxSeeds = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, max=999, help="Of the sampler and the runs.")] = 0,
    data: Data = None,
    data_root: DataRoot = None,
    set: Set = None,
    runs: Runs = Path("runs"),
    device: Device = "auto",
    precision: SamePrecision = None,
    jobs: Jobs = None,
    engine: Annotated[Literal["local", "ray"], typer.Option("--engine", help="What executes the runs.")] = "local",
    address: Address = None,
    retry: Retry = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the space and the first candidates; train nothing.")
    ] = False,
    rows: Annotated[
        Literal["winners", "candidates"], typer.Option("--rows", help="What the table holds: winners or candidates.")
    ] = "winners",
    format: Format = "table",
    html: Html = None,
    quiet: Quiet = False,
) -> None:
    """Search a space under a budget; compare the best candidates with the base on fresh seeds.

    The same command continues a search that was interrupted, or shows its results. Test images are not looked at while
    searching.
    """
    from archdsl.cli.output import say
    from archdsl.cli.support.study_report import check_html
    from archdsl.runs.run import check_writable
    from archdsl.search.execute import HowToSearch, SearchExecution
    from archdsl.search.plan import Asked, planned
    from archdsl.study.amounts import MAX_SEEDS

    check_html(html if not dry_run else None, space)
    amount = _budget(budget)
    asked = Asked(space, objective or "", pareto or (), where or (), sampler, rungs, seed, proxy, data, set or ())
    options, candidates = planned(asked, _name(space), runs, data_root, fetch=not dry_run)
    most = max_seeds or MAX_SEEDS
    how = HowToSearch(amount, winners, runs, device, precision or "auto", jobs, engine, address, retry, data_root, most)
    execution = SearchExecution(options, candidates, how)
    execution.check()
    if dry_run:
        if html is not None:
            say("note: --html: without effect in a dry run")
        _preview(execution, format, rows)
        return
    check_writable(runs)
    results = _carry_out(execution, quiet)
    try:
        _put(results, format, rows)
        sys.stdout.flush()
    except BrokenPipeError:  # the page is written although nobody reads the table
        _page(execution, results, html, quiet)
        raise
    _page(execution, results, html, quiet)


def _name(space: str) -> str:
    """What the search is called: the file's name without its ending."""
    if "\n" in space or len(space) > 255:
        return "search"
    path = Path(space)
    return path.stem if path.suffix == ".arch" or path.stem == space else "search"


def _budget(text: str | None) -> Budget:
    """The budget, which has to be stated.

    Raises:
        ArchError: it is not, or is not an amount.
    """
    from archdsl.errors import ArchError
    from archdsl.study.amounts import budget

    if text is None:
        raise ArchError("a search needs a budget", help="--budget 20min of wall time, or --budget 100runs")
    return budget(text)


def _carry_out(execution: SearchExecution, quiet: bool) -> SearchResults:
    from archdsl.cli.output import say, typed_command
    from archdsl.cli.views.search_progress import Following
    from archdsl.cli.views.study_progress import Watching
    from archdsl.study.execute.execution import Execution
    from archdsl.study.execute.runner import Listener

    watches: list[Watching] = []
    warned: list[str] = []  # while searching, and then not again

    def watch(study: Execution) -> Listener:
        if not quiet:
            say(f"comparing {', '.join(a.name for a in study.runner.arms.arms)} on fresh seeds")
        metric = study.study.metric
        found = Watching(sys.stderr, study.runner, study.todo, metric, study.jobs, quiet, study.sequential, warned)
        watches.append(found.__enter__())
        return found

    try:
        with Following(sys.stderr, execution, quiet, warned) as following:
            execution.run(following)
        winners = execution.winners()
        judged = execution.compare(winners, watch)
    except (KeyboardInterrupt, SystemExit):
        say(f"interrupted; it continues by: {typed_command()}")
        raise
    finally:
        for found in watches:
            found.__exit__(None, None, None)
    return execution.results(winners, judged)


def _preview(execution: SearchExecution, format: str, rows: str) -> None:
    """The dimensions of the space, and the candidates that are known before the next run."""
    from archdsl.cli.output import put, put_table
    from archdsl.report import FORMATS
    from archdsl.search.report import first_table, space_table

    people = format in FORMATS and FORMATS[format].people
    if rows != "candidates":
        put_table(space_table(execution.candidates.arms.space, execution.options), format)
    if people and rows != "candidates":
        put("\n")
    if people or rows == "candidates":
        execution.search.replay()
        put_table(first_table(execution.search), format)


def _put(results: SearchResults, format: str, rows: str) -> None:
    from archdsl.cli.output import put, put_json, put_table
    from archdsl.report import FORMATS
    from archdsl.search.report import SHOWN, candidates_table, change, notes, record, winners_table

    if format == "json":
        put_json(record(results))
        return
    people = format in FORMATS and FORMATS[format].people
    if rows == "candidates":
        put_table(candidates_table(results), format)
        return
    if people:
        put_table(candidates_table(results, SHOWN), format)
        put("\n")
    put_table(winners_table(results), format)
    if people:
        put("\n" + "".join(f"{text}\n" for text in (*change(results), *notes(results))))


def _page(execution: SearchExecution, results: SearchResults, html: Path | None, quiet: bool) -> None:
    """Write the page of the search."""
    from archdsl.cli.output import say, typed_command
    from archdsl.export.target import replacing
    from archdsl.extras import installed, missing
    from archdsl.search.page import html as page

    target = html or execution.folder / "report.html"
    if html is None and not installed("matplotlib"):
        say(f"note: no {target.name} is written: {missing('matplotlib').message} ({missing('matplotlib').help})")
        return
    text = page(results, typed_command())
    with replacing(target) as file:
        file.write_text(text, "utf-8")
    if not quiet:
        say(f"report: {target}")
