"""The outline of a text, what of it can be folded, and the colours of its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from archdsl.registry import find
from archdsl.registry.shapes import dims
from archdsl.syntax import ast
from archdsl.syntax.unparse import unparse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.lsp.document import Version
    from archdsl.lsp.names import Name
    from archdsl.syntax.parts import Unit

S = types.SymbolKind
_SYMBOLS = {
    "net": S.Class,
    "data": S.Array,
    "train": S.Event,
    "evaluate": S.Event,
    "input": S.Constant,
    "classes": S.Constant,
    "task": S.Constant,
}
TOKENS = (
    "keyword",
    "function",
    "class",
    "macro",
    "variable",
    "parameter",
    "property",
    "enumMember",
    "decorator",
    "number",
    "string",
    "namespace",
    "operator",
)
_NUMBER = {name: number for number, name in enumerate(TOKENS)}
MODIFIERS = ("declaration", "defaultLibrary")
_OF_TOKENS = {
    **{word.upper(): "keyword" for word in ast.KEYWORDS},
    "AS": "keyword",
    "NUMBER": "number",
    "STRING": "string",
    "CROSS": "operator",
    "STAR": "operator",
    "HAT": "operator",
    "PLUS": "operator",
    "MINUS": "operator",
    "SLASH": "operator",
    "FLOOR": "operator",
    "AT": "operator",
}


def symbols(version: Version) -> list[types.DocumentSymbol]:
    """Lets and statements, with the labels of the latter inside."""
    found: list[types.DocumentSymbol] = []
    top: types.DocumentSymbol | None = None
    for (unit, names), kind in zip(version.names, version.reading.kinds if version.reading else (), strict=True):
        base = unit.part.offset
        for item in unit.items:
            if isinstance(item, ast.Statement) and kind not in _SYMBOLS:
                continue  # a line of a let that does not parse
            place = version.places.range(base + item.span.start, base + item.span.end)
            if isinstance(item, ast.Statement) and item.kind == "bare" and found and kind == found[-1].name:
                found[-1].range = types.Range(found[-1].range.start, place.end)
                top = found[-1]
            else:
                top = _symbol(version, item, place, kind)
                found.append(top)
        if top is not None:
            top.children = [*(top.children or ()), *(_labelled(version, n, base) for n in names if n.kind == "label")]
    return found


def _symbol(version: Version, item: ast.Item, place: types.Range, kind: str) -> types.DocumentSymbol:
    match item:
        case ast.Let(name=name, params=params):
            detail = f"({', '.join(p.name for p in params)})" if params else unparse(item.body)[:60]
            return types.DocumentSymbol(name, S.Variable if params is None else S.Function, place, place, detail)
        case ast.Include(path=path):
            return types.DocumentSymbol(f'include "{path}"', S.File, place, place)
        case ast.Statement(body=body):
            detail = unparse(body)[:60]
            inspection = version.inspection
            if kind == "net" and inspection is not None and inspection.out is not None:
                detail = f"{dims(inspection.input)} → {dims(inspection.out)}"
            return types.DocumentSymbol(kind, _SYMBOLS[kind], place, place, detail)


def _labelled(version: Version, name: Name, base: int) -> types.DocumentSymbol:
    node = name.node
    assert isinstance(node, ast.Label)
    leaving = version.shapes.leaving(node.body.span)
    return types.DocumentSymbol(
        name.text,
        S.Field,
        version.places.range(base + node.span.start, base + node.span.end),
        version.places.range(base + name.start, base + name.end),
        dims(leaving) if leaving else "",
    )


def folds(version: Version) -> list[types.FoldingRange]:
    """Statements and brackets over several lines, and blocks of comments."""
    kinds = dict.fromkeys([*_statements(version), *_brackets(version)], types.FoldingRangeKind.Region)
    kinds |= dict.fromkeys(_comments(version), types.FoldingRangeKind.Comment)
    return [types.FoldingRange(a, b, kind=kind) for (a, b), kind in sorted(kinds.items(), key=lambda k: k[0]) if b > a]


def _statements(version: Version) -> list[tuple[int, int]]:
    """First and last line of each statement."""
    found: list[tuple[int, int]] = []
    reading, places = version.reading, version.places
    for unit, kind in zip(reading.units, reading.kinds, strict=True) if reading else ():
        text = unit.part.text
        first = places.position(unit.part.offset).line
        last = first + text.count("\n")
        if found and kind in ("net", *ast.SETTINGS) and text[:1] in (" ", "\t"):  # it continues with the one above
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return found


def _brackets(version: Version) -> Iterator[tuple[int, int]]:
    """The lines of brackets, without that of the closing one."""
    for unit in version.reading.units if version.reading else ():
        stack: list[int] = []
        for token in unit.tokens if "\n" in unit.part.text else ():
            if token.kind in ("CALL", "LPAR", "STAGES", "LSQB", "LBRACE", "AXIS"):
                stack.append(token.start)
            elif token.kind in ("RPAR", "RSQB", "RBRACE") and stack:
                first, last = (version.places.position(unit.part.offset + at).line for at in (stack.pop(), token.start))
                yield first, last - 1


def _comments(version: Version) -> Iterator[tuple[int, int]]:
    """Lines of comment in a row."""
    places, begun = version.places, None
    for number in range(len(places.starts) + 1):
        comment = number < len(places.starts) and places.line(number).lstrip().startswith("#")
        if comment and begun is None:
            begun = number
        elif not comment and begun is not None:
            yield begun, number - 1
            begun = None


def colours(version: Version) -> list[int]:
    """Semantic tokens: five numbers each, places relative to the token before."""
    numbers: list[int] = []
    line = column = 0
    ascii_only = version.places.units is len
    for unit, names in version.names:
        base = unit.part.offset
        for start, end, kind, modifiers in _coloured(version, unit, names):
            at = version.places.position(base + start)
            length = end - start if ascii_only else version.places.units(version.text[base + start : base + end])
            numbers += (at.line - line, at.character - (column if at.line == line else 0), length, kind, modifiers)
            line, column = at.line, at.character
    return numbers


def _coloured(version: Version, unit: Unit, names: tuple[Name, ...]) -> list[tuple[int, int, int, int]]:
    found = {n.start - (n.kind == "modifier"): (n.end, *_kind(version, n)) for n in names if n.kind != "path"}
    reached = 0
    spans = []
    for token in unit.tokens:
        if token.start in found:
            end, kind, modifiers = found[token.start]
            spans.append((token.start, end, kind, modifiers))
            reached = end
        elif token.start >= reached and token.kind in _OF_TOKENS and "\n" not in token.text:
            spans.append((token.start, token.end, _NUMBER[_OF_TOKENS[token.kind]], 0))
    return spans


def _kind(version: Version, name: Name) -> tuple[int, int]:
    match name.kind:
        case "let":
            let = name.node
            return _NUMBER["macro" if isinstance(let, ast.Let) and let.params is not None else "variable"], 1
        case "param":
            return _NUMBER["parameter"], int(name.defines)
        case "mark":
            return _NUMBER["variable"], int(name.defines)
        case "label":
            return _NUMBER["namespace"], 1
        case "modifier":
            return _NUMBER["decorator"], 2
        case "argument":
            return _NUMBER["property"], 0
        case "setting":
            return _NUMBER["function"], 2 if find(name.space, name.text) else 0
        case _:
            return _word(version, name)


def _word(version: Version, name: Name) -> tuple[int, int]:
    let = version.lets.get(name.text)
    if let is not None:
        return _NUMBER["variable" if let.params is None and name.space == "value" else "macro"], 0
    entry = find("net", name.text) if name.space == "net" else None
    if entry is not None:
        return _NUMBER["class" if entry.kind == "family" else "function"], 2
    return _NUMBER["variable" if name.text in ("cin", "classes") else "enumMember"], 0
