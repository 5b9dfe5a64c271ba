"""Tables (the data words ``csv`` and ``parquet``) as vectors of numbers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.errors import EnvError
from archdsl.train.datasets.arrays import Arrays, DataParts
from archdsl.words.data.heads import arrow, csv_rows, label

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from archdsl.words.data.heads import Head
    from archdsl.words.data.tables import Table

ONE_IN = 5  # of a single file, one row in five is for the test
TOLERANCE = 0.01  # how coarse float32 may be, as a share of a column's standard deviation


def read(table: Table) -> DataParts:
    """Both parts: vectors (N, D) float32 as they stand in the file, columns in its order, and labels (N,) int64.

    Raises:
        EnvError: a cell that is missing or no number, with its row and column; a class that the training file lacks; a
            class without rows for both parts.
    """
    path, test = table.files()
    head = table.head
    values, labels = _read_file(path, table.kind, head)
    if test is not None:
        train = Arrays(_single(values, head, path), labels)
        values, labels = _read_file(test, table.kind, head)
        return DataParts(train, Arrays(_single(values, head, test), labels), table.path)
    chosen = _chosen(values, labels, head, path)
    both = Arrays(_single(values, head, path), labels)
    return DataParts(both.take(np.flatnonzero(~chosen)), both.take(np.flatnonzero(chosen)), table.path)


def _read_file(path: Path, kind: str, head: Head) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    columns = _csv_columns(path, head) if kind == "csv" else _parquet_columns(path, head)
    known = {name: number for number, name in enumerate(head.classes)}
    names = [label(value) for value in columns[head.target]]
    strange = next((row for row, name in enumerate(names) if name not in known), None)
    if strange is not None:
        what = f"the class `{names[strange][:40]}`, which the training rows lack" if names[strange] else "no class"
        raise _at(path, strange, head.target, what)
    if not names:
        raise EnvError(f"{path} has no row", help="a table needs rows to train and to test on")
    values = np.empty((len(names), len(head.features)), np.float64)
    for place, name in enumerate(head.features):
        values[:, place] = _numbers(columns[name], path, name)
    return values, np.array([known[name] for name in names], np.int64)


def _csv_columns(path: Path, head: Head) -> dict[str, list[Any]]:
    with csv_rows(path) as (names, rows):
        places = _places(names, head, path)
        cells: list[list[Any]] = [[] for _ in names]
        for row in rows:
            for column, cell in zip(cells, row, strict=True):
                column.append(cell.strip())
    return {name: cells[place] for name, place in places.items()}


def _parquet_columns(path: Path, head: Head) -> dict[str, list[Any]]:
    parquet = arrow("parquet", path)
    try:
        with parquet.ParquetFile(path) as file:
            _places(list(file.schema_arrow.names), head, path)
            table = file.read(columns=[*head.features, head.target])
    except (OSError, ValueError, TypeError) as error:
        raise EnvError(f"{path} is not a Parquet file ({error})", help="replace it by a good copy") from error
    return {name: table[name].to_pylist() for name in (*head.features, head.target)}


def _places(names: list[str], head: Head, path: Path) -> dict[str, int]:
    wanted = (*head.features, head.target)
    if sorted(names) != sorted(wanted):
        raise EnvError(f"{path} has the columns {', '.join(names)}, expected {', '.join(wanted)}",
                       help="training and test file have the same columns, in any order")  # fmt: skip
    return {name: names.index(name) for name in wanted}


def _numbers(cells: list[Any], path: Path, name: str) -> NDArray[np.float64]:
    """A column as numbers; the first cell that is none, or not finite, is an error."""
    try:
        numbers = np.array(cells, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([_number(cell) for cell in cells], np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        cell = cells[int(wrong[0])]
        what = "nothing" if cell is None or cell == "" else f"`{str(cell)[:40]}`"
        raise _at(path, int(wrong[0]), name, f"{what}, where a number is needed")
    return numbers


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _at(path: Path, row: int, column: str, what: str) -> EnvError:
    return EnvError(
        f"{path}, row {row + 1}, column `{column}`: {what}",
        help="rows count from 1 after the header; fill the cell, or take the row or the column out",
    )


def _single(values: NDArray[np.float64], head: Head, path: Path) -> NDArray[np.float32]:
    """As float32, unless that would lose what tells the rows of a column apart: a time in seconds since 1970, say."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is out of float32's range is inf, and found below
        single = values.astype(np.float32)
        lost, spread = np.abs(single - values).max(0), values.std(0)
    coarse = ~np.isfinite(single).all(0) | (~(lost <= TOLERANCE * spread) & (np.ptp(values, axis=0) > 0))
    for place in np.flatnonzero(coarse):
        raise EnvError(f"{path}: float32 is too coarse for the column `{head.features[place]}`, which has values such as "
                       f"{values[0, place]:.15g}", help="subtract a constant from it, or divide it by one")  # fmt: skip
    return single


def _chosen(values: NDArray[np.float64], labels: NDArray[np.int64], head: Head, path: Path) -> NDArray[np.bool_]:
    """Which rows are for the test: of each class the fifth of its different rows whose hashes are lowest. Equal rows
    go to one part, so that no test row was trained on.
    """
    digests = np.array([
        hashlib.sha256(row.tobytes() + head.classes[number].encode("utf-8", "surrogateescape")).digest()
        for row, number in zip((values + 0.0).astype("<f8"), labels.tolist(), strict=True)  # + 0.0: no minus zero
    ], dtype="S32")  # fmt: skip
    chosen = np.zeros(len(labels), np.bool_)
    for number, name in enumerate(head.classes):
        mine = labels == number
        different = np.unique(digests[mine])
        if len(different) < 2:
            raise EnvError(f"the class `{name[:40]}` of {path} has {len(different)} different rows, too few to train and test",
                           help="add rows, or put test rows into a file of their own")  # fmt: skip
        chosen |= mine & np.isin(digests, different[: max(1, len(different) // ONE_IN)])
    return chosen
