"""What ``predict`` does for nets with several heads: each head says a class with its probability, or a number."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING, Any

from archdsl.cli.support.class_predictions import pictures_of, say_not_finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from archdsl.evaluate import Trained


def of_heads(net: Trained, own: object, files: Sequence[Path], batch: int) -> list[dict[str, Any]]:
    """A record for each picture, or for each row of the tables, with its targets where the files have them.

    Args:
        own: the data set of the run.

    Raises:
        ArchError: a file is of another kind.
        EnvError: a file cannot be read.
    """
    import torch

    from archdsl.cli.output import say
    from archdsl.evaluate.rows import read_rows

    if len(net.input) == 3:
        return _of_pictures(net, pictures_of(net, files), batch)
    records: list[dict[str, Any]] = []
    for held in [read_rows(net, own, file) for file in files]:
        parts = (torch.from_numpy(held.values[n : n + batch]) for n in range(0, len(held.values), batch))
        for row, said in enumerate(said for part in parts for said in _said(net, net.model, part, batch)):
            known = {"targets": held.known[row]} if held.known is not None else {}
            records.append({"file": str(held.path), "row": row + 1, "heads": said, **known})
        for text in held.notes:
            say(text)
    _say_not_finite(records, "row")
    return records


def _of_pictures(net: Trained, files: Sequence[Path], batch: int) -> list[dict[str, Any]]:
    import torch

    from archdsl.cli.output import say
    from archdsl.data.decode import said
    from archdsl.evaluate.images import decoded

    done: Counter[str] = Counter()
    parts = (torch.from_numpy(part) for part in decoded(files, net.input, batch, done))
    model = net.answering()
    every = (heads for part in parts for heads in _said(net, model, part, batch))
    records = [{"file": str(file), "heads": heads} for file, heads in zip(files, every, strict=True)]
    for text in said(done, len(files)):
        say(text)
    _say_not_finite(records, "picture")
    return records


def _say_not_finite(records: Sequence[dict[str, Any]], what: str) -> None:
    lost = (not all(isfinite(h.get("probability", h.get("value"))) for h in r["heads"].values()) for r in records)
    say_not_finite(sum(lost), what)


def _said(net: Trained, model: nn.Module, examples: Tensor, batch: int) -> Iterator[dict[str, dict[str, Any]]]:
    """What each head says of each example (n, …), as the data set has them; ``batch`` is that of the command line."""
    import torch

    from archdsl.evaluate.heads import of_head, several
    from archdsl.evaluate.load import enough_memory

    task = several(net)
    with torch.no_grad(), enough_memory(batch):
        output: Tensor = model(net.normalise(examples.to(net.device)))
    columns: dict[str, list[dict[str, Any]]] = {}
    for head, own in zip(task.heads, task.parts(output), strict=True):
        if head.task.counted:
            shares, labels = own.double().softmax(1).cpu().max(1)
            pairs = zip(labels.tolist(), shares.tolist(), strict=True)
            columns[head.name] = [{"class": head.classes[n], "label": n, "probability": p} for n, p in pairs]
        else:
            columns[head.name] = [{"value": v} for v in of_head(net, head).values(own)[:, 0].tolist()]
    for each in zip(*columns.values(), strict=True):
        yield dict(zip(columns, each, strict=True))
