"""From a name to where it is defined and used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types

from archdsl.lsp.hover import name_at
from archdsl.lsp.names import let_name
from archdsl.lsp.places import range_in
from archdsl.syntax import ast

if TYPE_CHECKING:
    from archdsl.lsp.document import Version
    from archdsl.lsp.names import Name
    from archdsl.syntax.parts import Unit


class Use(NamedTuple):
    """A place of the text where a name is."""

    start: int
    end: int
    defines: bool


class Target(NamedTuple):
    """A name of one's own at a place, and its kind."""

    unit: Unit
    name: Name
    kind: str


def target(version: Version, offset: int) -> Target | None:
    """The name at an offset, if it is one that a text gives: a let, a parameter, a label, a value."""
    found = version.reading.unit_at(offset) if version.reading else None
    name = name_at(version, found[0], offset - found[0].part.offset) if found else None
    if found is None or name is None:
        return None
    if name.kind in ("let", "word") and name.text in version.lets:
        return Target(found[0], name, "let")
    if name.kind in ("param", "mark", "label", "path"):
        return Target(found[0], name, name.kind)
    if name.kind == "argument" and isinstance(name.owner, ast.Word) and name.owner.name in version.lets:
        return Target(found[0], name, "keyword")
    return None


def uses(version: Version, offset: int) -> list[Use]:
    """Every place of the text where the name at an offset is, in order."""
    here = target(version, offset)
    if here is None or here.kind == "path":
        return []
    text, found = here.name.text, []
    let = let_of(version, here)
    for unit, names in version.names:
        for name in names:
            if name.text == text and _same(here, let, unit, name):
                base = unit.part.offset
                found.append(Use(base + name.start, base + name.end, name.defines))
    return found


def let_of(version: Version, here: Target) -> ast.Let | None:
    """The let that a parameter belongs to."""
    owner = here.name.owner
    if here.kind == "keyword" and isinstance(owner, ast.Word):
        return version.lets.get(owner.name)
    return owner if here.kind == "param" and isinstance(owner, ast.Let) else None


def _same(here: Target, let: ast.Let | None, unit: Unit, name: Name) -> bool:
    match here.kind:
        case "let":
            return name.kind in ("let", "word")
        case "param" | "keyword":
            if name.kind == "argument":
                return isinstance(name.owner, ast.Word) and let is not None and name.owner.name == let.name
            return name.kind == "param" and name.owner is let
        case "mark":  # what a let names stays inside it; a network's lines are one place
            own = here.unit.items[0] if here.unit.items else None
            other = unit.items[0] if unit.items else None
            inside = isinstance(own, ast.Let) or isinstance(other, ast.Let)
            return name.kind == "mark" and (unit is here.unit if inside else True)
        case _:
            return name.node is here.name.node


def definition(version: Version, offset: int) -> list[types.Location]:
    """Where the name at an offset is defined; of a path, the file."""
    here = target(version, offset)
    if here is None:
        return []
    if here.kind == "path":
        return _file(version, here.name.text)
    own = [u for u in uses(version, offset) if u.defines]
    if here.kind == "mark":  # the nearest one before it
        own = [u for u in own if u.start <= offset][-1:] or own[:1]
    if own:
        return [types.Location(version.document.uri, version.places.range(u.start, u.end)) for u in own]
    let = version.lets.get(here.name.text)
    return [] if let is None else [_elsewhere(let, version.document.encoding)]


def _elsewhere(let: ast.Let, encoding: str) -> types.Location:
    """A let of an included file."""
    start, source = let_name(let), let.span.source
    return types.Location(
        Path(source.name).resolve().as_uri(), range_in(source, start, start + len(let.name), encoding)
    )


def _file(version: Version, name: str) -> list[types.Location]:
    path = version.document.path
    file = (path.parent if path else Path.cwd()) / name
    start = types.Position(0, 0)
    return [types.Location(file.resolve().as_uri(), types.Range(start, start))] if file.is_file() else []


def highlights(version: Version, offset: int) -> list[types.DocumentHighlight]:
    """The places of the name at an offset, definitions as writes."""
    kinds = types.DocumentHighlightKind
    return [
        types.DocumentHighlight(version.places.range(u.start, u.end), kinds.Write if u.defines else kinds.Read)
        for u in uses(version, offset)
    ]
