"""One door for every format; rich stays outside unless a terminal is listening."""

import os
from collections.abc import Callable
from typing import TextIO

from archdsl.report.latex import latex_text
from archdsl.report.table import Table
from archdsl.report.text import csv_text, formula_safe_csv_text, json_text, markdown_text, plain_text, records, tsv_text

__all__ = ["FORMATS", "is_terminal", "render", "write"]

_WRITERS: dict[str, Callable[[Table], str]] = {
    "text": plain_text,
    "csv": csv_text,
    "csv-safe": formula_safe_csv_text,
    "tsv": tsv_text,
    "md": markdown_text,
    "json": lambda table: json_text(records(table)),
    "jsonl": lambda table: "".join(json_text(record, indent=None) for record in records(table)),
    "latex": latex_text,
}
FORMATS = ("table", *_WRITERS)


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` can be drawn on; a dumb terminal, or one without box characters, gets plain lines."""
    if os.environ.get("TERM") == "dumb" or "utf" not in (stream.encoding or "").lower():
        return False
    return not stream.closed and stream.isatty()


def write(text: str, stream: TextIO) -> None:
    """Write `text`; a character that the stream's encoding lacks becomes `?` instead of a crash."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, errors="replace").decode(encoding))


def render(table: Table, format: str, stream: TextIO) -> None:
    """Write `table` to `stream`: `table` is drawn on a terminal and plain in a pipe; see `FORMATS`."""
    if format == "table" and is_terminal(stream):
        from archdsl.report.terminal import draw

        draw(table, stream)
        return
    writer = plain_text if format == "table" else _WRITERS.get(format)
    if writer is None:
        raise ValueError(f"unknown format {format!r}; known are {', '.join(FORMATS)}")
    write(writer(table), stream)
