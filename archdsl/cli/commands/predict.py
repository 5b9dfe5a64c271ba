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

    from archdsl.evaluate import Prediction, Trained


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `archdsl train` made.")],
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Pictures, or folders: all pictures below them. For a net that was trained on a "
            "table: .csv, .tsv or .parquet files with the columns of that table, in any order.",
        ),
    ],
    mc: Annotated[
        int | None,
        typer.Option("--mc", metavar="N", min=2, max=10_000, help="The average of N passes with active dropout."),
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="K", min=1, help="The K most probable classes.")] = 1,
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
    --mc also the mutual information, the part of the entropy that more training data could settle."""
    from archdsl.accelerate.threads import yield_cores

    if Path("-") in images:
        raise ArchError("pictures are not read from standard input", help="name files; a file called `-` is `./-`")
    yield_cores()  # before torch is imported
    from archdsl.cli.output import put, put_json, put_table, say
    from archdsl.cli.support.open_run import opened
    from archdsl.data.decode import said
    from archdsl.evaluate.images import listed
    from archdsl.report import json_text

    chosen = opened(run, device, data_root)
    net = chosen.net
    if not net.task.counted:
        _put_numbers(net, chosen.data.dataset, images, top, mc, format, batch)
        return
    if not net.task.whole:
        raise ArchError(
            f"the net gives a class for each {net.task.item}, which this command does not write",
            help="archdsl eval RUN evaluates it; archdsl.load_run(…) has the net in Python",
        )
    if top > len(net.class_names):
        raise ArchError(f"--top {top} asks for more than the {len(net.class_names)} classes", help="give a smaller K")
    if len(net.input) == 1:
        rows = of_tables(net, chosen.data.dataset, images, top, mc, batch, seed)
    else:
        _check_pictures(net, images)
        files, left = listed(images)
        rows, done = predicted(net, files, top, mc, batch, seed)
        for text in (*left, *said(done, len(files))):
            say(text)
    if format == "json":
        put_json(rows)
    elif format == "jsonl":
        put("".join(json_text(row, indent=None) for row in rows))
    else:
        put_table(table(rows, top, mc is not None), format)


def _put_numbers(
    net: Trained, own: object, files: Sequence[Path], top: int, passes: int | None, format: str, batch: int
) -> None:
    """The predicted numbers of the rows of tables."""
    import torch

    from archdsl.cli.output import put, put_json, put_table, say
    from archdsl.cli.views.numbers import prediction_table
    from archdsl.evaluate.rows import read_rows
    from archdsl.report import json_text

    if top > 1 or passes is not None:
        option = "--mc" if passes is not None else "--top"
        raise ArchError(f"{option} is not supported for a net that predicts numbers", help=f"leave {option} out")
    records: list[dict[str, Any]] = []
    for held in [read_rows(net, own, file) for file in files]:
        row = 0
        for part in (torch.from_numpy(held.values[n : n + batch]) for n in range(0, len(held.values), batch)):
            with torch.no_grad():
                values = net.values(net.model(net.normalise(part.to(net.device)))).tolist()
            for found in values:
                row += 1
                known = {"targets": held.numbers[row - 1]} if held.numbers is not None else {}
                predicted = dict(zip(net.class_names, found, strict=True))
                records.append({"file": str(held.path), "row": row, "predictions": predicted, **known})
        for text in held.notes:
            say(text)
    if format == "json":
        put_json(records)
    elif format == "jsonl":
        put("".join(json_text(record, indent=None) for record in records))
    else:
        put_table(prediction_table(net.class_names, records), format)


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
