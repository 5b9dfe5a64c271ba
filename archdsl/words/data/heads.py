"""What a table's file says about itself: its columns and its classes, found without torch and numpy."""

from __future__ import annotations

import csv
import importlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from archdsl.errors import EnvError

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")


@dataclass(frozen=True, slots=True)
class Head:
    """A table's columns: those of numbers, in the order of the file; the target; and its classes, sorted."""

    features: tuple[str, ...]
    target: str
    classes: tuple[str, ...]


@lru_cache(maxsize=8)  # size and time of change are arguments so that a changed file is read again
def head_of(path: Path, kind: str, target: str, size: int, changed: int) -> Head:
    """Columns and classes of a file of ``kind`` csv or parquet; an empty ``target`` is the last column."""
    columns, cells = _csv_cells(path, target) if kind == "csv" else _parquet_cells(path, target)
    target = target or columns[-1]
    return Head(tuple(c for c in columns if c != target), target, classes_of(cells, path, target))


def _csv_cells(path: Path, target: str) -> tuple[list[str], list[str]]:
    with csv_rows(path) as (columns, rows):
        at = checked(columns, target, path)
        return columns, [row[at].strip() for row in rows]


@contextmanager
def csv_rows(path: Path) -> Iterator[tuple[list[str], Iterator[list[str]]]]:
    """The column names of a csv file (tabs separate those of ``.tsv``), and its rows, each of their number.

    Raises:
        EnvError: no header, a row of another length, text that is not UTF-8.
    """
    mark = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=mark, strict=True)
            columns = [name.strip() for name in next(reader, [])]
            yield columns, _even(reader, len(columns), path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EnvError(f"{path} is not a csv file ({error})",
                       help="a csv file is text in UTF-8 with a header") from error  # fmt: skip


def _even(reader: Iterable[list[str]], width: int, path: Path) -> Iterator[list[str]]:
    for number, row in enumerate((r for r in reader if r), 1):
        if len(row) != width:
            raise EnvError(f"{path}, row {number}: {len(row)} cells, the header has {width}",
                           help="rows count from 1 after the header; a cell with a comma in it needs quotes")  # fmt: skip
        yield row


def _parquet_cells(path: Path, target: str) -> tuple[list[str], list[str]]:
    parquet = arrow("parquet", path)
    try:
        with parquet.ParquetFile(path) as file:
            columns = list(file.schema_arrow.names)
            at = checked(columns, target, path)
            values = file.read(columns=[columns[at]])[columns[at]].to_pylist()
    except (OSError, ValueError, TypeError) as error:  # arrow's own errors are of these kinds
        raise EnvError(f"{path} is not a Parquet file ({error})", help="replace it by a good copy") from error
    return columns, [label(value) for value in values]


def label(value: object) -> str:
    """A value of a Parquet file as the name of a class: text as it stands, a whole number without a point."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def own_path(text: str) -> Path:
    """A path of a text, ``~`` standing for the home folder.

    Raises:
        EnvError: ``~NAME`` names nobody.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise EnvError(f"there is no home folder for {text}", help="write the whole path") from error


def arrow(part: str, path: Path) -> Any:
    """A module of pyarrow, by name: this room loads it only for a Parquet file."""
    try:
        return importlib.import_module(f"pyarrow.{part}")
    except ImportError as error:
        raise EnvError(f"{path} needs the package pyarrow", help="pip install pyarrow") from error


def checked(columns: list[str], target: str, path: Path) -> int:
    """The place of the target column.

    Raises:
        EnvError: there is none, a column has no name or that of another, or there is no other column.
    """
    names = ", ".join(columns)
    if len(columns) < 2:
        raise EnvError(f"{path} has {len(columns)} columns ({names}), at least two are needed",
                       help="commas separate the columns of a csv file, tabs those of a tsv file")  # fmt: skip
    for place, name in enumerate(columns, 1):
        if not name:
            raise EnvError(f"column {place} of {path} has no name",
                           help="name it, or write the file without its index")  # fmt: skip
        if columns.count(name) > 1:
            raise EnvError(f"{path} has two columns `{name}`", help="rename one of them")
    if target and target not in columns:
        raise EnvError(f"{path} has no column `{target}`", help=f"its columns are {names}")
    return columns.index(target) if target else len(columns) - 1


def classes_of(cells: list[str], path: Path, target: str) -> tuple[str, ...]:
    """The classes in the cells of the target column: sorted as numbers where all are whole, else as texts.

    Raises:
        EnvError: an empty cell, numbers that are not whole, less than two classes.
    """
    if "" in cells:
        raise EnvError(f"{path}, row {cells.index('') + 1}, column `{target}`: no class",
                       help="rows count from 1 after the header; complete or remove the row")  # fmt: skip
    found = set(cells)
    if len(found) < 2:
        held = f"one class (`{found.pop()[:40]}`)" if found else "no row"
        raise EnvError(f"{path} has {held} in its column `{target}`, at least two classes are needed",
                       help="`target` names another column")  # fmt: skip
    if all(_WHOLE.fullmatch(c) for c in found):
        return tuple(sorted(found, key=lambda c: (int(c.split(".")[0]), c)))
    numbers = [c for c in sorted(found) if _is_number(c)]
    if len(numbers) == len(found):
        raise EnvError(f"the column `{target}` of {path} holds numbers such as {numbers[0][:20]}, not classes",
                       help="`target` names another column, with texts or whole numbers")  # fmt: skip
    return tuple(sorted(found))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
