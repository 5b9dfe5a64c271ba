"""``archdsl predict``: what a trained net takes pictures or rows of a table for, and how sure it is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli.options import Device, Format
from archdsl.errors import ArchError
from archdsl.report import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.cli.support.open_run import Opened
    from archdsl.evaluate import Prediction, Trained


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
        int, typer.Option("--length", metavar="N", min=1, max=1_000_000, help="Characters of a continuation.")
    ] = 200,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature", metavar="T", min=0.0, help="Of a continuation; 0 takes the most probable character."
        ),
    ] = 1.0,
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
        raise ArchError("pictures are not read from standard input", help="name files; a file called `-` is `./-`")
    yield_cores()  # before torch is imported
    from archdsl.cli.output import put, put_json, put_table, say
    from archdsl.cli.support.open_run import opened
    from archdsl.data.decode import said
    from archdsl.evaluate.images import listed
    from archdsl.report import json_text

    chosen = opened(run, device, data_root)
    net = chosen.net
    if not net.task.simple:
        _check_given(net, prompt, save)
        asked = {"--mc": mc, "--top": top > 1}
        _put_others(chosen, files, asked, (prompt, length, temperature), format, batch, seed, save)
        return
    _check_given(net, prompt, save)
    if top > len(net.class_names):
        raise ArchError(f"--top {top} asks for more than the {len(net.class_names)} classes", help="give a smaller K")
    if len(net.input) == 1:
        rows = of_tables(net, chosen.data.dataset, files, top, mc, batch, seed)
    else:
        _check_pictures(net, files)
        pictures, left = listed(files)
        rows, done = predicted(net, pictures, top, mc, batch, seed)
        for text in (*left, *said(done, len(pictures))):
            say(text)
    if format == "json":
        put_json(rows)
    elif format == "jsonl":
        put("".join(json_text(row, indent=None) for row in rows))
    else:
        put_table(table(rows, top, mc is not None), format)


def _put_others(
    chosen: Opened,
    files: Sequence[Path],
    given: dict[str, Any],
    continuation: tuple[str | None, int, float],
    format: str,
    batch: int,
    seed: int,
    save: Path | None,
) -> None:
    """The predictions of a net whose output is not one class of each example."""
    from archdsl.cli.output import put, put_json, put_table, say
    from archdsl.cli.support import predictions
    from archdsl.cli.views.predictions import mask_table, prediction_table, text_table
    from archdsl.evaluate.images import listed
    from archdsl.report import json_text

    net = chosen.net
    option = next((name for name, value in given.items() if value), None)
    if option is not None:
        raise ArchError(f"{option} is not supported for the task {net.task.name}", help=f"leave {option} out")
    if net.task.name == "regression":
        records = predictions.of_numbers(net, chosen.data.dataset, files, batch)
        table = prediction_table(net.class_names, records)
    elif net.task.name == "tokens":
        prompt, length, temperature = continuation
        records = predictions.of_texts(net, predictions.prompts(files, prompt), length, temperature, seed)
        table = text_table(records)
    elif net.task.name == "segmentation":
        _check_pictures(net, files)
        pictures, left = listed(files)
        records = predictions.of_pictures(net, pictures, batch, save)
        for text in left:
            say(text)
        table = mask_table(records)
    else:
        raise ArchError(f"predictions of the task {net.task.name} are not supported", help="use the net from Python")
    if format == "json":
        put_json(records)
    elif format == "jsonl":
        put("".join(json_text(record, indent=None) for record in records))
    elif net.task.name == "tokens" and format == "table":
        put("\n\n".join(record["prompt"] + record["continuation"] for record in records) + "\n")
    else:
        put_table(table, format)


def _check_given(net: Trained, prompt: str | None, save: Path | None) -> None:
    """Refuse options that are for other tasks."""
    for option, value, task in (("--prompt", prompt, "tokens"), ("--save", save, "segmentation")):
        if value is not None and net.task.name != task:
            raise ArchError(
                f"{option} is for the task {task}, and the net is for {net.task.name}", help=f"leave {option} out"
            )


def _check_pictures(net: Trained, files: Sequence[Path]) -> None:
    from archdsl.evaluate.rows import KINDS

    for file in files:
        if file.suffix.lower() in KINDS and file.is_file():
            raise ArchError(
                f"{file} is a table, and the net takes pictures ({'x'.join(map(str, net.input))})",
                help="name pictures, or folders of them",
            )


def of_tables(
    net: Trained, own: object, files: Sequence[Path], top: int, passes: int | None, batch: int, seed: int
) -> list[dict[str, Any]]:
    """A record for each row of the files, in their order; rows count from 1 in each file."""
    import torch

    from archdsl.cli.output import say
    from archdsl.evaluate import predict_batches
    from archdsl.evaluate.rows import read_rows

    found: list[dict[str, Any]] = []
    for held in [read_rows(net, own, file) for file in files]:
        records: list[dict[str, Any]] = []
        batches = (torch.from_numpy(held.values[n : n + batch]) for n in range(0, len(held.values), batch))
        for prediction in predict_batches(net, batches, passes=passes, batch=batch, seed=seed):
            records += _records(prediction, [held.path] * batch, net.class_names, top)
        for number, record in enumerate(records):
            place = {"file": record.pop("file"), "row": number + 1}
            target = {"target": held.targets[number]} if held.targets is not None else {}
            found.append({**place, **target, **record})
        for text in (*held.notes, held.right(net, [r["label"] for r in records])):
            if text:
                say(text)
    return found


def predicted(
    net: Trained, files: Sequence[Path], top: int, passes: int | None, batch: int, seed: int
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """A record for each file, in their order; and what was done to how many of the pictures."""
    import torch

    from archdsl.evaluate import predict_batches
    from archdsl.evaluate.images import decoded

    done: Counter[str] = Counter()
    batches = (torch.from_numpy(part) for part in decoded(files, net.input, batch, done))
    rows: list[dict[str, Any]] = []
    for prediction in predict_batches(net, batches, passes=passes, batch=batch, seed=seed):
        rows += _records(prediction, files[len(rows) :], net.class_names, top)
    return rows, done


def _records(prediction: Prediction, files: Sequence[Path], names: Sequence[str], top: int) -> list[dict[str, Any]]:
    best = prediction.probs.topk(top, 1)
    information = prediction.information
    columns = (
        best.values.tolist(),
        best.indices.tolist(),
        prediction.entropy.tolist(),
        information.tolist() if information is not None else [None] * len(best.values),
    )
    found = []
    for file, shares, labels, entropy, mutual in zip(files, *columns, strict=False):
        record = {
            "file": str(file),
            "class": names[labels[0]],
            "label": labels[0],
            "probability": shares[0],
            "entropy": entropy,
        }
        if information is not None:
            record["mutual_information"] = mutual
        pairs = zip(labels, shares, strict=True)
        record["top"] = [{"class": names[i], "label": i, "probability": p} for i, p in pairs]
        found.append(record)
    return found


def table(rows: Sequence[dict[str, Any]], top: int, several: bool) -> Table:
    """The records as a table: a pair of columns for each of the likeliest classes."""
    ranks = range(1, top + 1)
    pairs = [
        column
        for n in ranks
        for column in (
            Column("class" if n == 1 else f"class {n}", key="class" if n == 1 else f"class_{n}"),
            Column(
                "probability" if n == 1 else f"probability {n}",
                "percent",
                digits=2,
                key="probability" if n == 1 else f"probability_{n}",
            ),
        )
    ]
    rest = [name for name in ("row", "target") if any(name in r for r in rows)]
    places = (Column("file"), *(Column(name, "int" if name == "row" else "text") for name in rest))
    columns = (
        *places,
        *pairs,
        Column("entropy", "float", digits=4),
        *((Column("mutual information", "float", key="mutual_information", digits=4),) if several else ()),
    )
    return Table(
        columns,
        tuple(
            (
                r["file"],
                *(r.get(name) for name in rest),
                *(cell for t in r["top"] for cell in (t["class"], t["probability"])),
                r["entropy"],
                *((r["mutual_information"],) if several else ()),
            )
            for r in rows
        ),
    )
