"""Hover: what a word means, and what it does to the shape that arrives at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from archdsl.expand.forms import FORMS
from archdsl.lsp.help import code, described, form, let_page, page
from archdsl.lsp.names import Name
from archdsl.registry import find, params
from archdsl.syntax import ast
from archdsl.syntax.walk import children

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.errors import Span
    from archdsl.lsp.document import Version
    from archdsl.syntax.parts import Unit


def hover(version: Version, offset: int) -> types.Hover | None:
    """What there is to say of an offset."""
    found = version.reading.unit_at(offset) if version.reading else None
    if found is None:
        return None
    unit, kind = found
    at = offset - unit.part.offset
    name = name_at(version, unit, at)
    way = list(path(unit, at))
    parts = [_shape(version, unit, way, name)]
    parts.append(_name(version, unit, name, kind) if name is not None else _token(unit, at))
    text = "\n\n".join(p for p in parts if p)
    if not text:
        return None
    start, end = _place(unit, name, way, at)
    return types.Hover(
        types.MarkupContent(types.MarkupKind.Markdown, text),
        version.places.range(unit.part.offset + start, unit.part.offset + end),
    )


def name_at(version: Version, unit: Unit, at: int) -> Name | None:
    """The name that an offset of a part touches."""
    for known, names in version.names:
        if known is unit:
            return next((n for n in names if n.start <= at <= n.end and (at < n.end or not _follows(names, at))), None)
    return None


def _follows(names: tuple[Name, ...], at: int) -> bool:
    return any(n.start == at for n in names)


def path(unit: Unit, at: int) -> Iterator[ast.Node]:
    """The nodes round an offset, outermost first."""
    nodes: list[ast.Node] = list(unit.items)
    while nodes:
        node = next((n for n in nodes if n.span.start <= at < n.span.end), None)
        if node is None:
            return
        yield node
        nodes = list(children(node))


def _place(unit: Unit, name: Name | None, way: list[ast.Node], at: int) -> tuple[int, int]:
    if name is not None:
        return name.start, name.end
    token = next((t for t in unit.tokens if t.start <= at < t.end), None)
    if token is not None:
        return token.start, token.end
    return (way[-1].span.start, way[-1].span.end) if way else (at, at)


def _shape(version: Version, unit: Unit, way: list[ast.Node], name: Name | None) -> str:
    """The effect of the innermost term round the place that has one; of a label, of what it labels."""
    spans: list[Span] = [n.span for n in reversed(way)]
    if name is not None:
        node = name.node
        if isinstance(node, ast.Let) and name.kind == "let":
            return _definition(version, node)
        if name.kind == "label" and isinstance(node, ast.Label):
            spans.insert(0, node.body.span)
        elif name.kind in ("argument", "setting") or (name.kind == "param" and name.defines):
            return ""
    for span in spans:
        said = version.shapes.said(span)
        if said:
            return code(said)
    return ""


def _definition(version: Version, let: ast.Let) -> str:
    """What a let does wherever it is used."""
    said: dict[str, None] = {}
    for _, names in version.names:
        for name in names:
            if name.kind == "word" and name.text == let.name and not name.defines:
                said |= dict.fromkeys(version.shapes.said(name.node.span).split("\n"))
    lines = [line for line in said if line]
    return code("\n".join(lines[:6])) if lines else ""


def _name(version: Version, unit: Unit, name: Name, kind: str) -> str:
    match name.kind:
        case "let":
            return let_page(name.node, comment_above(version, name.node)) if isinstance(name.node, ast.Let) else ""
        case "param":
            owner = name.owner.name if isinstance(name.owner, ast.Let) else ""
            return f"`{name.text}`: a parameter of `{owner}`"
        case "mark":
            return f"`as {name.text}` names the value at a point; `@{name.text}` continues from it"
        case "label":
            return f"`{name.text}`: the label of a module, its row in tables, its key among the weights"
        case "modifier":
            entry = find("modifier", name.text)
            return page(entry) if entry else ""
        case "setting":
            entry = find(name.space, name.text)
            return page(entry) if entry else ""
        case "argument":
            return _argument(version, name, kind)
        case _:
            return _word(version, name)


def _word(version: Version, name: Name) -> str:
    let = version.lets.get(name.text)
    if let is not None:
        return let_page(let, comment_above(version, let))
    entry = find("net", name.text)
    if entry is not None and not (name.space == "value" and name.text in FORMS):
        return page(entry)
    if form(name.text):
        return form(name.text)
    return f"`{name.text}`: a choice" if name.space == "value" else ""


def _argument(version: Version, name: Name, kind: str) -> str:
    owner = name.owner
    if isinstance(owner, ast.Word | ast.Modifier):
        space = "modifier" if isinstance(owner, ast.Modifier) else kind if kind in ast.SETTINGS else "net"
        entry = find(space, owner.name)
        for p in params(entry) if entry else ():
            if p.name == name.text:
                return f"`{p.name}` of `{owner.name}`: {described(p)}"
    return ""


def _token(unit: Unit, at: int) -> str:
    """A word of the language itself."""
    token = next((t for t in unit.tokens if t.start <= at < t.end), None)
    if token is None:
        return ""
    return form({"LBRACE": "{", "AXIS": "{"}.get(token.kind, token.text))


def comment_above(version: Version, let: ast.Let) -> str:
    """The comment behind a let, or the lines of comment directly above it."""
    place = version.place(let.span)
    if place is None:
        return ""
    tail = version.text[place[1] :].split("\n", 1)[0].strip()
    if tail.startswith("#"):
        return tail.lstrip("# ")
    lines = version.text[: place[0]].split("\n")[:-1]
    said: list[str] = []
    while lines and lines[-1].strip().startswith("#"):
        said.insert(0, lines.pop().strip().lstrip("# "))
    return " ".join(said)
