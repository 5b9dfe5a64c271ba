"""Tables (the data words ``csv`` and ``parquet``) as vectors of numbers."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data import targets
from archdsl.data.arrays import Arrays, DataParts
from archdsl.data.columns import few, numbers
from archdsl.data.targets import listed
from archdsl.errors import EnvError
from archdsl.report.numbers import many
from archdsl.words.data import cells as c
from archdsl.words.data.sheets import sheet, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from archdsl.words.data.heads import Head
    from archdsl.words.data.tables import Table

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]

ONE_IN = 5  # of a single file, one row in five is for the test
COUNTING = 20  # rows from which whole numbers that rise look like row numbers


def read(table: Table, head: Head | None = None) -> DataParts:
    """Both parts: vectors (N, D) float32 as they are in the file, columns in its order, and labels (N,) int64.

    Args:
        head: the columns and classes of a run; columns are then taken in their order and labels counted by its classes,
            which need not all have rows.

    Raises:
        EnvError: a cell that is missing or not a number, with its row and column; a class that the training file lacks; a
            class without rows for both parts.
    """
    path, test = table.files()
    known = table.head if head is None else replace(head, notes=())
    values, labels = _of_file(path, table, known, spread=head is None)
    digests = _digests(values, labels, known)
    notes = (*known.notes, *_doubts(values, known))
    if test is not None:
        train = Arrays(values.astype(np.float32), labels)
        values, labels = _of_file(test, table, known, spread=False)
        notes = (*notes, *_repeated(digests), *_in_both(digests, _digests(values, labels, known)))
        parts = DataParts(train, Arrays(values.astype(np.float32), labels), table.path)
        return replace(parts, notes=(*_said(parts, known, f"the test rows are those of {test}"), *notes))
    chosen = _chosen(digests, labels, known, path)
    notes = (*notes, *_repeated(digests[~chosen]))
    both = Arrays(values.astype(np.float32), labels)
    parts = DataParts(both.take(np.flatnonzero(~chosen)), both.take(np.flatnonzero(chosen)), table.path)
    of = "all rows" if known.numbers or known.heads else "each class"
    split = f"the test rows are a fifth of {of}, chosen by the hash of the row"
    return replace(parts, notes=(*_said(parts, known, split), *notes))


def rows(held: Mapping[str, Any], features: Sequence[str], path: Path, spread: bool = True) -> Floats:
    """The cells of these columns, in this order, as (N, D) float64; with ``spread`` float32 tells the rows apart, else they
    are in its range.

    Raises:
        EnvError: a cell that is missing or not a number, values that float32 cannot tell apart or does not have.
    """
    read = numbers if spread else few
    return np.stack([read(held[name], path, name) for name in features], 1)


def _of_file(path: Path, table: Table, head: Head, spread: bool) -> tuple[Floats, Labels | Floats]:
    found = sheet(path, table.kind, head.target, table.header)
    wanted = (*head.features, *head.targets)
    if sorted(found.names) != sorted(wanted):
        raise EnvError(
            f"{path} has the columns {', '.join(found.names)}, expected {', '.join(wanted)}",
            help="training and test file have the same columns, in any order",
        )
    held = found.columns(wanted)
    if not len(held[head.targets[0]]):
        raise EnvError(f"{path} has no row", help="a table needs rows to train and to test on")
    try:
        values = rows(held, head.features, path, spread)
        return values, _targets(held, head, path, spread)
    except EnvError as error:
        if (
            table.kind == "csv"
            and table.header is None
            and not any(c.is_number(held[name][0]) for name in head.features)
        ):
            error.help += "; if the first row of the file is not a header, write header=no"
        raise


def _targets(held: Mapping[str, Any], head: Head, path: Path, spread: bool) -> Labels | Floats:
    """The targets of the columns of a file: labels (N,), numbers (N, T), or (N, heads) of several heads."""
    if head.heads:
        return targets.read(held, head.heads, path, spread)
    if head.numbers:
        return rows(held, head.targets, path, spread)
    return targets.labels_of(texts(held[head.target], path, head.target), head.classes, head.target, path)


def _chosen(digests: NDArray[np.bytes_], labels: Labels | Floats, head: Head, path: Path) -> NDArray[np.bool_]:
    """Which rows are for the test: of each class the fifth of its different rows whose hashes are lowest; of all rows, where
    targets are numbers, or there are several heads. Equal rows go to one part, so that no test row was trained on.
    """
    if head.numbers or head.heads:
        different = np.unique(digests)
        if len(different) < 2:
            raise EnvError(
                f"{path} has {many(len(different), 'different row')}, too few to train and test", help="add rows"
            )
        return np.isin(digests, different[: max(1, len(different) // ONE_IN)], kind="sort")
    chosen = np.zeros(len(labels), np.bool_)
    for number in np.unique(labels):
        mine = labels == number
        different = np.unique(digests[mine])
        if len(different) < 2:
            raise EnvError(
                f"the class `{head.classes[number][:40]}` of {path} has {many(len(different), 'different row')}, too few "
                "to train and test",
                help="add rows, or put test rows into a file of their own",
            )
        chosen |= mine & np.isin(digests, different[: max(1, len(different) // ONE_IN)], kind="sort")
    return chosen


def _digests(values: Floats, labels: Labels | Floats, head: Head) -> NDArray[np.bytes_]:
    """A hash (N,) of each row with its class or its targets."""
    if head.heads:
        return targets.digests(values, labels, head.heads)  # type: ignore[arg-type]
    if head.numbers:
        whole = (np.concatenate((values, labels), 1) + 0.0).astype("<f8")
        return np.array([hashlib.sha256(row.tobytes()).digest() for row in whole], dtype="S32")
    return np.array(
        [
            hashlib.sha256(row.tobytes() + head.classes[number].encode("utf-8", "surrogateescape")).digest()
            for row, number in zip((values + 0.0).astype("<f8"), labels.tolist(), strict=True)  # + 0.0: no minus zero
        ],
        dtype="S32",
    )


def _repeated(train: NDArray[np.bytes_]) -> tuple[str, ...]:
    """What is to be said of rows that are in the training part several times: ``valid`` may part them."""
    again = len(train) - len(np.unique(train))
    return (f"{many(again, 'training row is', 'training rows are')} repeated (equal in every column)",) if again else ()


def _in_both(train: NDArray[np.bytes_], test: NDArray[np.bytes_]) -> tuple[str, ...]:
    """What is to be said of rows that are in both parts."""
    both = int(np.isin(test, train, kind="sort").sum())
    said = f"warning: {both:,} of {len(test):,} test rows are among the training rows too (equal in every column)"
    return (said,) if both else ()


def counts(parts: DataParts, head: Head) -> dict[str, list[int]]:
    """The training and test rows of each class; none where targets are numbers, or there are several heads."""
    if head.numbers or head.heads:
        return {}
    train, test = (np.bincount(part.labels, minlength=len(head.classes)).tolist() for part in (parts.train, parts.test))
    return {name: [train[n], test[n]] for n, name in enumerate(head.classes)}


def _said(parts: DataParts, head: Head, split: str) -> tuple[str, ...]:
    """What was found: rows, features, and classes with their training and test rows, or targets with their spread."""
    if head.heads:
        found = targets.said(parts.train, parts.test, head.heads)  # type: ignore[arg-type]
        return (_features(parts, head), *found, split)
    if head.numbers:
        return (_features(parts, head), *_spreads(parts, head), split)
    classes = [f"{name} {train:,} + {test:,}" for name, (train, test) in counts(parts, head).items()]
    return (
        _features(parts, head),
        f"target `{head.target}`, {len(classes)} classes (training + test rows): {listed(classes)}",
        split,
    )


def _features(parts: DataParts, head: Head) -> str:
    return f"{many(len(parts.train) + len(parts.test), 'row')} of {many(len(head.features), 'feature')}: {listed(head.features)}"


def _spreads(parts: DataParts, head: Head) -> Iterator[str]:
    """Mean and standard deviation of each target in the training rows; warnings of those that are constant."""
    found: Floats = np.asarray(parts.train.labels, np.float64)  # type: ignore[union-attr]
    return chain.from_iterable(map(targets.spread, head.targets, found.T))


def _doubts(values: Floats, head: Head) -> tuple[str, ...]:
    """Warnings of columns that tell nothing, or that may number the rows."""
    constant = np.ptp(values, axis=0) == 0
    number = np.array([_counts_rows(column) for column in values.T], np.bool_)
    found: list[str] = []
    kinds = (
        (constant, ("feature holds", "features hold"), "one value alone, which tells the network nothing"),
        (number, ("feature numbers", "features number"), "the rows, or might: leave out what is not data"),
    )
    for which, verb, what in kinds:
        names = [head.features[place] for place in np.flatnonzero(which)]
        if names:
            found.append(f"warning: {many(len(names), *verb)} {what}: {listed(names)}")
    return tuple(found)


def _counts_rows(column: Floats) -> bool:
    """Whether a column (N,) holds 0 to N-1 or 1 to N in any order, or whole numbers each larger than the one before."""
    if len(column) < 3 or (column != np.floor(column)).any():
        return False
    if len(column) >= COUNTING and (np.diff(column) > 0).all():
        return True
    ordered: Any = np.sort(column)
    return bool(ordered[0] in (0, 1) and (np.diff(ordered) == 1).all())


def files(table: Table) -> list[tuple[str, Path]]:
    """Named by their part: a table that is renamed or moved is the same data. The ending says how it is read."""
    train, test = table.files()
    return [(f"{part}{path.suffix}", path) for part, path in (("train", train), ("test", test)) if path]


def about(table: Table) -> dict[str, Any]:
    """What there is to say about a table."""
    parts, head = read(table), table.head
    return {
        "title": f"a table of one's own, target `{head.target}`",
        "train": len(parts.train),
        "test": len(parts.test),
        "counts": counts(parts, head) or None,
        "found": list(
            parts.notes[1:] if head.numbers or head.heads else parts.notes[2:]
        ),  # columns and classes are shown
    }
