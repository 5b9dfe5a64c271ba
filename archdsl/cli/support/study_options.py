"""The options of a study, which ``ablate`` and ``report`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Study = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="A study file, the folder of a study, or a spec (with holes, or --without, --with)."
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
    typer.Option("--design", metavar="NAME", help="one-out, one-in, full, pairs, grid, frac:IV."),
]
Seeds = Annotated[int | None, typer.Option("--seeds", metavar="N", min=1, max=10_000, help="Seeds 0 to N-1.")]
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
    str | None, typer.Option("--metric", metavar="NAME", help="test_accuracy, test_loss, valid_accuracy, train_loss, …")
]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="The folder of runs; `archdsl train` shares it.")]
Detect = Annotated[
    str | None,
    typer.Option(
        "--detect",
        metavar="AMOUNT",
        help="Report how many seeds are needed to detect a difference: 1% of an accuracy, 0.02 of a loss.",
    ),
]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Where the HTML report goes.")]
