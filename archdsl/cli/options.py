"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated, Literal

from archdsl.cli.parser import argument, option

Specs = Annotated[
    list[str],
    argument("SPEC...", help="Files, names of shipped specs, `-` for standard input, or texts."),
]
OneSpec = Annotated[
    str, argument("SPEC", help="A file, the name of a shipped spec, `-` for standard input, or a text.")
]
Input = Annotated[str | None, option("--input", metavar="CxHxW", help="What arrives: 3x32x32, or 64 for a vector.")]
Classes = Annotated[int | None, option("--classes", metavar="N", min=1, help="How many classes there are.")]
Data = Annotated[str | None, option("--data", metavar="NAME", help="Another data set than the text's.")]
Set = Annotated[
    list[str] | None,
    option("--set", metavar="KEY=VALUE", help="Change the text: train.epochs=1, data.valid=10%, let.p=0.5. "
                 "`on` is a word without arguments, `off` takes it out."),
]  # fmt: skip
Format = Annotated[Literal["table", "json", "csv", "md"], option("--format", help="How to print.")]
