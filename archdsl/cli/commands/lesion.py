"""``archdsl lesion``: what a trained net loses with its blocks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from archdsl.cli.options import DataRoot, Device, Format
from archdsl.cli.output import live


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `archdsl train` made.")],
    draws: Annotated[
        int, typer.Option("--draws", metavar="N", min=1, max=1000, help="Random sets of each number of blocks.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of the random sets.")] = 0,
    part: Annotated[
        Literal["test", "valid", "train"], typer.Option("--part", help="Which images; never augmented.")
    ] = "test",
    data_root: DataRoot = None,
    format: Format = "table",
    batch: Annotated[int, typer.Option("--batch", metavar="N", min=1, max=500, help="Images per batch.")] = 500,
    device: Device = "auto",
) -> None:
    """Delete blocks of a trained net: each alone, and random ones together (Veit et al. 2016).

    A residual block that is deleted passes its skip, a plain one that keeps the shape passes what arrives. Also says how many
    paths lead through the residual blocks, and how long they are. CSV has the blocks alone, JSON everything.
    """
    from archdsl.accelerate.threads import yield_cores

    yield_cores(short=True)  # before torch is imported
    from archdsl.cli.commands.eval import put_line
    from archdsl.cli.output import put_json, put_table
    from archdsl.cli.support.open_run import opened, same_data
    from archdsl.cli.views.lesions import record, tables
    from archdsl.evaluate import part_of
    from archdsl.evaluate.lesions import lesions
    from archdsl.report import FORMATS, is_terminal

    chosen = opened(run, device, data_root)
    data = same_data(chosen.run, chosen.data, data_root, "`archdsl eval RUN --data NAME --with 'lesion(1)'`")
    images = part_of(data, chosen.seed, part, data_root)
    watched = sys.stderr is not None and is_terminal(sys.stderr)
    try:
        found = lesions(
            chosen.spec.trace,
            chosen.run,
            chosen.net.device,
            images,
            draws,
            seed,
            batch,
            lambda done: live(f"evaluating {100 * done:3.0f} %") if watched else None,
        )
    finally:
        if watched:
            live("")
    about: dict[str, Any] = {
        "run": str(run),
        "hash": chosen.spec.hash,
        "data": images.dataset,
        "part": part,
        "draws": draws,
        "seed": seed,
    }
    if format == "json":
        put_json(record(about, found))
        return
    for number, table in enumerate(tables(about, found)[: None if FORMATS[format].people else 1]):
        if number:
            put_line()
        put_table(table, format)
