"""Inlay hints: the running shape, behind the terms that change it and at the ends of lines; and help with arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from archdsl.lsp.context import context
from archdsl.lsp.help import described, signature
from archdsl.registry import find, params
from archdsl.registry.shapes import dims
from archdsl.syntax import ast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.lsp.document import Version
    from archdsl.registry.types import Shape
    from archdsl.syntax.parts import Unit


def hints(version: Version, start: int, end: int) -> list[types.InlayHint]:
    """The hints of a stretch of the text."""
    found: list[types.InlayHint] = []
    reading = version.reading
    before: Shape | None = None
    last: tuple[int, Shape] | None = None
    for unit, kind in zip(reading.units, reading.kinds, strict=True) if reading else ():
        for item in unit.items:
            if kind not in ("net", "let") or not isinstance(item, ast.Let | ast.Statement):
                continue
            before = before if kind == "net" else None
            for offset, shape in _terms(version, unit, item.body, before):
                if kind == "net":
                    before, last = shape, (offset, shape)
                if start <= offset <= end:
                    found.append(_hint(version, offset, dims(shape)))
    inspection = version.inspection
    if last is not None and inspection is not None and inspection.headed and inspection.out is not None:
        offset = last[0]  # the head that the text leaves out
        if start <= offset <= end:
            found.append(_hint(version, offset, f"gap linear({inspection.classes}) → {dims(inspection.out)}"))
    return found


def _terms(version: Version, unit: Unit, body: ast.Expr, before: Shape | None) -> Iterator[tuple[int, Shape]]:
    """Where the shape changes, and the ends of lines with terms."""
    text, base = unit.part.text, unit.part.offset
    ends = [(end, shape) for end, shape in _ends(version, body) if shape is not None]
    for number, (end, shape) in enumerate(ends):
        newline = text.find("\n", end)
        newline = len(text) if newline < 0 else newline
        closes = number + 1 == len(ends) or ends[number + 1][0] > newline
        if shape != before or closes:
            yield base + end, shape
        before = shape


def _ends(version: Version, body: ast.Expr) -> Iterator[tuple[int, Shape | None]]:
    """The ends of the terms of a sequence, each with the shape behind it; groups over several lines from inside too."""
    items = body.items if isinstance(body, ast.Seq) else (body,)
    for number, item in enumerate(items):
        after = items[number + 1] if number + 1 < len(items) else None
        inner = item.body if isinstance(item, ast.Label) else item
        if isinstance(inner, ast.Binary) and inner.op == "*":
            inner = inner.left
        if isinstance(inner, ast.Group) and "\n" in inner.span.text and not isinstance(after, ast.Modifier):
            yield from _ends(version, inner.body)
        if isinstance(after, ast.Modifier):
            continue  # the shape is known behind the last modifier
        yield item.span.end, _leaving(version, items, number)


def _leaving(version: Version, items: tuple[ast.Expr, ...], number: int) -> Shape | None:
    while number > 0 and isinstance(items[number], ast.Modifier):
        number -= 1
    item = items[number]
    inner = item.body if isinstance(item, ast.Label) else item
    return version.shapes.leaving(inner.body.span if isinstance(inner, ast.Group) else inner.span)


def _hint(version: Version, offset: int, text: str) -> types.InlayHint:
    return types.InlayHint(version.places.position(offset), text, types.InlayHintKind.Type, padding_left=True)


def signature_help(version: Version, offset: int) -> types.SignatureHelp | None:
    """The signature of the innermost call round an offset, and which argument is there."""
    here = context(version, offset)
    frame = next((f for f in reversed(here.frames) if f.callee and f.kind == "call"), None) if here else None
    if here is None or frame is None:
        return None
    space = "modifier" if frame.sign else here.statement if here.statement in ast.SETTINGS else "net"
    entry = find(space, frame.callee)
    if entry is not None:
        names = [p.name for p in params(entry)]
        label, help = signature(entry), entry.summary
        described_by = {p.name: described(p) for p in params(entry)}
    elif (let := version.lets.get(frame.callee)) is not None and let.params:
        names = [p.name for p in let.params]
        label, help, described_by = f"{let.name}({', '.join(names)})", "", {}
    else:
        return None
    spans = _spans(label, names)
    shown_parameters = [types.ParameterInformation(spans[n], described_by.get(n)) for n in names]
    place = frame.place - (1 if entry is not None and entry.kind == "join" else 0)
    active = names.index(frame.keyword) if frame.keyword in names else place if 0 <= place < len(names) else None
    shown_signature = types.SignatureInformation(
        label, types.MarkupContent(types.MarkupKind.Markdown, help), shown_parameters
    )
    return types.SignatureHelp([shown_signature], 0, active)


def _spans(label: str, names: list[str]) -> dict[str, tuple[int, int]]:
    """Where the parameters are in a signature: each with its brackets and default."""
    found: dict[str, tuple[int, int]] = {}
    at = label.find("(") + 1
    for name in names:
        start = label.find(name, at)
        stop = min((p for p in (label.find(",", start), label.find(")", start)) if p >= 0), default=len(label))
        found[name] = start, stop
        at = stop
    return found
