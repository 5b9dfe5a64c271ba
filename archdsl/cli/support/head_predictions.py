"""What ``predict`` does for nets with several heads: each head says a class with its probability, or a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from archdsl.evaluate import Trained


def of_heads(net: Trained, own: object, files: Sequence[Path], batch: int) -> list[dict[str, Any]]:
    """A record for each row of the tables, with its targets where the files have them.

    Args:
        own: the data set of the run.

    Raises:
        ArchError: a file is of another kind.
        EnvError: a file cannot be read.
    """
    import torch

    from archdsl.cli.output import say
    from archdsl.evaluate.rows import read_rows

    records: list[dict[str, Any]] = []
    for held in [read_rows(net, own, file) for file in files]:
        parts = (torch.from_numpy(held.values[n : n + batch]) for n in range(0, len(held.values), batch))
        for row, said in enumerate(said for part in parts for said in _said(net, part)):
            known = {"targets": held.known[row]} if held.known is not None else {}
            records.append({"file": str(held.path), "row": row + 1, "heads": said, **known})
        for text in held.notes:
            say(text)
    return records


def _said(net: Trained, examples: Tensor) -> Iterator[dict[str, dict[str, Any]]]:
    """What each head says of each example (n, …), as the data set has them."""
    import torch

    from archdsl.evaluate.heads import of_head, several

    task = several(net)
    with torch.no_grad():
        output: Tensor = net.model(net.normalise(examples.to(net.device)))
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
