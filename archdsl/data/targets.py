"""The targets of a table that has several: a column for each head of a network."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data.columns import few, numbers
from archdsl.words.data import cells as c
from archdsl.words.data.classes import Names, check_labels
from archdsl.words.data.sheets import texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from archdsl.data.arrays import Arrays
    from archdsl.words.tasks import HeadTask

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]

LISTED = 20  # names of columns or classes in a note


def labels_of(cells: Sequence[str], classes: Sequence[str], target: str, path: Path) -> Labels:
    """The cells (N,) of a column of classes as labels (N,).

    Raises:
        EnvError: a missing value, or a class that is not among ``classes``, with its row.
    """
    known, found = Names(classes), set(cells)
    check_labels(cells, found, path, target)
    places = {text: known.find(text) for text in found}
    strange = next((row for row, text in enumerate(cells) if places[text] is None), None)
    if strange is not None:
        raise c.at(
            path,
            strange,
            target,
            f"the class {c.shown(cells[strange])}, which the training rows lack",
            "write each class as the training rows do, or add rows of it to them",
        )
    return np.array([places[text] for text in cells], np.int64)


def read(held: Mapping[str, Any], heads: Sequence[HeadTask], path: Path, spread: bool = True) -> Floats:
    """The targets (N, heads) of the columns of a file; labels are whole numbers in it. With ``spread`` float32 tells numbers
    apart.

    Raises:
        EnvError: a missing value, a class that a head lacks, or a cell that is not a number, with its row.
    """
    number = numbers if spread else few
    columns = [
        labels_of(texts(held[h.name], path, h.name), h.classes, h.name, path).astype(np.float64)
        if h.task.counted
        else number(held[h.name], path, h.name)
        for h in heads
    ]
    return np.stack(columns, 1)


def digests(values: Floats, labels: Floats, heads: Sequence[HeadTask]) -> NDArray[np.bytes_]:
    """A hash (N,) of each row (N, D) with its targets (N, heads), of classes their names: those of other rows are not in it."""
    counted = [n for n, h in enumerate(heads) if h.task.counted]
    rest = [n for n in range(len(heads)) if n not in counted]
    whole = (np.concatenate((values, labels[:, rest]), 1) + 0.0).astype("<f8")
    found = []
    for row, own in zip(whole, labels[:, counted].astype(np.int64).tolist(), strict=True):
        names = "\0".join(heads[n].classes[label] for n, label in zip(counted, own, strict=True))
        found.append(hashlib.sha256(row.tobytes() + names.encode("utf-8", "surrogateescape")).digest())
    return np.array(found, dtype="S32")


def said(train: Arrays, test: Arrays, heads: Sequence[HeadTask]) -> tuple[str, ...]:
    """What was found: of each head its classes with their training and test rows, or the spread of its number; warnings of
    classes without a training row, and of a number that is constant.
    """
    found: list[str] = []
    for number, head in enumerate(heads):
        columns = [part.labels[:, number] for part in (train, test)]
        if not head.task.counted:
            found += spread(head.name, np.asarray(columns[0], np.float64))
            continue
        rows = [np.bincount(column.astype(np.int64), minlength=len(head.classes)) for column in columns]
        each = listed([f"{name} {a:,} + {b:,}" for name, a, b in zip(head.classes, *rows, strict=True)])
        found.append(f"target `{head.name}`, {len(head.classes)} classes (training + test rows): {each}")
        if none := [name for name, count in zip(head.classes, rows[0], strict=True) if not count]:
            found.append(f"warning: no training row is of {listed(none)} (target `{head.name}`)")
    return tuple(found)


def spread(name: str, values: Floats) -> tuple[str, ...]:
    """Mean and standard deviation of a target in the training rows (N,); a warning where it is constant."""
    found = (
        f"target `{name}`, a number: mean {values.mean():.6g}, standard deviation {values.std():.6g} in the "
        f"{len(values):,} training rows"
    )
    if np.ptp(values):
        return (found,)
    return found, f"warning: the target `{name}` is constant in the training rows, which teaches nothing"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more:,} more" if more > 0 else "")
