"""Offsets in a text and positions in an editor, which counts lines from 0 and columns in units of its own choice."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.errors import Source

_END = re.compile(r"\r\n|\n|\r")
# What one character counts for in each encoding that the protocol knows.
_UNITS: dict[str, Callable[[str], int]] = {
    "utf-8": lambda text: len(text.encode("utf-8", "surrogatepass")),
    "utf-16": lambda text: len(text) + sum(c > "\uffff" for c in text),
    "utf-32": len,
}


class Places:
    """The lines of one text."""

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.text = text
        self.starts = [0, *(m.end() for m in _END.finditer(text))]
        self.units = len if text.isascii() else _UNITS.get(encoding, _UNITS["utf-16"])

    def position(self, offset: int) -> types.Position:
        line = bisect_right(self.starts, offset) - 1
        return types.Position(line, self.units(self.text[self.starts[line] : offset]))

    def range(self, start: int, end: int) -> types.Range:
        return types.Range(self.position(start), self.position(end))

    def offset(self, position: types.Position) -> int:
        """The offset of a position; what is behind a line's end, or the last line, is the end."""
        if position.line >= len(self.starts):
            return len(self.text)
        start = self.starts[position.line]
        line = self.line(position.line)
        if self.units is len:
            return start + min(position.character, len(line))
        units = at = 0
        while at < len(line) and units < position.character:
            units += self.units(line[at])
            at += 1
        return start + at

    def line(self, number: int) -> str:
        """The text of a line, without its end."""
        stop = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[number] : stop].rstrip("\r\n")


def range_in(source: Source, start: int, end: int, encoding: str) -> types.Range:
    """A stretch of a source, which may be a part of a text, in the file that holds it."""
    found, above = Places(source.text, encoding).range(start, end), source.position(0)[0] - 1
    found.start.line += above
    found.end.line += above
    return found
