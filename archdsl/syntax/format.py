"""The canonical layout of a text. Comments and the author's line breaks inside brackets stay; spaces do not matter.

Laws: ``format(format(t)) == format(t)``, ``parse(format(t)) == parse(t)``, and every comment is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archdsl.errors import Source
from archdsl.syntax.parse import pieces

if TYPE_CHECKING:
    from archdsl.syntax.parse import Piece

INDENT = "    "
_OPEN = frozenset({"LPAR", "CALL", "LSQB", "STAGES", "LBRACE", "AXIS"})
_CLOSE = frozenset({"RPAR", "RSQB", "RBRACE"})
_TIGHT = frozenset({"CALL", "STAGES", "CROSS", "STAR", "SLASH", "FLOOR", "HAT", "COMMA", *_CLOSE})  # no space before
_STICKY = frozenset({"LPAR", "CALL", "LSQB", "STAGES", "LBRACE", "CROSS", "STAR", "SLASH", "FLOOR", "HAT", "AT", "SIGN"})
_BEGINS = frozenset({"COMMA", "VBAR", "EQUAL", "LABEL", "AXIS", "LET", "INCLUDE", "INPUT", "CLASSES", "NET", "DATA", "TRAIN"})
_SETTINGS = frozenset({"DATA", "TRAIN"})


@dataclass
class _Line:
    """A line that is being written."""

    depth: int
    code: str = ""
    comment: str = ""


@dataclass
class _Page:
    """Lines written so far; ``extra`` is 1 after a backslash, until the statement ends."""

    lines: list[_Line] = field(default_factory=list)
    extra: int = 0
    blank: bool = False

    def start(self, depth: int) -> None:
        if self.blank and self.lines:
            self.lines.append(_Line(0))
        self.blank = False
        self.lines.append(_Line(depth))


def format(text: str, name: str = "<spec>") -> str:
    """The text in canonical layout.

    Raises:
        SpecError: the text does not parse.
    """
    source = Source(name, text.removeprefix("\ufeff"))
    tokens = pieces(source)[1]
    page, depth, end, settings = _Page(), 0, 0, False
    before: Piece | None = None
    for at, token in enumerate(tokens):
        gap = source.text[end : token.start]
        fresh = _gap(page, gap, depth, depth - (token.kind in _CLOSE), before is None)
        if fresh == "statement" or before is None:
            settings, page.extra = token.kind in _SETTINGS, 0
            before = None
        glued = settings and _hyphen(tokens, at)
        page.lines[-1].code += ("" if fresh else _space(before, token, page.lines[-1].code, glued)) + _shown(token, before)
        depth += (token.kind in _OPEN) - (token.kind in _CLOSE)
        before, end = token, token.end
    _gap(page, source.text[end:], 0, 0, False)
    return _joined(page)


def _gap(page: _Page, gap: str, depth: int, next_depth: int, first: bool) -> str:
    """Comments and line breaks between two tokens; says what the next token begins: a line, a statement, or nothing."""
    if first:
        page.start(0)
    broken = real = False
    for number, part in enumerate(gap.split("\n")):
        part = part.strip()
        if number:
            broken = True
            page.blank |= bool(number > 1 and not part and gap.count("\n") > number)
        if part.startswith("#"):
            _comment(page, part, depth, on_own=bool(number) or first)
            real = True
        elif part.endswith("\\"):
            continue
        elif number < gap.count("\n"):
            real = True
    if not broken:
        return "" if not first else "statement"
    if depth == 0 and not real and not first:
        page.lines[-1].code += " \\"
        page.extra = 1
    kind = "line" if depth or not (real or first) else "statement"
    if kind == "statement":
        page.extra = 0
    page.start(next_depth + page.extra)
    return kind


def _comment(page: _Page, text: str, depth: int, on_own: bool) -> None:
    if on_own:
        page.start(depth + (page.extra if depth else 0))
    page.lines[-1].comment = text


def _hyphen(tokens: list[Piece], at: int) -> bool:
    """Whether the token belongs to a name like ``fashion-mini``: written without spaces around the hyphen."""
    def joins(i: int) -> bool:
        if not (0 < i < len(tokens) - 1 and tokens[i].kind == "MINUS"):
            return False
        left, right = tokens[i - 1], tokens[i + 1]
        return left.kind == right.kind == "NAME" and left.end == tokens[i].start and tokens[i].end == right.start

    return joins(at) or joins(at - 1)


def _shown(token: Piece, before: Piece | None) -> str:
    if token.kind == "AXIS":
        return "{" + token.text[1:-1].strip() + ":"
    return token.text


def _space(before: Piece | None, token: Piece, code: str, glued: bool) -> str:
    if before is None or glued or not code:
        return ""
    if token.kind == "SIGN":  # it must follow a space or one of these, else it would be a sum
        return "" if code[-1] in "{(" else " "
    if before.kind in ("MINUS", "PLUS") and code.endswith(" ~"):
        return ""
    if before.text == ".." or token.text == "..":
        return ""
    if before.kind == "VBAR" or token.kind == "VBAR":
        return " "
    if token.kind in _TIGHT or before.kind in _STICKY:
        return ""
    return " "
