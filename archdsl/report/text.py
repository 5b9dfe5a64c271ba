"""Tables as text: aligned and unwrapped for pipes, CSV, TSV and JSON for programs, Markdown for pages."""

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable

from archdsl.report.formats import table_format
from archdsl.report.numbers import show
from archdsl.report.table import Align, Cell, Table

__all__ = [
    "csv_text",
    "formula_safe_csv_text",
    "json_escaped",
    "json_text",
    "markdown_text",
    "on_one_line",
    "plain_text",
    "printable",
    "printable_lines",
    "records",
    "shown",
    "tsv_text",
    "width",
]

_GAP = "  "
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # and as Japanese keyboards write them


def printable(text: str) -> str:
    """`text` on one line and without control characters: a file's name must not steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_lines(text: str, keep: str = "\n") -> str:
    """A text of several lines without other control characters than those of ``keep``."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else printable(c) for c in text)


def on_one_line(text: str) -> str:
    """`text` on one line, each stretch of line ends being a space: a title of several lines, or one that ends in a blank one."""
    return printable(re.sub(r"\s*[\r\n]+\s*", " ", text.strip()))


def width(text: str) -> int:
    """Cells that `text` takes on a terminal: East Asian wide characters take two, marks on others and the later letters of a
    Hangul syllable none.
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(_no_cell, text))


def _no_cell(char: str) -> bool:
    mark = unicodedata.combining(char) != 0 or unicodedata.category(char) in ("Mn", "Me")
    return mark or "\u1160" <= char <= "\u11ff"  # file systems of Apple take a syllable apart


def _pad(text: str, cells: int, side: Align) -> str:
    fill = " " * (cells - width(text))
    return fill + text if side == "right" else text + fill


def shown(table: Table) -> tuple[list[list[str]], list[str]]:
    """The cells of the rows and of the footer as people read them; a total without a value stays blank."""

    def line(row: tuple[Cell, ...], nothing: str) -> list[str]:
        return [printable(show(cell, column, nothing)) for cell, column in zip(row, table.columns, strict=True)]

    return [line(row, "–") for row in table.rows], line(table.footer, "") if table.footer else []


@table_format("table", "text", people=True)
def plain_text(table: Table) -> str:
    """Aligned columns, as wide as they need to be: `grep`, `awk` and `less -S` see whole lines."""
    head = [printable(column.name) for column in table.columns]
    body, foot = shown(table)
    widths = [max(map(width, cells)) for cells in zip(head, *body, foot or head, strict=True)]

    def line(cells: list[str]) -> str:
        sides = (column.side for column in table.columns)
        return _GAP.join(map(_pad, cells, widths, sides)).rstrip()

    rule = _GAP.join("-" * cells for cells in widths)
    lines = [on_one_line(table.title)] if table.title else []
    lines += [line(head), rule, *map(line, body)]
    lines += [rule, line(foot)] if foot else []
    return "\n".join([*lines, *map(printable, table.notes)]) + "\n"


def _separated(table: Table, delimiter: str, safe: Callable[[str], str] = str) -> str:
    """Values as they are: full precision, no units; what has no value is an empty field. Line ends and tabs
    in a text are quoted; other control characters, for which the format has no form, are written as escapes. JSON has the very
    text.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow([safe(printable(column.id)) for column in table.columns])
    for row in table.rows:
        writer.writerow([safe(printable_lines(c, keep="\n\t")) if isinstance(c, str) else _value(c) for c in row])
    return out.getvalue()


def _value(cell: Cell) -> object:
    return ("true" if cell else "false") if isinstance(cell, bool) else _finite(cell)


@table_format("csv")
def csv_text(table: Table) -> str:
    """Comma-separated values with a heading (RFC 4180's quoting, Unix line ends)."""
    return _separated(table, ",")


@table_format("csv-safe")
def formula_safe_csv_text(table: Table) -> str:
    """CSV for a spreadsheet, which would run a text such as `=1+2` or `+se`: each that begins like a formula has an
    apostrophe before it. For programs, which would read the apostrophe, there is `csv_text`.
    """
    return _separated(table, ",", lambda text: f"'{text}" if text.lstrip().startswith(FORMULA) else text)


@table_format("tsv")
def tsv_text(table: Table) -> str:
    """Tab-separated values with a heading."""
    return _separated(table, "\t")


def _finite(value: object) -> object:
    """`value` with None for each number that JSON cannot hold, at any depth."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value


def json_text(value: object, *, indent: int | None = 2) -> str:
    """`value` as JSON that every parser accepts: NaN and infinities are null. Control characters are written by their numbers,
    which parsers read as the very characters.
    """
    text = json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)
    if not text.isascii() or "\x7f" in text:
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    return text.replace("\x7f", r"\u007f") + "\n"


def json_escaped(text: str, encoding: str) -> str:
    """JSON with each character that an encoding lacks by its number: there is none outside of strings."""
    lacking = {c for c in set(text) if not c.encode(encoding, "ignore")}
    return "".join(json.dumps(c)[1:-1] if c in lacking else c for c in text)


def records(table: Table) -> list[dict[str, Cell]]:
    """One dict a row, by the columns' keys."""
    keys = [column.id for column in table.columns]
    return [dict(zip(keys, row, strict=True)) for row in table.rows]


@table_format("json")
def _json_records(table: Table) -> str:
    return json_text(records(table))


@table_format("jsonl")
def _json_lines(table: Table) -> str:
    return "".join(json_text(record, indent=None) for record in records(table))


def _escaped(text: str) -> str:
    """`text` as Markdown shows it literally; `*`, `_`, `[` and `|` are everyday signs of a spec."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", on_one_line(text))


@table_format("md", people=True)
def markdown_text(table: Table) -> str:
    """A pipe table; the footer is its last row, in bold."""

    def line(cells: list[str]) -> str:
        return f"| {' | '.join(cells)} |"

    lines = [f"**{_escaped(table.title)}**", ""] if table.title else []
    lines.append(line([_escaped(column.name) for column in table.columns]))
    lines.append(line(["---:" if column.side == "right" else "---" for column in table.columns]))
    body, foot = shown(table)
    lines += [line([_escaped(cell) for cell in row]) for row in body]
    if foot:
        lines.append(line([f"**{_escaped(cell)}**" if cell else "" for cell in foot]))
    notes = [part for note in table.notes for part in ("", _escaped(note))]
    return "\n".join([*lines, *notes]) + "\n"
