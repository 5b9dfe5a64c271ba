"""From a name to where it is defined and used, and to another name in all of these places."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types

from archdsl.expand.env import RESERVED
from archdsl.ir.reserved import RESERVED_LABELS
from archdsl.lsp.hover import name_at
from archdsl.registry import find
from archdsl.syntax import ast

if TYPE_CHECKING:
    from archdsl.lsp.document import Version
    from archdsl.lsp.names import Name
    from archdsl.syntax.parts import Unit

_COMMENT = re.compile(r"#[^\n]*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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
    let = _let(version, here)
    for unit, names in version.names:
        for name in names:
            if name.text == text and _same(here, let, unit, name):
                base = unit.part.offset
                found.append(Use(base + name.start, base + name.end, name.defines))
    return found


def _let(version: Version, here: Target) -> ast.Let | None:
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
    return [] if let is None else [_elsewhere(let)]


def _elsewhere(let: ast.Let) -> types.Location:
    """A let of an included file."""
    source = let.span.source
    line, column = source.position(let.span.start)
    at = types.Position(line - 1, column - 1 + len("let "))
    end = types.Position(line - 1, column - 1 + len("let ") + len(let.name))
    return types.Location(Path(source.name).resolve().as_uri(), types.Range(at, end))


def _file(version: Version, name: str) -> list[types.Location]:
    path = version.document.path
    file = (path.parent if path else Path.cwd()) / name
    start = types.Position(0, 0)
    return [types.Location(file.resolve().as_uri(), types.Range(start, start))] if file.is_file() else []


def refusal(version: Version, offset: int, new: str) -> str:
    """Why a name cannot become another one; empty if it can."""
    here = target(version, offset)
    if here is None or here.kind == "path":
        return "only lets, parameters, labels and named values can be renamed"
    if not _IDENTIFIER.fullmatch(new):
        return f"`{new}` is not a name: letters, digits and underscores, a letter first"
    if here.kind == "let" and not any(u.defines for u in uses(version, offset)):
        return f"`{here.name.text}` is defined in another file"
    if here.kind == "label":
        if new in RESERVED_LABELS or new.startswith("_"):
            return f"`{new}` is reserved by torch"
        return _also_elsewhere(version, offset, here.name.text)
    if here.kind != "mark" and new in RESERVED:
        return f"`{new}` is a reserved name"
    if here.kind == "let" and find("net", new) is not None:
        return f"`{new}` is a word of the language"
    if here.kind == "let" and new != here.name.text and new in version.lets:
        return f"`{new}` is already a let"
    if here.kind != "mark" and (flag := next((n for n in (here.name.text, new) if _is_flag(version, here, n)), "")):
        return f"`{flag}` is also a flag of a word here; rename it by hand in all places"
    return _captured(version, here, new) if new != here.name.text else ""


def _also_elsewhere(version: Version, offset: int, label: str) -> str:
    """Why a label keeps its name: it stands in a place that may refer to the part, such as `freeze(stem)` or "stem"."""
    known = {use.start for use in uses(version, offset)}
    bare = _COMMENT.sub(lambda m: " " * len(m[0]), version.text)
    for found in re.finditer(rf"\b{re.escape(label)}\b", bare):
        if found.start() not in known:
            line = bare.count("\n", 0, found.start()) + 1
            return f"`{label}` is also in line {line}, which may refer to this part; rename it by hand in all places"
    return ""


def _is_flag(version: Version, here: Target, text: str) -> bool:
    """Whether a name stands as a flag where this let or parameter is known: one of the same name gives the flag its value."""
    let = _let(version, here)
    return any(
        name.text == text and name.kind == "argument" and isinstance(name.node, ast.Word)
        for unit, names in version.names
        if let is None or (unit.items and unit.items[0] is let)
        for name in names
    )


def _captured(version: Version, here: Target, new: str) -> str:
    """Why a parameter or a value cannot get a name: another one has it where this one is used."""
    let, old = _let(version, here), here.name.text
    for unit, names in version.names:
        used = any(n.text == old and n.kind in ("let", "word") and not n.defines for n in names)
        for name in names:
            if name.text != new:
                continue
            if here.kind == "let" and name.kind == "param" and name.defines and used:
                return f"`{new}` is a parameter where `{old}` is used"
            if here.kind == "mark" and name.kind == "mark":
                return f"`@{new}` is already a value"
            if let is not None and name.kind != "argument" and unit.items and unit.items[0] is let:
                return f"`{new}` is already used in `{let.name}`"
    return ""


def rename(version: Version, offset: int, new: str) -> types.WorkspaceEdit:
    """The edits that give a name's places another name."""
    edits = [types.TextEdit(version.places.range(u.start, u.end), new) for u in uses(version, offset)]
    return types.WorkspaceEdit(changes={version.document.uri: edits})


def highlights(version: Version, offset: int) -> list[types.DocumentHighlight]:
    """The places of the name at an offset, definitions as writes."""
    kinds = types.DocumentHighlightKind
    return [
        types.DocumentHighlight(version.places.range(u.start, u.end), kinds.Write if u.defines else kinds.Read)
        for u in uses(version, offset)
    ]


def whole_name(version: Version, offset: int) -> types.Range | None:
    """The range of the name at an offset, if it can be renamed."""
    here = target(version, offset)
    if here is None or refusal(version, offset, here.name.text):
        return None
    base = here.unit.part.offset
    return version.places.range(base + here.name.start, base + here.name.end)
