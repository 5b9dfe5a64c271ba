"""The options of a study, which ``ablate`` and ``report`` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from archdsl.report import FORMATS
from archdsl.runs.conditions import Precision
from archdsl.study.plan.design import listed

Study = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="A study file, the folder of a study, or a spec (with holes, or --without, --with)."
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset", metavar="NAME", help="A preset of the study file, such as full; without it the small form."
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="WORD", help="Take this ingredient of the spec out: res, bn, mixup, train.wd."),
]
With = Annotated[
    list[str] | None, typer.Option("--with", metavar="TEXT", help="Put this ingredient in: +se, 'mixup(0.2)'.")
]
# As these were called before `--out` was a place in every command.
Out = Annotated[list[str] | None, typer.Option("--out", metavar="WORD", hidden=True)]
In = Annotated[list[str] | None, typer.Option("--in", metavar="TEXT", hidden=True)]
Design = Annotated[
    str | None,
    typer.Option("--design", metavar="NAME", help=f"Which combinations of levels: {', '.join(listed())}."),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds", metavar="N|auto", help="Seeds 0 to N-1 for every arm, or as many as decisions take (the default)."
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="decided", help="Stop each arm once it is decided; --seeds is then the most."),
]
MaxSeeds = Annotated[
    int | None,
    typer.Option(
        "--max-seeds", metavar="N", min=2, max=10_000, help="Seeds after which an arm stays open; by default 20."
    ),
]
Alpha = Annotated[
    str | None,
    typer.Option("--alpha", metavar="RATE", help="The probability of any wrong decision in the study; by default 5%."),
]
Same = Annotated[
    str | None,
    typer.Option(
        "--same",
        metavar="SIZE",
        help="The largest difference that does not matter: 0.5% of an accuracy, 0.01 of a loss.",
    ),
]
Failures = Annotated[
    str | None,
    typer.Option("--failures", metavar="HOW", help="What a run that diverged counts as: chance, or nothing (exclude)."),
]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="A,B,…", help="Columns of the table: verdict,delta,p,params … or all."),
]
Where = Annotated[
    list[str] | None, typer.Option("--where", metavar="TEST", help="Arms to keep: 'params<1M', 'not (bn and ln)'.")
]
Match = Annotated[
    str | None, typer.Option("--match", metavar="WHAT", help="Scale widths so that all arms have equal params or macs.")
]
Baseline = Annotated[
    list[str] | None,
    typer.Option("--baseline", metavar="FACTOR=LEVEL", help="The arm that the others are compared with."),
]
Metric = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="test_accuracy, valid_loss, test_ece, 'steps_to(94%)', … (`archdsl words metrics`). Given several times, the "
        "first one decides and the others are shown.",
    ),
]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="The folder of runs; `archdsl train` shares it.")]
StudyRuns = Annotated[
    Path | None,
    typer.Option(
        "--runs",
        metavar="DIR",
        help="The folder of runs, `runs` by default; where STUDY is the folder of a study, the one that it is in.",
    ),
]
if TYPE_CHECKING:
    _Format: TypeAlias = str
else:
    _Format = Literal[(*FORMATS, "parquet")]
StudyFormat = Annotated[
    _Format, typer.Option("--format", help="How to print; a Parquet file goes to a pipe or a file.")
]
Detect = Annotated[
    str | None,
    typer.Option(
        "--detect",
        metavar="AMOUNT",
        help="Report how many seeds are needed to detect a difference: 1% of an accuracy, 0.02 of a loss.",
    ),
]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Where the HTML report goes.")]
Watch = Annotated[
    bool, typer.Option("--watch", help="Serve the report page, live, to browsers on this machine while the study runs.")
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="PORT",
        min=0,
        max=65_535,
        help="Where --watch serves; by default 8008, or the next free port.",
    ),
]
# How runs are carried out, by a study or a search.
SamePrecision = Annotated[
    Precision | None,
    typer.Option("--precision", help="The same for all runs; auto is bf16 where the processor supports it."),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", min=1, help="Number of workers; by default one per core or GPU."),
]
Address = Annotated[
    str | None, typer.Option("--address", metavar="HOST:PORT", help="The address of a running Ray cluster.")
]
Retry = Annotated[
    int, typer.Option("--retry", metavar="N", min=0, help="Number of retries after a process or a disk failed.")
]
