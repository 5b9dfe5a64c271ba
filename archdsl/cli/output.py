"""What commands print: data to standard output, talk to standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from archdsl.errors import EnvError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from archdsl.errors import Diagnostic
    from archdsl.report import Table


def stdout() -> TextIO:
    """Standard output.

    Raises:
        EnvError: it is closed.
    """
    if sys.stdout is None:
        raise EnvError("standard output is closed", help="send it to a file or to /dev/null")
    return sys.stdout


def put(text: str) -> None:
    """Write data."""
    from archdsl.report.render import write

    write(text, stdout())


def put_json(value: Any) -> None:
    """Write data as JSON."""
    from archdsl.report.text import json_text

    put(json_text(value))


def put_table(table: Table, format: str = "table") -> None:
    """Write a table."""
    from archdsl.report.render import render

    render(table, format, stdout())


def talk(notes: Iterable[Diagnostic], name: str = "") -> None:
    """Say notes and warnings; ``name`` is the spec's, where there are several and a note has no place of its own."""
    for note in notes:
        if sys.stderr is not None:
            print(note.render() if note.span or not name else f"{name}: {note.render()}", file=sys.stderr)
