"""What commands print: data to standard output, talk to standard error."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from archdsl.errors import EnvError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from archdsl.errors import ArchError, Diagnostic
    from archdsl.report import Table


def stdout() -> TextIO:
    """Standard output.

    Raises:
        EnvError: it is closed.
    """
    if sys.stdout is None:
        raise EnvError("standard output is closed", help="redirect it to a file or to /dev/null")
    return sys.stdout


def put(text: str, exact: bool = False, json: bool = False) -> None:
    """Write data. Control characters, which may be in a name from somebody else's file, are written as escapes; those
    of an ``exact`` text on a terminal alone, since elsewhere another program reads it. So are the characters of JSON that the
    stream does not have.
    """
    from archdsl.report.render import write
    from archdsl.report.text import printable_lines

    stream = stdout()
    write(text if exact and not stream.isatty() else printable_lines(text), stream, json)


def typed_command() -> str:
    """The command line, as a shell takes it."""
    import shlex

    return shlex.join(["archdsl", *sys.argv[1:]])


def say(text: str, end: str = "\n", lines: bool = False) -> None:
    """Talk, to standard error: one line, unless the text has ``lines``. A line end in a name begins none."""
    from archdsl.report.text import printable

    tell(sys.stderr, text if lines else printable(text), end)


def refused(error: ArchError) -> str:
    """An error as it is said."""
    text = str(error)
    return text if text.startswith(("error[", "warning[")) else f"error: {text}"


def live(text: str) -> None:
    """Replace the line under way of a terminal on standard error."""
    from archdsl.report.text import printable

    with suppress(OSError, ValueError, AttributeError):
        print(f"\r\x1b[K{printable(text)}", end="", file=sys.stderr, flush=True)


def tell(stream: TextIO | None, text: str, end: str = "\n") -> None:
    """Talk, to a stream; what it does not take is dropped, since nothing that a command does depends on its being read."""
    from archdsl.report.text import printable_lines

    if stream is not None:
        with suppress(OSError, ValueError):  # ValueError: it is closed
            print(printable_lines(text), end=end, file=stream, flush=True)


def put_json(value: Any) -> None:
    """Write data as JSON."""
    from archdsl.report.text import json_text

    put(json_text(value), json=True)


def put_table(table: Table, format: str = "table") -> None:
    """Write a table."""
    from archdsl.report.render import render

    render(table, format, stdout())


def talk(notes: Iterable[Diagnostic], name: str = "", warnings_alone: bool = False) -> None:
    """Say notes and warnings; ``name`` is the spec's, where there are several and a note has no place of its own."""
    for note in notes:
        if warnings_alone and note.severity != "warning":
            continue
        say(note.render() if note.span or not name else f"{name}: {note.render()}", lines=True)
