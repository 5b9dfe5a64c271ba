"""What ``predict`` does for nets whose output is one class: pictures and rows of tables."""

from __future__ import annotations

from collections import Counter
from math import isnan
from typing import TYPE_CHECKING, Any

from archdsl.errors import ArchError
from archdsl.report.numbers import many

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archdsl.evaluate import Prediction, Trained


def of_classes(
    net: Trained, own: object, files: Sequence[Path], top: int, passes: int | None, batch: int, seed: int
) -> list[dict[str, Any]]:
    """A record for each picture, or for each row of the tables.

    Args:
        own: the data set of the run.
        top: how many classes.
        passes: of Monte Carlo dropout.

    Raises:
        ArchError: there are not so many classes, or a file is of another kind.
        EnvError: a file cannot be read.
    """
    from archdsl.cli.output import say
    from archdsl.data.decode import said

    if top > len(net.class_names):
        raise ArchError(f"--top {top} asks for more than the {len(net.class_names)} classes", help="give a smaller K")
    if len(net.input) == 1:
        return _of_tables(net, own, files, top, passes, batch, seed)
    pictures = pictures_of(net, files)
    rows, done = _of_pictures(net, pictures, top, passes, batch, seed)
    for text in said(done, len(pictures)):
        say(text)
    say_not_finite(sum(isnan(r["probability"]) for r in rows), "picture")
    return rows


def say_not_finite(count: int, what: str) -> None:
    """Say for how many pictures or rows the net gives no numbers: what it seems to predict for them means nothing."""
    from archdsl.cli.output import say

    if count:
        say(f"warning: for {many(count, what)} the output of the net is not finite, and the prediction has no meaning")


def pictures_of(net: Trained, files: Sequence[Path]) -> list[Path]:
    """The pictures that are named, and those below the folders that are; says which files are left out.

    Raises:
        ArchError: one is a table.
    """
    from archdsl.cli.output import say
    from archdsl.evaluate.images import listed
    from archdsl.evaluate.rows import KINDS

    for file in files:
        if file.suffix.lower() in KINDS and file.is_file():
            raise ArchError(
                f"{file} is a table, and the net takes pictures ({'x'.join(map(str, net.input))})",
                help="name pictures, or folders of them",
            )
    pictures, left = listed(files)
    for text in left:
        say(text)
    return pictures


def _of_tables(
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
    say_not_finite(sum(isnan(r["probability"]) for r in found), "row")
    return found


def _of_pictures(
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
