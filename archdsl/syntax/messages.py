"""What the parser's refusals mean to a person: the place, what stands there, what could."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.errors import Source, Span, SpecError, fail
from archdsl.syntax import ast

if TYPE_CHECKING:
    from collections.abc import Collection

    from archdsl.syntax.engine import Token

_NAMES = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string",
    "CALL": "`(`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "STAGES": "`[`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "EQUAL": "`=`",
    "COMMA": "`,`",
    "VBAR": "`|`",
    "SIGN": "a modifier",
    "LABEL": "a label",
    "_NL": "the end of the line",
    "$END": "the end of the text",
}
_SYNTAX = frozenset(word.upper() for word in ast.KEYWORDS)


def unexpected_token(source: Source, token: Token, accepts: Collection[str], unclosed: list[Span]) -> SpecError:
    """The message for a token that cannot stand where it stands; ``accepts`` are the kinds of those that could."""
    start = token.start_pos
    at = Span(source, start, token.end_pos)
    if token.type == "$END" or token.type == "_NL":
        what = "the text ends" if token.type == "$END" else "the line ends"
        if unclosed:
            return fail("A103", f"{what} before this bracket is closed", unclosed[-1], "close it")
        return fail("A101", f"{what} too early", Span(source, max(0, start - 1), start), _expected(accepts))
    help = _hint(source, at, token.type, unclosed) or _expected(accepts)
    return fail("A101", f"`{_short(str(token))}` is not possible here", at, help)


def _hint(source: Source, at: Span, kind: str, unclosed: list[Span]) -> str:
    before = source.text[: at.start].rstrip()
    if kind in ("RPAR", "VBAR") and before.endswith(("|", "(")):
        return "an empty branch or group is written `id`"
    if kind in ("RPAR", "RSQB", "RBRACE"):
        return "" if unclosed else "nothing is open that it could close"
    if kind == "VBAR":
        return "branches are written in the brackets of a word that joins them: `cat(a | b)`, `add(a | id)`"
    if kind == "PLUS":
        return "a modifier follows a space and touches its name (`block +bn`); a sum has a term on both sides"
    if kind == "EQUAL":
        return "a constant or a block is named with `let name = …`"
    if kind in _SYNTAX or at.text in ("let", "net", *ast.SETTINGS):
        return "a statement begins on a line of its own"
    return ""


def _expected(accepts: Collection[str]) -> str:
    names = sorted({_NAMES[t] for t in accepts if t in _NAMES} - {"a modifier", "a label"})
    return "expected " + ", ".join(names) if names else ""


def unexpected_character(source: Source, at: int) -> SpecError:
    """The message for a character that begins no token."""
    char = source.text[at]
    span = Span(source, at, at + 1)
    if char == '"':
        return fail("A102", "this string is not closed on its line", span, 'close it with `"`')
    if not char.isascii():
        return fail(
            "A102",
            f"`{char}` (U+{ord(char):04X}) is not possible here",
            span,
            "names, numbers and signs are written in ASCII; comments may hold any text",
        )
    if char == ".":
        return fail(
            "A102", "`.` is not possible here", span, "a number has a digit before its point: `0.5`; a range is `1..4`"
        )
    return fail("A102", f"`{_short(char)}` is not possible here", span)


def _short(text: str, most: int = 24) -> str:
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return shown if len(shown) <= most else shown[:most] + "…"
