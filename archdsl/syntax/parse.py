"""Text to syntax tree. The tree is built while parsing, without a parse tree in between; nesting is bounded by the
token filter, before the parser sees the token, so that no input can exhaust a stack.

The grammar is Lark's. What parses is ``archdsl.syntax.engine`` on the tables that Lark computed from it
(``archdsl.syntax.generate``), and nothing else: tables of another grammar are an error.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.errors import Source, Span, SpecError, fail
from archdsl.files import grammar_text
from archdsl.limits import Limits
from archdsl.syntax import ast
from archdsl.syntax.engine import Engine, Refused, tables
from archdsl.syntax.tree import Builder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GRAMMAR = "archdsl.lark"
_OPEN = frozenset({"LPAR", "CALL", "LSQB", "STAGES", "LBRACE", "AXIS"})
_CLOSE = {"RPAR": "(", "RSQB": "[", "RBRACE": "{"}


class Piece(NamedTuple):
    """A token as the formatter sees it: its kind in the grammar, its text and place, and whether a statement begins."""

    kind: str
    text: str
    start: int
    end: int
    first: bool


class Newlines:
    """The token filter: newlines count only between statements, and brackets nest only so deep.

    A line that is indented deeper than the statement above it goes on with that statement.
    """

    def __init__(self, source: Source, keep: bool = False) -> None:
        self.source = source
        self.open: list[Any] = []
        self.seen: list[Any] | None = [] if keep else None  # filled for the formatter alone
        self.starts: set[int] = set()

    def process(self, stream: Iterable[Any]) -> Iterator[Any]:
        stack: list[Any] = []
        self.open = stack
        if self.seen is not None:
            self.seen.clear()
        fresh, column = True, 0  # whether a statement may begin; where the last one began
        self.starts.clear()
        for token in stream:
            kind = token.type
            if kind == "_NL":
                if stack or fresh or _indentation(token) > column:
                    continue
                fresh = True
            else:
                if fresh:
                    column = token.start_pos - self.source.text.rfind("\n", 0, token.start_pos) - 1
                    self.starts.add(token.start_pos)
                fresh = False
                if self.seen is not None:
                    self.seen.append(token)
                if kind in _OPEN:
                    stack.append(token)
                    if len(stack) > Limits.NESTING:
                        raise fail(
                            "A402",
                            f"brackets are nested deeper than {Limits.NESTING}",
                            _span(self.source, token),
                            "name an inner part with `let`",
                        )
                elif kind in _CLOSE and stack:
                    stack.pop()
            yield token


def _indentation(newline: str) -> int:
    """How far the line behind a newline token is indented; a comment at the end of the text is not."""
    tail = newline[newline.rfind("\n") + 1 :]
    return len(tail) if not tail.strip() else 0


def _span(source: Source, token: Any) -> Span:
    start = token.start_pos or 0
    return Span(source, start, token.end_pos or start)


@lru_cache(maxsize=1)
def _engine() -> Engine:
    """The tables, which no parse changes; all that a parse changes is made for it, so that threads can parse at once."""
    return Engine(tables(grammar_text(GRAMMAR)), Builder)


def parse(text: str | Source, name: str = "<spec>") -> ast.File:
    """Parse a text. Any number of threads may do so at once.

    Raises:
        SpecError: A1xx with the place and what could stand there, A4xx for a limit.
    """
    source = text if isinstance(text, Source) else Source(name, text)
    return _parsed(source, Newlines(source))


def _parsed(source: Source, newlines: Newlines) -> ast.File:
    check_text(source)
    try:
        tree: Any = _engine().parse(source.text, newlines.process, Builder(source))
    except Refused as refused:
        raise _said(source, refused, newlines) from None
    return ast.File(tuple(tree), Span(source, 0, len(source.text)))


def _said(source: Source, refused: Refused, newlines: Newlines) -> SpecError:
    from archdsl.syntax.messages import unexpected_character, unexpected_token

    if refused.token is None:
        return unexpected_character(source, refused.at)
    unclosed = [_span(source, t) for t in newlines.open]
    return unexpected_token(source, refused.token, refused.accepts, unclosed)


def pieces(source: Source) -> tuple[ast.File, list[Piece]]:
    """A parsed text and its tokens, newlines left out: what stands between two of them is space and comments.

    Raises:
        SpecError: as ``parse``.
    """
    newlines = Newlines(source, keep=True)
    file = _parsed(source, newlines)
    starts = newlines.starts
    return file, [Piece(t.type, str(t), t.start_pos, t.end_pos, t.start_pos in starts) for t in newlines.seen or ()]


def accepted(beginning: str) -> frozenset[str] | None:
    """The kinds of token that can go on with the beginning of a text; None if nothing can."""
    try:
        return _engine().upto(beginning, Newlines(Source("<beginning>", beginning)).process)
    except (Refused, SpecError):
        return None


def loose_pieces(source: Source) -> Iterator[Piece]:
    """The tokens of a text that does not parse, as far as they can be told apart; what begins none is left out."""
    engine, at, first = _engine(), 0, True
    text = source.text
    while at < len(text):
        token = engine.token(text, at)
        at = at + 1 if token is None else token.end_pos
        if token is not None and token.type != "_NL" and token.type not in engine.ignored:
            yield Piece(token.type, str(token), token.start_pos, token.end_pos, first)
            first = False


def check_text(source: Source) -> None:
    """Refuse what no parser should see.

    Raises:
        SpecError: A104 a character that no text has, A401 too long.
    """
    text = source.text
    if len(text) > Limits.SOURCE or len(text.encode("utf-8", "surrogatepass")) > Limits.SOURCE:
        raise fail(
            "A401",
            f"the text is longer than {Limits.SOURCE:,} bytes",
            help="a network of this size is better written with `let`, `*N` and stage lists",
        )
    for at, char in enumerate(text) if not text.isascii() or "\0" in text else ():
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise fail(
                "A104",
                f"the text has the character U+{ord(char):04X}, which no text has",
                Span(source, at, at + 1),
                "save the file as UTF-8 text",
            )
