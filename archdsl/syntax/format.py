"""The canonical layout of a text: comments and the author's line breaks inside brackets stay, spaces follow one rule.

Laws: ``format(format(t)) == format(t)``, ``parse(format(t)) == parse(t)``, and every comment is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archdsl.errors import Source
from archdsl.syntax.ast import KEYWORDS, SETTINGS
from archdsl.syntax.parse import pieces

if TYPE_CHECKING:
    from archdsl.syntax.parse import Piece

_OPEN = frozenset({"LPAR", "CALL", "LSQB", "STAGES", "LBRACE", "AXIS"})
_CLOSE = frozenset({"RPAR", "RSQB", "RBRACE"})
_STATEMENTS = frozenset(word.upper() for word in KEYWORDS)
_JOINTS = frozenset({"CROSS", "STAR", "SLASH", "FLOOR", "HAT"})  # tight on both sides
_LEFT = _JOINTS | _CLOSE | {"CALL", "STAGES", "COMMA"}  # no space before
_RIGHT = _JOINTS | (_OPEN - {"AXIS"}) | {"AT", "SIGN"}  # no space behind
_BEGINS = _OPEN | _STATEMENTS | {"COMMA", "VBAR", "EQUAL"}  # behind these, a minus is a sign


@dataclass
class _Line:
    depth: int
    code: str = ""
    comment: str = ""

    @property
    def text(self) -> str:
        return "    " * self.depth + self.code if self.code else ""


@dataclass
class _Gap:
    """What stands between two tokens. ``own`` are comments on lines of their own, "" a blank line before the next."""

    trailing: str = ""
    own: list[str] = field(default_factory=list)
    soft: bool = False  # a line break behind a backslash
    hard: bool = False


def format(text: str, name: str = "<spec>") -> str:
    """The text in canonical layout.

    Raises:
        SpecError: the text does not parse.
    """
    source = Source(name, text.removeprefix("\ufeff"))
    return layout(source.text, pieces(source)[1])


def layout(text: str, tokens: list[Piece]) -> str:
    """The layout of a text whose tokens are known."""
    lines: list[_Line] = []
    depth = extra = end = 0
    settings = False
    for at, token in enumerate(tokens):
        gap = _gap(text[end : token.start], first=at == 0)
        inner = depth - (token.kind in _CLOSE)
        if token.first:
            _comments(lines, gap, 0)
            extra, settings = 0, token.text in SETTINGS
            # A sign at the very beginning of a text would be none of a modifier.
            lines.append(_Line(0, " " if token.kind == "SIGN" and not lines else ""))
        elif gap.soft or gap.hard:
            extra = 1 if depth == 0 else extra  # indented, it goes on with the statement
            _comments(lines, gap, depth + extra)
            lines.append(_Line(inner + extra))
        else:
            lines[-1].code += _space(tokens, at, lines[-1].code, depth, settings)
        lines[-1].code += "{" + token.text[1:-1].strip() + ":" if token.kind == "AXIS" else token.text
        depth += (token.kind in _OPEN) - (token.kind in _CLOSE)
        end = token.end
    _comments(lines, _gap(text[end:], first=not tokens), 0)
    return _joined(lines)


def _gap(text: str, first: bool) -> _Gap:
    gap = _Gap()
    parts = text.split("\n")
    for number, part in enumerate(parts):
        part, last = part.strip(), number == len(parts) - 1
        if part.startswith("#"):
            if number or first:
                gap.own.append(part)
            else:
                gap.trailing = part
        elif not part and not last and (number or first):
            gap.own.append("")
        if not last:
            gap.soft |= part == "\\"
            gap.hard |= part != "\\"
    return gap


def _comments(lines: list[_Line], gap: _Gap, depth: int) -> None:
    """Comments and at most one blank line in a row, none at the beginning."""
    if gap.trailing:
        lines[-1].comment = gap.trailing
    for comment in gap.own:
        if comment:
            lines.append(_Line(depth, comment))
        elif lines and lines[-1].code:
            lines.append(_Line(0))


def _space(tokens: list[Piece], at: int, code: str, depth: int, settings: bool) -> str:
    """The space before a token on the same line. Where it decides what a token is (see the grammar), it is kept so."""
    before, token = tokens[at - 1], tokens[at]
    if token.kind == "SIGN":  # a modifier follows a space or one of these; elsewhere it would be a sum
        return "" if code[-1] in "{(" else " "
    if before.kind == "MINUS" and _unary(tokens, at - 1):  # touching a name, it would become a modifier
        return " " if (token.text[0].isalpha() or token.text[0] == "_") and code[-2:-1] not in ("=", "[", ".") else ""
    if settings and (_hyphen(tokens, at) or _hyphen(tokens, at - 1)):
        return ""
    if ".." in (before.text, token.text) or token.kind in _LEFT - {"RBRACE"} or before.kind in _RIGHT - {"LBRACE"}:
        return ""
    if "EQUAL" in (before.kind, token.kind):
        return "" if depth else " "
    if "VBAR" in (before.kind, token.kind):
        return " "
    return "" if token.kind == "RBRACE" or before.kind == "LBRACE" else " "


def _unary(tokens: list[Piece], at: int) -> bool:
    return at == 0 or tokens[at - 1].kind in _BEGINS or tokens[at - 1].text == ".."


def _hyphen(tokens: list[Piece], at: int) -> bool:
    """Whether the token is the hyphen of a name like ``fashion-mini``, written without spaces."""
    if not 0 < at < len(tokens) - 1 or tokens[at].kind != "MINUS":
        return False
    left, right = tokens[at - 1], tokens[at + 1]
    return left.kind == right.kind == "NAME" and left.end == tokens[at].start and tokens[at].end == right.start


def _joined(lines: list[_Line]) -> str:
    """The lines as text, the trailing comments of neighbours under each other."""
    while lines and not lines[-1].code:
        lines.pop()
    out: list[str] = []
    at = 0
    while at < len(lines):
        end = at + 1
        if lines[at].comment:
            while end < len(lines) and lines[end].comment:
                end += 1
        column = max(len(line.text) for line in lines[at:end])
        out += [f"{line.text:<{column}}  {line.comment}" if line.comment else line.text for line in lines[at:end]]
        at = end
    return "\n".join(out) + "\n" if out else ""
