"""``archdsl diff``: what makes one network or experiment another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli.options import Classes, Data, Input, PageFormat, Set

if TYPE_CHECKING:
    from archdsl.cli.support.resolve import Found

DIFFERENT = 3  # with --exit-code; 1 is a fault of archdsl, 2 a wrong call


def command(
    a: Annotated[
        str, typer.Argument(metavar="A", help="A spec, the folder of a run, or a version: HEAD~1:specs/x.arch.")
    ],
    b: Annotated[str | None, typer.Argument(metavar="B", help="What it is compared with; left out with --git.")] = None,
    git: Annotated[
        str | None, typer.Option("--git", metavar="REV", help="Compare the version of A at REV with A as it is now.")
    ] = None,
    format: PageFormat = "table",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help=f"Exit with {DIFFERENT} if the experiments differ.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="List every place of a change, and layers of which only the shape differs.")
    ] = False,
    out: Annotated[
        Path, typer.Option("--runs", metavar="DIR", help="The folder of the runs, for their accuracy.")
    ] = Path("runs"),
    batch: Annotated[int, typer.Option("--batch", min=1, max=10**9, help="Batch size of the memory estimate.")] = 128,
    input: Input = None,
    classes: Classes = None,
    data: Data = None,
    set: Set = None,
) -> None:
    """Compare two networks: layers and modules by their labels and their order, with what each change does to parameters and
    MACs; the totals, receptive fields and settings; and the accuracy of runs, where there are any.

    archdsl diff resnet20 resnet56 · archdsl diff HEAD~1:specs/x.arch specs/x.arch · archdsl diff --git main specs/x.arch"""
    from archdsl.cli.output import put_json
    from archdsl.cli.views.diff import compared, record

    first, second = _both(a, b, git, {"input": input, "classes": classes, "data": data, "set": set})
    found = compared(first, second, out, batch)
    if format == "json":
        put_json(record(found))
    else:
        _put(found, format, full)
    if exit_code and not found.same:
        raise typer.Exit(DIFFERENT)


def _both(a: str, b: str | None, git: str | None, given: dict[str, Any]) -> tuple[Found, Found]:
    from archdsl.cli.support.resolve import found
    from archdsl.errors import ArchError

    if git is not None and b is not None:
        raise ArchError(
            "--git compares two versions of one file, and two are named",
            help="leave the second out, or write REV:FILE for the first",
        )
    if git is not None:
        return found(a, rev=git, **given), found(a, **given)
    if b is None:
        raise ArchError("a second network is missing", help="archdsl diff A B, or archdsl diff --git HEAD A")
    if a == b == "-":
        raise ArchError("standard input can be read once", help="name a file for the other one")
    return found(a, **given), found(b, **given)


def _put(found: Any, format: str, full: bool) -> None:
    """The comparison as tables, and nothing where there is nothing to say."""
    from archdsl.cli.output import put, put_table
    from archdsl.cli.views.diff import called, tables

    if found.same:
        put(f"{called(found.a.spec)} and {called(found.b.spec)} are the same experiment, {found.a.spec.hash}\n")
    parts = tables(found, full)
    for number, table in enumerate(parts):
        if number or found.same:
            put("\n")
        put_table(table, format)
