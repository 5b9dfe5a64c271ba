"""csv files as rows of cells: the encoding, the separator and the header are found by rules, and what stays doubtful is
refused with the choices.

The **encoding** is UTF-8, or what a byte order mark says. The **separator** is the comma (the tab in a file called
``.tsv``); where that does not divide the first row, the one of ``;``, tab, ``|`` and ``,`` that divides all rows into
equally many cells. The **first row** is a header where none of its cells is a value: no number, no ``true``, no missing
value, no mark without a letter or digit, and where not all of its cells occur again below.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from archdsl.errors import EnvError
from archdsl.words.data import cells as c

MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LOOKED_AT = 100  # rows from which another separator than the usual one is found
_CODES = (  # the longer marks come first: that of UTF-32 begins as that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Csv:
    """The column names, the rows below them, each with a cell for every column, and notes for a person."""

    names: tuple[str, ...]
    rows: list[list[str]]
    notes: tuple[str, ...]


def read(path: Path, header: Literal["yes", "no"] | None) -> Csv:
    """A csv file; ``header`` says whether its first row holds the names, None to find out. Columns of a file without a
    header are called c1, c2, ….

    Raises:
        EnvError: the text does not decode, a row has another length, or it is doubtful what the first row is.
    """
    try:
        text, notes = _text(path)
        mark = _mark(text, path)
        records = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True,
                                             skipinitialspace=True) if row]  # fmt: skip
    except (OSError, UnicodeError, csv.Error) as error:
        raise EnvError(f"{path} is not a csv file ({error})",
                       help="a csv file is text in UTF-8 with a header; save it as such") from error  # fmt: skip
    if mark != _usual(path):
        notes = (*notes, f"{MARKS[mark]} separate the columns of {path}")
    first = [cell.strip() for cell in records[0]] if records else []
    _check_first(path, first, text)
    if header is None:
        _check_header(path, first, records)
    names = first if header != "no" else [f"c{n}" for n in range(1, len(first) + 1)]
    rows = records if header == "no" else records[1:]
    _check_rows(path, rows, len(names), header)
    return Csv(tuple(names), rows, notes)


def _text(path: Path) -> tuple[str, tuple[str, ...]]:
    data = path.read_bytes()
    code = next((code for begin, code in _CODES if data.startswith(begin)), "utf-8")
    text = data.decode(code)
    if "\0" in text:
        raise UnicodeError("it has characters of the value zero, as UTF-16 without a byte order mark has")
    return text, (f"{path} is text in {code.upper()}",) if code not in ("utf-8", "utf-8-sig") else ()


def _usual(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _mark(text: str, path: Path) -> str:
    """The separator: the usual one if it divides the first row."""
    usual = _usual(path)

    def widths(mark: str) -> list[int]:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
        return [len(row) for row in islice((r for r in lines if r), LOOKED_AT)]

    if widths(usual)[:1] != [1]:
        return usual
    fitting = [m for m in MARKS if m != usual and len(set(found := widths(m))) == 1 and found[0] > 1]
    if len(fitting) > 1:
        raise EnvError(f"it is doubtful whether {' or '.join(MARKS[m] for m in fitting)} separate the columns of {path}",
                       help="write the file with commas")  # fmt: skip
    return fitting[0] if fitting else usual


def _check_first(path: Path, first: Sequence[str], text: str) -> None:
    if first and (first[0].startswith("#") or text.lstrip("\ufeff")[:4].lower() == "sep="):
        raise EnvError(f"{path} begins with `{first[0][: c.SHOWN]}`, a comment or a setting and not the name of a column",
                       help="remove that line, or the `#` where the names of the columns follow it")  # fmt: skip


def _check_header(path: Path, first: Sequence[str], records: Sequence[Sequence[str]]) -> None:
    """Refuse a first row that may be one of values."""
    odd = next((cell for cell in first if _is_value(cell)), None)
    why = f"`{odd[: c.SHOWN]}` in it looks like a value" if odd is not None else ""
    if not why and len(records) > 1 and _recurs(first, records[1:]):
        why = "all its cells occur again below it"
    if why:
        raise EnvError(f"it is doubtful whether the first row of {path} names the columns: {why}",
                       help=f'write csv("{path}", header=yes) if it does; with header=no the columns are called c1 to '
                       f"c{len(first)}, and no row is lost")  # fmt: skip


def _is_value(cell: str) -> bool:
    plain = c.spelled(cell).replace(",", "").replace("_", "").rstrip("%")
    strange = bool(cell) and not any(letter.isalnum() for letter in cell)
    missing = bool(cell) and c.is_missing(cell)
    return c.is_number(plain) or c.is_boolean(cell) or c.is_infinite(cell) or missing or strange


def _recurs(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    places = [place for place, cell in enumerate(first) if cell]
    return bool(places) and all(
        any(len(row) > place and row[place].strip() == first[place] for row in rows) for place in places
    )


def _check_rows(path: Path, rows: Iterable[Sequence[str]], width: int, header: str | None) -> None:
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            than = "the first row" if header == "no" else "the header"
            raise EnvError(f"{path}, row {number}: {len(row)} cells, {than} has {width}",
                           help=f"{c.ROWS}; a cell with a comma in it needs quotes, and no row ends in a comma")  # fmt: skip
