"""Where the statements of a text begin and end, told without parsing it, so that a broken one spoils no other.

The rule is that of the parser's token filter: a line goes on with the statement above it if it is indented deeper, stands
inside open brackets, or follows a trailing backslash.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from archdsl.syntax import ast

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKS = re.compile(r'"[^"\n]*"|#|[()\[\]{}]|\\[ \t]*\r?$')
_WORDS = "|".join(ast.KEYWORDS)
_KEYWORD = re.compile(rf"(?:{_WORDS})\b(?=[ \t]+[^\s=)\]}},|:])")
_ALONE = re.compile(rf"(?:{_WORDS})$")
# A line that begins or a line above it that ends like this belongs to one piece with its neighbour.
_GOES_ON = tuple("+-*/^=|,.)]}")
_WAITS = re.compile(rf"[-+*/^=|,.:@]$|(?:^|[^A-Za-z0-9_])(?:as|{_WORDS})$")


class Chunk(NamedTuple):
    """A statement: from the begin of its first line to the end of its last. ``breaks`` are lines inside it that could be
    read by themselves; ``torn`` says that its brackets do not close."""

    start: int
    end: int
    breaks: tuple[int, ...]
    torn: bool


class _Line(NamedTuple):
    start: int
    end: int
    indent: int
    code: str  # without comment and spaces around
    inside: bool  # of brackets, or behind a backslash
    depth: int  # of brackets at its end


def chunks(text: str, margin: bool = False) -> list[Chunk]:
    """The statements of a text. With ``margin``, a statement's keyword at the left margin begins one even where brackets
    are open: what a reader would take it for in a text that does not parse."""
    found: list[Chunk] = []
    lines: list[_Line] = []
    for line in _lines(text, margin):
        if lines and not line.inside and line.indent <= lines[0].indent:
            found.append(_chunk(lines))
            lines = []
        lines.append(line)
    if lines:
        found.append(_chunk(lines))
    return found


def _lines(text: str, margin: bool) -> Iterator[_Line]:
    """The lines that hold code."""
    depth, behind = 0, False
    start = int(text.startswith("\ufeff"))  # a byte order mark does not belong to a statement
    for raw in text[start:].split("\n"):
        end = start + len(raw)
        bare = raw.lstrip(" \t")
        if not bare.strip() or bare[0] == "#":
            behind = behind and not bare.strip()
        else:
            indent = len(raw) - len(bare)
            if margin and indent == 0 and _KEYWORD.match(bare):
                depth, behind = 0, False
            inside, (code, depth, behind) = depth > 0 or behind, _scan(bare, depth)
            yield _Line(start, end, indent, code, inside, depth)
        start = end + 1


def _scan(line: str, depth: int) -> tuple[str, int, bool]:
    """The code of a line, the depth of brackets at its end, and whether a backslash ends it."""
    for match in _MARKS.finditer(line):
        mark = match.group()[0]
        if mark == "#":
            return line[: match.start()].rstrip(), depth, False
        if mark == "\\":
            return line.rstrip(), depth, True
        if mark in "([{":
            depth += 1
        elif mark != '"':
            depth = max(0, depth - 1)
    return line.rstrip(), depth, False


def _chunk(lines: list[_Line]) -> Chunk:
    breaks = tuple(
        after.start
        for before, after in pairwise(lines)
        if not after.inside and not after.code.startswith(_GOES_ON) and not _WAITS.search(before.code)
    )
    return Chunk(lines[0].start, lines[-1].end, breaks, lines[-1].depth > 0)
