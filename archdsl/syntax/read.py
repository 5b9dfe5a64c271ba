"""Files and standard input as text, with the limits and the encoding checked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from archdsl.errors import ArchError, Source, fail
from archdsl.files import read_regular
from archdsl.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path


def read_text(path: Path) -> str:
    """The text of a file, without a byte order mark.

    Raises:
        SpecError: A401 too long, A104 not UTF-8.
        ArchError: the file cannot be read.
    """
    try:
        data = read_regular(path, Limits.SOURCE + 4)
    except OSError as error:
        raise ArchError(f"{path} cannot be read: {error.strerror}") from None
    return decode(data, str(path))


def read_stdin() -> str:
    """The text of standard input."""
    if sys.stdin is None:
        raise ArchError("standard input is closed", help="name a file, or write the spec inline")
    return decode(sys.stdin.buffer.read(Limits.SOURCE + 4), "<stdin>")


def decode(data: bytes, name: str) -> str:
    """UTF-8 bytes as text."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if len(data) > Limits.SOURCE:
        raise fail(
            "A401",
            f"{name} is longer than {Limits.SOURCE:,} bytes",
            help="a network of this size is better written with `let`, `*N` and stage lists",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise fail(
            "A104",
            f"{name} is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02X}",
            help="save the file as UTF-8",
        ) from None


def source(path: Path) -> Source:
    """A file as a source."""
    return Source(str(path), read_text(path))
