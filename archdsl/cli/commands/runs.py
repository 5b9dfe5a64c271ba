"""``archdsl runs``: list, show, compare and delete runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli.options import Format

if TYPE_CHECKING:
    from archdsl.runs.index import Row

ACTIONS = ("show", "compare", "delete")


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[show|compare|delete RUN…]", help="Without words, the runs in the folder are listed."),
    ] = None,
    out: Annotated[Path, typer.Option("--runs", "--out", metavar="DIR", help="The folder of the runs.")] = Path("runs"),
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="TEST",
            help="Only some: 'test_accuracy > 90% and status = finished', 'train.batch = 128 and run = vgg*'.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="NAME", help="By a column or setting; -test_accuracy is highest first."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    format: Format = "table",
) -> None:
    """List runs; `show RUN`, `compare RUN RUN…` or `delete RUN…`. A RUN is a folder, its name in --runs, or the first
    digits of its hash. A status is finished, diverged, interrupted, running, failed, oom, timeout or damaged."""
    from archdsl.errors import ArchError
    from archdsl.runs.index import find

    action, *names = words or [""]
    if action and action not in ACTIONS:
        raise ArchError(
            f"`archdsl runs {action[:60]}`: the actions are show, compare and delete",
            help="`archdsl runs` lists all runs",
        )
    if action and not names:
        raise ArchError(f"`archdsl runs {action}` needs the name of a run", help="`archdsl runs` lists them")
    if action and (where is not None or sort is not None):
        raise ArchError(
            "--where and --sort belong to the list of runs", help=f"leave them out, or leave `{action}` out"
        )
    folders = [find(name, out) for name in names]
    if action == "delete":
        _delete(folders, yes)
    elif action:
        _told(action, folders, format)
    else:
        _list(out, where, sort, format)


def _list(out: Path, where: str | None, sort: str | None, format: str) -> None:
    from archdsl.cli.output import put_table
    from archdsl.cli.support.filters import check_name, ordered, parse_where
    from archdsl.cli.views.runs import run_table
    from archdsl.runs.index import KEYS, OTHERS, RENAMED, STATUSES, rows

    found = rows(out)
    names = {*KEYS, *OTHERS, *(name for row in found for name in (*row.figures, *row.settings))}
    _renamed(where, sort)
    if sort is not None:
        key = sort.removeprefix("-")
        sort = "-" * sort.startswith("-") + RENAMED.get(key, key)
    if where is not None:
        test = parse_where(where, names, RENAMED, {"status": STATUSES})
        found = [row for row in found if test(_values(row))]
    if sort is not None:
        check_name(sort.removeprefix("-"), names, "--sort")
        found = [found[n] for n in ordered(map(_values, found), sort)]
    put_table(run_table(found), format)


def _renamed(where: str | None, sort: str | None) -> None:
    """Say what columns are called now, where they are called by their old names."""
    import re

    from archdsl.cli.output import say
    from archdsl.runs.index import RENAMED

    said = {*re.findall(r"(?<![\w.])([a-z]+)\s*[<>=!]", where or ""), (sort or "").removeprefix("-")}
    for old in sorted(said & RENAMED.keys()):
        say(f"note: `{old}` is called `{RENAMED[old]}` now")


def _values(row: Row) -> dict[str, Any]:
    return {**row.settings, **row.figures}


def _told(action: str, folders: list[Path], format: str) -> None:
    from archdsl.cli.output import put, put_json, put_table
    from archdsl.cli.views.runs import compared, shown, shown_record
    from archdsl.errors import ArchError
    from archdsl.report import FORMATS, several_tables
    from archdsl.runs.run import load_run

    if action == "show" and format not in several_tables():
        raise ArchError(
            f"`archdsl runs show` prints several tables, and --format {format} is of one",
            help="--format json has all; `archdsl runs compare` and the list of runs are one table",
        )
    runs = [load_run(path) for path in folders]
    if action == "compare":
        if len(runs) < 2:
            raise ArchError("a comparison needs two runs or more", help="`archdsl runs` lists them")
        put_table(compared(runs, people=FORMATS[format].people), format)
    elif format == "json":
        put_json([shown_record(run) for run in runs])
    else:
        tables = [table for run in runs for table in shown(run)]
        for number, table in enumerate(tables):
            put("\n" * bool(number))
            put_table(table, format)


def _delete(folders: list[Path], yes: bool) -> None:
    from archdsl.cli.output import say
    from archdsl.errors import ArchError, EnvError
    from archdsl.runs.store.lock import held
    from archdsl.runs.store.remove import check_removable, remove

    folders = list(dict.fromkeys(folders))
    for path in folders:  # before anything is deleted
        check_removable(path)
        if held(path):
            raise EnvError(f"a process is using the run {path}", help="wait until it ends, or end it")
    if not yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise ArchError("standard input is not a terminal, so nobody can confirm the deletion", help="give --yes")
        if not _agreed(f"Delete {', '.join(p.name for p in folders)} for good? [y/N] "):
            say("nothing was deleted")
            return
    for path in folders:
        remove(path)
        say(f"deleted {path}")


def _agreed(question: str) -> bool:
    """Asks on standard error; standard output is for data, where typer's own question would leave a blank."""
    from archdsl.cli.output import say

    say(question, end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
