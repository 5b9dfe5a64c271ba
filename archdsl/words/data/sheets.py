"""A table's file as columns: what they are called, which of them are left out, and their cells. Loads pyarrow for Parquet
alone, and never torch or numpy.

An index column that pandas or R has written (``__index_level_0__`` in Parquet; in csv a column without a name at the left,
or ``Unnamed: 0``) numbers or names the rows: it is left out, and that is said. A column without a name whose values are no
index is refused, since it may be a feature.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from archdsl.errors import EnvError
from archdsl.words.data import cells as c
from archdsl.words.data.csvs import Csv, read

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["csv", "parquet"]
Header = Literal["yes", "no"]
_INDEX = re.compile(r"__index_level_[0-9]+__|Unnamed: [0-9]+(\.[0-9]+)*")

_OF_PANDAS = re.compile(r"__index_level_[0-9]+__")  # which pandas writes for an index alone
_SHARD = re.compile(r"-[0-9]+-of-0*([0-9]+)$")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The columns of a file, but for those that are ``left`` out. ``places`` are theirs in the file, and ``csv`` is the
    content of a csv file. ``notes`` are for a person.
    """

    path: Path
    kind: Kind
    names: tuple[str, ...]
    places: tuple[int, ...]
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    csv: Csv | None = field(default=None, repr=False)

    def columns(self, names: Sequence[str]) -> Mapping[str, Any]:
        """The cells of these columns: lists of texts without spaces at their ends, or pyarrow's chunked arrays.

        Raises:
            EnvError: the file is damaged.
        """
        asked = set(names)
        where = {name: place for name, place in zip(self.names, self.places, strict=True) if name in asked}
        if self.csv is not None:
            return dict(zip(where, self.csv.columns(list(where.values())), strict=True))
        with _opened(self.path) as file:
            stored = file.schema_arrow.names
            table = file.read(columns=[stored[place] for place in where.values()])
            return {name: table[stored[place]] for name, place in where.items()}

    def texts(self, name: str) -> list[str]:
        """The cells of a column as texts that may name classes, see ``texts``."""
        return texts(self.columns([name])[name], self.path, name)


def sheet(path: Path, kind: Kind, target: str = "", header: Header | None = None) -> Sheet:
    """The columns of a file; ``target`` is never left out.

    Raises:
        EnvError: the file is damaged, it is doubtful whether it has a header, or a column cannot be named.
    """
    if kind == "csv":
        content = read(path, header)
        return _sheet(path, kind, content.names, _unnamed(content.names), target, content.notes, content)
    with _opened(path) as file:
        names = tuple(str(name).strip() for name in file.schema_arrow.names)
        named = _pandas_index(file.schema_arrow.metadata, path)
    for name in named:
        if name in names and name != target and not _INDEX.fullmatch(name):
            raise EnvError(
                f"the column `{name}` of {path} is the index of a pandas table, which may be data or not",
                help="write it with `reset_index()` to use it, or with `index=False` to leave it out",
            )
    return _sheet(path, kind, names, 0, target, (), None)


def _sheet(
    path: Path,
    kind: Kind,
    names: tuple[str, ...],
    unnamed: int,
    target: str,
    notes: tuple[str, ...],
    content: Csv | None,
) -> Sheet:
    index = [p for p, n in enumerate(names) if (p < unnamed or _INDEX.fullmatch(n)) and (n != target or not n)]
    kept = [p for p in range(len(names)) if p not in set(index)]
    left = tuple(names[p] or f"(column {p + 1}, without a name)" for p in index)
    if (shard := _SHARD.search(path.stem)) and int(shard[1]) > 1:
        notes = (
            *notes,
            f"warning: by its name {path} is one of {int(shard[1])} parts of a table; the others are not read",
        )
    if left:
        notes = (*notes, f"left out, as an index that numbers or names the rows: {', '.join(left)}")
    for place in index:
        if not _OF_PANDAS.fullmatch(names[place]):
            _check_index(Sheet(path, kind, (names[place],), (place,), csv=content))
    return Sheet(path, kind, tuple(names[p] for p in kept), tuple(kept), left, notes, content)


