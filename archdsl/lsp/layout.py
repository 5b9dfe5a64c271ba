"""Formatting as edits: only the lines that change."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING

from lsprotocol import types

from archdsl.errors import SpecError
from archdsl.lsp.places import Places
from archdsl.syntax import ast
from archdsl.syntax.format import format, layout
from archdsl.syntax.parse import Piece

if TYPE_CHECKING:
    from archdsl.lsp.document import Version
    from archdsl.syntax.parts import Unit

_MANY = 2000  # changed lines; beyond, one edit takes all of them


def formatting(version: Version, first: int = 0, last: int | None = None) -> list[types.TextEdit] | None:
    """The edits that bring a text, or its lines from ``first`` to ``last``, into canonical layout; None where it does not
    parse."""
    if version.reading is None or version.reading.errors:
        return None
    ending = "\r\n" if "\r\n" in version.text else "\n"
    try:
        new = laid(version).replace("\n", ending)
    except SpecError:
        return None
    old_lines, new_lines = _split(version.places), _split(Places(new))
    edits = []
    for a, b, lines in _changes(old_lines, new_lines):
        if last is None or (a <= last and b > first) or (a == b and first <= a <= last):
            edits.append(types.TextEdit(_lines(version, old_lines, a, b), "".join(lines)))
    return edits


def laid(version: Version) -> str:
    """The canonical layout, from the tokens that are known already where they add up to the text's."""
    reading = version.reading
    assert reading is not None
    if version.text.startswith("\ufeff") or any(map(_alone, reading.units)):
        return format(version.text)
    pieces: list[Piece] = []
    column, of_head = -1, ""  # where the statement begins that a line may go on with, and its kind
    for unit, of in zip(reading.units, reading.kinds, strict=True):
        base, item = unit.part.offset, unit.items[0]
        indent = len(unit.part.text) - len(unit.part.text.lstrip(" \t"))
        goes_on = getattr(item, "kind", "") == "bare" and indent > column >= 0
        goes_on = goes_on and of == of_head and of in ("net", *ast.SETTINGS)
        pieces += (
            Piece(kind, text, base + a, base + b, first and not goes_on) for kind, text, a, b, first in unit.tokens
        )
        if not goes_on:
            column, of_head = indent, of
    return layout(version.text, pieces)


def _alone(unit: Unit) -> bool:
    """Whether a part has to be read with the whole text: it is none or many statements, or begins behind a backslash."""
    return len(unit.items) != 1 or unit.part.text.lstrip(" \t").startswith("\\")


def _split(places: Places) -> list[str]:
    """The lines with their ends, as an editor counts them: not at other signs at which Python ends lines."""
    edges = [*places.starts, len(places.text)]
    return [places.text[a:b] for a, b in pairwise(edges) if b > a]


def _changes(old: list[str], new: list[str]) -> list[tuple[int, int, list[str]]]:
    """Stretches of old lines and what takes their place."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    if not a and not b:
        return []
    if len(a) + len(b) > _MANY:
        return [(head, head + len(a), b)]
    codes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    found: list[tuple[int, int, list[str]]] = []
    for tag, i, j, k, m in codes:
        if tag == "replace" and j - i == m - k:  # line for line
            found += ((head + i + n, head + i + n + 1, [b[k + n]]) for n in range(j - i))
        elif tag != "equal":
            found.append((head + i, head + j, b[k:m]))
    return found


def _lines(version: Version, old: list[str], first: int, last: int) -> types.Range:
    start = sum(map(len, old[:first]))
    return version.places.range(start, start + sum(map(len, old[first:last])))
