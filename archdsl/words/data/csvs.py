"""csv files as rows of cells: the encoding, the separator and the header are found by rules, and what stays doubtful is
refused with the choices.

The **encoding** is UTF-8, or what a byte order mark says. The **separator** is the comma (the tab in a file called
``.tsv``); where that does not divide the first row, the one of ``;``, tab, ``|`` and ``,`` that divides all rows into
equally many cells. Where commas and another one do so, it is doubtful. The **first row** is a header where none of its cells
is a value: no number, no ``true``, no missing value, no mark without a letter or digit, and where it does not occur again
below.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from archdsl.errors import EnvError
from archdsl.words.data import cells as c

MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
BLOCK = 256  # rows that are turned into columns at a time: few enough to stay in the processor's cache
LOOKED_AT = 100  # rows from which another separator than the usual one is found
_CODES = (  # the longer marks come first: that of UTF-32 begins as that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNPACK = "unpack it, and name the file that comes out"
_OTHERS = (  # how files begin that are called csv and are none
    (b"\x1f\x8b", "is compressed by gzip", _UNPACK),
    (b"BZh", "is compressed by bzip2", _UNPACK),
    (b"\xfd7zXZ\0", "is compressed by xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd", _UNPACK),
    (b"PK\x03\x04", "is a zip archive or a spreadsheet, not a csv file", "unpack it, or save the sheet as csv"),
    (b"PAR1", "is a Parquet file, not a csv file", "write parquet instead of csv"),
)


@dataclass(frozen=True, slots=True)
class Csv:
    """A csv file in memory: the column names, and notes for a person. Its cells are found when they are asked for."""

    path: Path
    names: tuple[str, ...]
    notes: tuple[str, ...]
    header: Literal["yes", "no"] | None
    mark: str
    text: str = field(repr=False)

    def columns(self, places: Sequence[int]) -> list[list[str]]:
        """The cells of these columns, without spaces at their ends.

        Raises:
            EnvError: a row has another length, or is that of the names again.
        """
        columns: list[list[str]] = [[] for _ in places]
        records, before = _records(self.text, self.mark), 0
        with _csv_errors(self.path):
            first = next(records, []) if self.header != "no" else None
            while block := list(islice(records, BLOCK)):
                self._check(block, before, first)
                for column, place in zip(columns, places, strict=True):
                    column += [row[place].strip() for row in block]
                before += len(block)
        return columns

    def _check(self, block: list[list[str]], before: int, first: list[str] | None) -> None:
        width = len(self.names)
        if set(map(len, block)) != {width}:
            place, row = next((n, row) for n, row in enumerate(block) if len(row) != width)
            than = "the first row" if self.header == "no" else "the header"
            raise EnvError(
                f"{self.path}, row {before + place + 1}: {len(row)} cells, {than} has {width}",
                help=f"{c.ROWS}; a cell with a comma in it needs quotes, and no row ends in a comma",
            )
        if first is not None and self.header is None and first in block:
            raise _doubtful(self.path, width, f"row {before + block.index(first) + 1} is equal to it")


def read(path: Path, header: Literal["yes", "no"] | None) -> Csv:
    """A csv file; ``header`` says whether its first row holds the names, None to find out. Columns of a file without a
    header are called c1, c2, ….

    Raises:
        EnvError: the text does not decode, or it is doubtful what the first row is.
    """
    with _csv_errors(path):
        text, notes = _text(path)
        mark = separator(text, path, _usual(path))
        first = [cell.strip() for cell in next(_records(text, mark), [])]
    if mark != _usual(path):
        notes = (*notes, f"{MARKS[mark]} separate the columns of {path}")
    _check_first(path, first, text)
    odd = next((cell for cell in first if _is_value(cell)), None) if header is None else None
    if odd is not None:
        raise _doubtful(path, len(first), f"`{odd[: c.SHOWN]}` in it looks like a value")
    names = first if header != "no" else [f"c{n}" for n in range(1, len(first) + 1)]
    return Csv(path, tuple(names), notes, header, mark, text)


def _records(text: str, mark: str, strict: bool = True) -> Iterator[list[str]]:
    """The rows of a text, blank lines left out."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=strict, skipinitialspace=True)
    return (row for row in lines if row)


@contextmanager
def _csv_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError, csv.Error) as error:
        raise EnvError(
            f"{path} is not a csv file ({error})", help="a csv file is text in UTF-8 with a header; save it as such"
        ) from error


def _text(path: Path) -> tuple[str, tuple[str, ...]]:
    data = path.read_bytes()
    for begin, what, help in _OTHERS:
        if data.startswith(begin):
            raise EnvError(f"{path} {what}", help=help)
    code = next((code for begin, code in _CODES if data.startswith(begin)), "utf-8")
    text = data.decode(code)
    if "\0" in text:
        raise UnicodeError("it has characters of the value zero, as UTF-16 without a byte order mark has")
    return text, (f"{path} is text in {code.upper()}",) if code not in ("utf-8", "utf-8-sig") else ()


def _usual(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def separator(text: str, path: Path, usual: str) -> str:
    """The separator of a text: the usual one if it divides the first row, else the one that divides all rows into equally
    many cells.

    Raises:
        EnvError: there are several such, or commas divide all rows equally and another one does so too.
    """

    def widths(mark: str) -> list[int]:
        return [len(row) for row in islice(_records(text, mark, strict=False), LOOKED_AT)]

    first = widths(usual)
    fitting = [m for m in MARKS if m != usual and len(set(counts := widths(m))) == 1 and counts[0] > 1]
    if first[:1] != [1]:
        # `length, cm;kind` above `1,5;oak`: what are decimal commas would be read as separators. A tab is never in a number.
        if usual != "," or not fitting or len(first) < 2 or len(set(first)) > 1:
            return usual
        fitting.insert(0, usual)
    if len(fitting) > 1:
        raise EnvError(
            f"it is doubtful whether {' or '.join(MARKS[m] for m in fitting)} separate the columns of {path}",
            help="write the file with commas, and take the others out of the first row; numbers have a decimal point",
        )
    return fitting[0] if fitting else usual


def _check_first(path: Path, first: Sequence[str], text: str) -> None:
    if first and (first[0].startswith("#") or text.lstrip("\ufeff")[:4].lower() == "sep="):
        raise EnvError(
            f"{path} begins with `{first[0][: c.SHOWN]}`, a comment or a setting and not the name of a column",
            help="remove that line, or the `#` where the names of the columns follow it",
        )


def _doubtful(path: Path, width: int, why: str) -> EnvError:
    return EnvError(
        f"it is doubtful whether the first row of {path} names the columns: {why}",
        help='write header=yes into the data word, csv("PATH", header=yes), if it does; with header=no the columns are called '
        f"c1 to c{width}, and no row is lost; a test file, and rows to predict, need a header where the training file has one",
    )


def _is_value(cell: str) -> bool:
    plain = c.spelled(cell).replace(",", "").replace("_", "").rstrip("%")
    strange = bool(cell) and not any(letter.isalnum() for letter in cell)
    missing = bool(cell) and c.is_missing(cell)
    return c.is_number(plain) or c.is_boolean(cell) or c.is_infinite(cell) or missing or strange
