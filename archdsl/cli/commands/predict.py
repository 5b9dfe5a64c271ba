"""``archdsl predict``: what a trained net takes pictures or rows of a table for, and how sure it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archdsl.cli.options import Device, Format
from archdsl.errors import ArchError


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `archdsl train` made.")],
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Pictures, or folders: all pictures below them. For a net that was trained on a "
            "table: .csv, .tsv or .parquet files with the columns of that table, in any order. For a language model: "
            "texts to continue.",
        ),
    ] = None,
    mc: Annotated[
        int | None,
        typer.Option("--mc", metavar="N", min=2, max=10_000, help="The average of N passes with active dropout."),
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="K", min=1, help="The K most probable classes.")] = 1,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", help="A text that a language model continues.")
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            "--length", metavar="N", min=1, max=1_000_000, help="Characters of a continuation; 200 by default."
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature",
            metavar="T",
            min=0.0,
            help="Of a continuation; 0 takes the most probable character; 1 by default.",
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="The folder for predicted masks (segmentation).")
    ] = None,
    format: Format = "table",
    batch: Annotated[int, typer.Option("--batch", metavar="N", min=1, max=10_000, help="Pictures per batch.")] = 500,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of dropout masks.")] = 0,
    device: Device = "auto",
    data_root: Annotated[
        Path | None,
        typer.Option("--data-root", metavar="DIR", help="The folder of the run's data; searched before ARCHDSL_DATA."),
    ] = None,
) -> None:
    """Name the class of pictures or rows of a table, with its probability and the entropy of the prediction in nats; with
    --mc also the mutual information, the part of the entropy that more training data could settle. Nets for other tasks
    predict numbers of rows, masks of pictures, or continue texts."""
    from archdsl.accelerate.threads import yield_cores

    files = images or []
    if not files and prompt is None:
        raise ArchError("nothing is given to predict", help="name files; --prompt TEXT for a language model")
    if Path("-") in files:
        raise ArchError(
            "pictures are not read from standard input", help="name files; a file called `-` by its whole path"
        )
    yield_cores(short=True)  # before torch is imported
    from archdsl.cli.output import put, put_json, put_table
    from archdsl.cli.support.open_run import opened
    from archdsl.cli.support.predictions import Asked, kind_of
    from archdsl.report import json_text

    chosen = opened(run, device, data_root)
    asked = Asked(files, batch, seed, mc, top, prompt, length, temperature, save)
    kind = kind_of(chosen, asked)
    records = kind.records(chosen, asked)
    if format == "json":
        put_json(records)
    elif format == "jsonl":
        put("".join(json_text(record, indent=None) for record in records), json=True)
    elif format == "table" and kind.text is not None:
        put(kind.text(records), exact=True)
    else:
        put_table(kind.table(chosen, asked, records), format)
