"""A text that is read again and again while somebody edits it: only what changed is parsed, and what is broken spoils
nothing else.

The text falls into statements, and a network, which may be long, into its lines. Each such part is a source of its own
with a place in the text that can move, so that the trees of unchanged parts, spans included, serve again as they are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from archdsl.errors import Diagnostic, Source, Span, SpecError
from archdsl.syntax import ast
from archdsl.syntax.parse import check_text, loose_pieces, pieces
from archdsl.syntax.split import Chunk, chunks

if TYPE_CHECKING:
    from archdsl.syntax.parse import Piece

_KIND = re.compile(rf"[ \t]*({'|'.join(ast.KEYWORDS)})\b")
_RUNNING = ("net", "bare", *ast.SETTINGS)  # statements that may be read line by line


class Part(Source):
    """A stretch of a text, wherever it now stands: ``offset`` is its place, ``above`` the number of lines before it."""

    __slots__ = ("above", "offset")

    offset: int
    above: int

    __eq__ = object.__eq__  # two like parts are two places
    __hash__ = object.__hash__

    def move(self, offset: int, above: int) -> None:
        object.__setattr__(self, "offset", offset)
        object.__setattr__(self, "above", above)

    def position(self, offset: int) -> tuple[int, int]:
        line, column = Source.position(self, offset)
        return line + self.above, column


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A part as it was parsed: its items and tokens, or the error and the tokens that could be told apart."""

    part: Part
    items: tuple[ast.Item, ...]
    tokens: tuple[Piece, ...]
    error: SpecError | None


class Reading(NamedTuple):
    """A text: the tree of all that parses, the parts in order, each with the kind of its statement, and an error for each
    statement that does not parse."""

    file: ast.File
    units: tuple[Unit, ...]
    kinds: tuple[str, ...]
    errors: tuple[Diagnostic, ...]

    def unit_at(self, offset: int) -> tuple[Unit, str] | None:
        """The last part that begins at an offset or before it, with the kind of its statement."""
        at = bisect_right(self.units, offset, key=lambda u: u.part.offset)
        return (self.units[at - 1], self.kinds[at - 1]) if at else None


class Reader:
    """Reads the versions of one text."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.known: dict[str, deque[Unit]] = {}
        self.next: dict[str, deque[Unit]] = {}
        self.text, self.counted, self.lines = "", 0, 0
        self.units: list[Unit] = []
        self.kinds: list[str] = []
        self.errors: list[Diagnostic] = []

    def read(self, text: str) -> Reading:
        """The next version.

        Raises:
            SpecError: A104 or A401, which concern a text as a whole.
        """
        check_text(Source(self.name, text))
        self.text, self.counted, self.lines, self.units, self.kinds, self.errors = text, 0, 0, [], [], []
        self.next = defaultdict(deque)
        items: list[ast.Item] = []
        for chunk in chunks(text):
            items += self.statement(chunk)
        self.known = self.next
        whole = Span(Source(self.name, text), 0, len(text))
        return Reading(ast.File(tuple(items), whole), tuple(self.units), tuple(self.kinds), tuple(self.errors))

    def statement(self, chunk: Chunk) -> list[ast.Item]:
        """The items of a statement; of one that does not parse, what can be told of it."""
        found: list[Unit] = []
        joined = None
        if chunk.breaks:
            found = [self.unit(a, b) for a, b in self.edges(chunk)]
            joined = _joined(found)
            if joined is not None and not any(u.error for u in found):
                return self.took(found, [joined])
        whole = self.unit(chunk.start, chunk.end)
        if whole.error is None:
            return self.took([whole], list(whole.items))
        if chunk.torn and (inner := self.torn(chunk)):
            return inner
        self.errors += whole.error.diagnostics
        return self.took(found or [whole], [] if joined is None else [joined])

    def took(self, units: list[Unit], items: list[ast.Item]) -> list[ast.Item]:
        """The units of a statement, kept for the reading."""
        said = _KIND.match(units[0].part.text)
        self.units += units
        self.kinds += [said.group(1) if said else "net"] * len(units)
        return items

    def torn(self, chunk: Chunk) -> list[ast.Item]:
        """The statements that a bracket swallows because it is not closed."""
        inner = chunks(self.text[chunk.start : chunk.end], margin=True)
        if len(inner) < 2:
            return []
        items: list[ast.Item] = []
        for c in inner:
            moved = Chunk(c.start + chunk.start, c.end + chunk.start, tuple(b + chunk.start for b in c.breaks), False)
            items += self.statement(moved)
        return items

    def edges(self, chunk: Chunk) -> list[tuple[int, int]]:
        starts = (chunk.start, *chunk.breaks)
        return [(a, b - 1) for a, b in zip(starts, chunk.breaks, strict=False)] + [(starts[-1], chunk.end)]

    def unit(self, start: int, end: int) -> Unit:
        """The unit of a stretch: a known one of equal text, or a new one."""
        if self.text[end - 1 : end + 1] == "\r\n":
            end -= 1
        # A backslash that nothing follows: the end of its line belongs to it, as in the text read as a whole.
        if self.text[start:end].rstrip(" \t").endswith("\\"):
            end = self.text.find("\n", end) + 1 or end
        text = self.text[start:end]
        old = self.known.get(text)
        unit = old.popleft() if old else self.parsed(text)
        if start < self.counted:
            self.counted = self.lines = 0
        self.lines += self.text.count("\n", self.counted, start)
        self.counted = start
        unit.part.move(start, self.lines)
        self.next[text].append(unit)
        return unit

    def parsed(self, text: str) -> Unit:
        part = Part(self.name, text)
        part.move(0, 0)
        try:
            file, tokens = pieces(part)
        except SpecError as error:
            return Unit(part, (), tuple(loose_pieces(part)), error)
        return Unit(part, file.items, tuple(tokens), None)


def _joined(units: list[Unit]) -> ast.Statement | None:
    """The statement that lines make together; None where they make none."""
    items: list[ast.Expr] = []
    head: ast.Statement | None = None
    for unit in units:
        if unit.error is not None:
            continue
        statement = unit.items[0] if len(unit.items) == 1 else None
        if not isinstance(statement, ast.Statement) or statement.kind not in _RUNNING:
            return None
        if head is None and unit is units[0]:
            head = statement
        elif head is None or statement.kind != "bare":
            return None
        items += statement.body.items if isinstance(statement.body, ast.Seq) else (statement.body,)
    if head is None or (head.kind in ast.SETTINGS and not items):
        return None
    # The line's end belongs to the sequence, so that it has not the place of a term that fills the line.
    span = Span(head.span.source, head.span.start, len(head.span.source.text) + 1)
    body = items[0] if len(items) == 1 else ast.Seq(tuple(items), span)
    return ast.Statement(head.kind, body, head.span)