def _check_index(column: Sheet) -> None:
    """Refuse a column without a name of its own that may be a feature: an index has whole numbers in steps of one, in any
    order, or a text for each row.
    """
    (name,), (place,) = column.names, column.places
    cells = column.texts(name)
    numbers = [c.whole(cell) for cell in cells]
    whole = [n for n in numbers if n is not None]
    if len(whole) == len(cells):
        fits = not whole or (len(set(whole)) == len(whole) and max(whole) - min(whole) == len(whole) - 1)
    else:
        fits = len(set(cells)) == len(cells) and not any(c.is_number(c.spelled(cell)) for cell in cells)
    if not fits:
        called = f"column {place + 1} of {column.path} " + (f"is called `{name}`" if name else "has no name")
        some = ", ".join(c.shown(cell) for cell in cells[:3])
        raise EnvError(
            f"{called}, and its values ({some}) are not those of an index: it may be a feature",
            help="name it in the file to use it as a feature, or delete the column; pandas writes no index with "
            "`index=False`",
        )


def _unnamed(names: Sequence[str]) -> int:
    """How many columns at the left have no name, where others have one."""
    return next((place for place, name in enumerate(names) if name), 0)


def _pandas_index(metadata: Mapping[bytes, bytes] | None, path: Path) -> list[str]:
    """The columns that pandas calls its index; a range is none, as it is not stored."""
    try:
        about = json.loads((metadata or {}).get(b"pandas", b"{}"))
        return [str(name).strip() for name in about.get("index_columns", ()) if isinstance(name, str)]
    except (ValueError, AttributeError, TypeError) as error:
        raise EnvError(f"the metadata of pandas in {path} is damaged ({error})", help="write the file again") from error


def arrow(part: str, path: Path) -> Any:
    """A module of pyarrow, by name: this room loads it only for a Parquet file."""
    try:
        return importlib.import_module(f"pyarrow.{part}")
    except ImportError as error:
        raise EnvError(f"{path} needs the package pyarrow", help="pip install pyarrow") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    parquet = arrow("parquet", path)
    kinds = (OSError, ValueError, TypeError, KeyError, NotImplementedError)  # arrow's own errors are of these
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except kinds as error:
        raise EnvError(f"{path} is not a Parquet file ({error})", help="replace it by a good copy") from error


def texts(column: Any, path: Path, name: str) -> list[str]:
    """The cells of a column as texts that may name classes, "" where there is none; of a Parquet column whole numbers
    without a point, and bytes as UTF-8.

    Raises:
        EnvError: values of a type that names no classes, or bytes that are not UTF-8.
    """
    if isinstance(column, list):
        return column
    types = arrow("types", path)
    column, kind = decoded(column, path)
    if types.is_floating(kind):
        return ["" if v is None else _of_float(float(v)) for v in column.to_pylist()]
    if types.is_decimal(kind):
        return ["" if v is None else format(v, "f") for v in column.to_pylist()]
    if is_text(kind, path) or types.is_integer(kind) or types.is_boolean(kind) or types.is_null(kind):
        return ["" if v is None else str(v).strip() for v in column.to_pylist()]
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return _of_bytes(column.to_pylist(), path, name)
    raise EnvError(
        f"the column `{name}` of {path} holds values of the type {kind}, which name no classes",
        help="write them as texts or whole numbers, or let `target` name another column",
    )


def _of_float(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _of_bytes(values: Sequence[bytes | None], path: Path, name: str) -> list[str]:
    cells: list[str] = []
    for row, value in enumerate(values):
        try:
            cells.append("" if value is None else value.decode().strip())
        except UnicodeDecodeError as error:
            raise c.at(path, row, name, "bytes that are not UTF-8", "write the class as text") from error
    return cells


def decoded(column: Any, path: Path) -> tuple[Any, Any]:
    """A column without the dictionary of a categorical one, and its type."""
    types = arrow("types", path)
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column, column.type


def is_text(kind: Any, path: Path) -> bool:
    """Whether a type of pyarrow is one of text."""
    types = arrow("types", path)
    view = getattr(types, "is_string_view", None)  # of pyarrow 16
    return bool(types.is_string(kind) or types.is_large_string(kind) or (view is not None and view(kind)))
