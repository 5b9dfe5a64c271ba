"""A table in any of its formats; rich is imported for a terminal alone."""

import os
from typing import TextIO

import archdsl.report.latex
import archdsl.report.text  # noqa: F401 - these fill FORMATS
from archdsl.report.formats import FORMATS
from archdsl.report.table import Table
from archdsl.report.text import json_escaped

__all__ = ["is_terminal", "render", "write"]


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` can be drawn on; a dumb terminal, or one without box characters, gets plain lines."""
    if os.environ.get("TERM") == "dumb" or "utf" not in (stream.encoding or "").lower():
        return False
    return not stream.closed and stream.isatty()


def write(text: str, stream: TextIO, json: bool = False) -> None:
    """Write `text`; a character that the stream's encoding lacks becomes `?` instead of a crash, and in JSON an escape."""
    encoding = stream.encoding or "utf-8"
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        data = (json_escaped(text, encoding) if json else text).encode(encoding, errors="replace")
    stream.write(data.decode(encoding))


def render(table: Table, format: str, stream: TextIO) -> None:
    """Write `table` to `stream`: `table` is drawn on a terminal and plain in a pipe; see `FORMATS`."""
    if format == "table" and is_terminal(stream):
        from archdsl.report.terminal import draw

        draw(table, stream)
        return
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; known are {', '.join(FORMATS)}")
    write(FORMATS[format].write(table), stream, json=format in ("json", "jsonl"))
