"""What stands around a place of the text: the statement, the open brackets, the word that is being written. Told from the
tokens before it, so that it works in a text that does not parse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archdsl.syntax import ast
from archdsl.syntax.parse import accepted

if TYPE_CHECKING:
    from archdsl.lsp.document import Version
    from archdsl.syntax.parse import Piece
    from archdsl.syntax.parts import Unit

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_HYPHENS = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*$")
_OPEN = {"CALL": "call", "STAGES": "stages", "LPAR": "group", "LSQB": "list", "LBRACE": "hole", "AXIS": "hole"}
_CLOSE = frozenset({"RPAR", "RSQB", "RBRACE"})


@dataclass
class Frame:
    """An open bracket. ``callee`` is the word before it, ``sign`` that of a modifier; ``place`` counts the commas behind
    it, ``given`` are the arguments named so far, and ``keyword`` is the one whose value is being written. ``staged``: the
    arguments are those of a stage list or of a stage in it."""

    kind: str
    callee: str = ""
    sign: str = ""
    place: int = 0
    given: set[str] = field(default_factory=set)
    keyword: str | None = None
    staged: bool = False
    fresh: bool = True  # nothing is in this argument yet


@dataclass
class Context:
    """A place of the text.

    statement: ``net``, ``let``, …; empty where one may begin. frames: the open brackets, outermost first. start: where
    the word that is being written begins, ``word`` what there is of it, ``sign`` a sign or ``@`` right before it.
    before: the kind of the token before it. accepts: the tokens that can be there; None if that is not known.
    """

    statement: str
    frames: list[Frame]
    start: int
    word: str
    sign: str = ""
    before: str = ""
    inside: str = ""  # "comment" or "string"
    accepts: frozenset[str] | None = None
    let: str = ""  # the name of the let in whose text it stands
    unit: Unit | None = None


def context(version: Version, offset: int) -> Context | None:
    """The context of an offset; None where the text is refused."""
    reading = version.reading
    if reading is None:
        return None
    found = reading.unit_at(offset)
    text = version.text
    line = text.rfind("\n", 0, offset) + 1
    if found is None or found[0].part.offset + len(found[0].part.text) < line:
        blank = text[line:offset]
        if "#" in blank:
            return Context("", [], offset, "", inside="comment")
        deeper = found is not None and len(blank) > 0
        statement = found[1] if found and deeper and found[1] in ("net", *ast.SETTINGS) else ""
        return Context(statement, [], offset, "", accepts=None if statement else accepted(""))
    return _inside(*found, offset - found[0].part.offset)


def _inside(unit: Unit, kind: str, at: int) -> Context:
    text = unit.part.text[:at]
    at = len(text)
    base = unit.part.offset
    tokens = [t for t in unit.tokens if t.end <= at]
    gap = text[tokens[-1].end if tokens else 0 :]
    if "#" in gap:
        return Context(kind, [], base + at, "", inside="comment")
    string = next((t for t in unit.tokens if t.kind == "STRING" and t.start < at < t.end), None)
    quote = string.start if string else text.rfind('"') if '"' in gap else -1
    if quote >= 0:
        return Context(kind, [], base + quote + 1, text[quote + 1 :], inside="string", unit=unit)
    said = (_HYPHENS if kind in ast.SETTINGS else _NAME).search(text)
    start = said.start() if said else at
    word = text[start:at]
    sign = _sign(text, start)
    tokens = [t for t in tokens if t.end <= start - len(sign)]
    before = tokens[-1].kind if tokens else ""
    let = tokens[1].text if kind == "let" and len(tokens) > 1 else ""
    known = accepted(text[: start - len(sign)])
    return Context(kind, _frames(tokens), base + start, word, sign, before, "", known, let, unit)


def _sign(text: str, start: int) -> str:
    """The sign of a modifier or the `@` right before a word."""
    before = text[start - 1 : start]
    signed = before and before in "+-" and (start == 1 or text[start - 2] in " \t\n({|,")
    return before if before == "@" or signed else ""


def _frames(tokens: list[Piece]) -> list[Frame]:
    frames: list[Frame] = []
    for number, token in enumerate(tokens):
        before = tokens[number - 1] if number else None
        top = frames[-1] if frames else None
        if token.kind in _OPEN:
            if top:
                top.fresh = False
            frame = Frame(_OPEN[token.kind], *_callee(tokens, number))
            frame.staged = frame.kind == "call" and before is not None and before.kind == "RSQB"
            if frame.kind == "call" and not frame.callee and top and top.kind == "stages":
                frame.callee, frame.staged = top.callee, True
            frames.append(frame)
        elif token.kind in _CLOSE and top:
            frames.pop()
        elif top is None:
            continue
        elif token.kind == "COMMA":
            top.place, top.keyword, top.fresh = top.place + 1, None, True
        elif token.kind == "EQUAL" and before is not None:
            top.given.add(before.text)
            top.keyword, top.fresh = before.text, True
        else:
            top.fresh = False
    return frames


def _callee(tokens: list[Piece], number: int) -> tuple[str, str]:
    """The word before a bracket that touches it, and its sign; behind a stage list, the word before that."""
    if tokens[number].kind not in ("CALL", "STAGES"):
        return "", ""
    at = number - 1
    if at >= 0 and tokens[at].kind == "RSQB":
        depth = 0
        while at >= 0:
            depth += (tokens[at].kind == "RSQB") - (tokens[at].kind in ("LSQB", "STAGES"))
            if depth == 0:
                break
            at -= 1
        at -= 1
    if at < 0 or tokens[at].kind != "NAME":
        return "", ""
    sign = tokens[at - 1].text if at and tokens[at - 1].kind == "SIGN" else ""
    return tokens[at].text, sign
