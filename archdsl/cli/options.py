"""Arguments and options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from archdsl.device import check_device
from archdsl.report import FORMATS, several_tables


def finite(value: float | None) -> float | None:
    """An option that is a number. Comparisons with nan are all false, so that it would lift a bound without a word.

    Raises:
        typer.BadParameter: it is nan or infinite.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


HOLDS, UNDECIDED, REFUTED = 0, 3, 6  # exit codes of claims

Specs = Annotated[
    list[str],
    typer.Argument(
        metavar="SPEC", help="Files, names of shipped specs, `-` for standard input, texts, or folders of runs."
    ),
]
OneSpec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC", help="A file, the name of a shipped spec, `-` for standard input, a text, or a run's folder."
    ),
]
Input = Annotated[
    str | None, typer.Option("--input", metavar="CxHxW", help="What arrives: 3x32x32, or 64 for a vector.")
]
Classes = Annotated[int | None, typer.Option("--classes", metavar="N", min=1, help="How many classes there are.")]
Device = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", callback=check_device, help="auto, cpu, cuda, cuda:NUMBER or mps."),
]
Data = Annotated[str | None, typer.Option("--data", metavar="NAME", help="Another data set than the text's.")]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", metavar="DIR", help="The folder of the data; searched before ARCHDSL_DATA."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change the text: train.epochs=1, data.valid=10%, let.p=0.5. "
        "`on` adds a word without arguments, `off` removes a word.",
    ),
]
# Every table in every format of archdsl/report, so that a new format is a choice of every command.
if TYPE_CHECKING:
    _Table: TypeAlias = str
    _Tables: TypeAlias = str
else:
    _Table, _Tables = Literal[tuple(FORMATS)], Literal[several_tables()]
Format = Annotated[_Table, typer.Option("--format", help="How to print.")]
PageFormat = Annotated[_Tables, typer.Option("--format", help="How to print.")]
ReportFormat = Annotated[_Table, typer.Option("--report", help="How to print the report.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress; warnings stay.")]
