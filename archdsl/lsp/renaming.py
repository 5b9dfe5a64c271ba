"""Another name in all places of a name; refused where the text would come to mean something else."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING

from lsprotocol import types

from archdsl.expand.env import RESERVED
from archdsl.ir.reserved import RESERVED_LABELS
from archdsl.lsp.names import flags_of
from archdsl.lsp.navigate import let_of, target, uses
from archdsl.registry import find, params
from archdsl.syntax import ast
from archdsl.syntax.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archdsl.lsp.document import Version
    from archdsl.lsp.navigate import Target

_COMMENT = re.compile(r"#[^\n]*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROLES = ("s", "down")  # parameters that a stage list gives by their names


def refusal(version: Version, offset: int, new: str, including: Callable[[], list[tuple[str, Version]]]) -> str:
    """Why a name cannot become another one; empty if it can.

    Args:
        including: gives the texts that include this one, each with the name of its file; asked last, as it reads files.
    """
    here = target(version, offset)
    if here is None or here.kind == "path":
        return "only lets, parameters, labels and named values can be renamed"
    old = here.name.text
    if not _IDENTIFIER.fullmatch(new):
        return f"`{new}` is not a name: letters, digits and underscores, a letter first"
    if here.kind == "let" and not any(u.defines for u in uses(version, offset)):
        return f"`{old}` is defined in another file"
    if said := _broken(version, old):
        return said
    if here.kind == "label":
        return _label(version, offset, old, new) or _in_other_text(including(), old)
    if here.kind == "mark":
        return _captured(version, here, new) if new != old else ""
    if said := _taken(version, here, new):
        return said
    if flag := next((n for n in (old, new) if _is_flag(version, here, n)), ""):
        return f"`{flag}` is also a flag of a word here; rename it by hand in all places"
    if said := _captured(version, here, new) or _becomes_flag(version, offset, new) if new != old else "":
        return said
    others = including()
    return (_part(version, old, new) if here.kind == "let" else _role(version, here, new, others)) or _in_others(
        version, here, new, others
    )


def _taken(version: Version, here: Target, new: str) -> str:
    """Why nothing here can have a name."""
    if new in RESERVED:
        return f"`{new}` is a reserved name"
    if here.kind == "let" and find("net", new) is not None:
        return f"`{new}` is a word of the language"
    if here.kind == "let" and new != here.name.text and new in version.lets:
        return f"`{new}` is already a let"
    return ""


def _broken(version: Version, old: str) -> str:
    """Why a name stays as long as a statement that has it does not parse: what it means there is not known."""
    for unit in version.reading.units if version.reading else ():
        for token in unit.tokens if unit.error is not None else ():
            if token.text.rstrip(":") == old:
                line = version.places.position(unit.part.offset + token.start).line + 1
                return f"`{old}` is also in line {line}, which does not parse; repair that line first"
    return ""


def _label(version: Version, offset: int, old: str, new: str) -> str:
    if new in RESERVED_LABELS or new.startswith("_"):
        return f"`{new}` is reserved by torch"
    if iskeyword(new):
        return f"`{new}` cannot be a label: it is a Python keyword"
    visits = version.inspection.visits if version.inspection else []
    if new != old and any(new in row.path.split(".") for visit in visits for row in visit.made):
        return f"`{new}` is already the name of a part"
    return _also_elsewhere(version, offset, old)


def _also_elsewhere(version: Version, offset: int, label: str) -> str:
    """Why a label keeps its name: it stands in a place that may refer to the part, such as `freeze(stem)` or "stem"."""
    known = {use.start for use in uses(version, offset)}
    for found in _places(version.text, re.escape(label)):
        if found.start() not in known:
            line = version.text.count("\n", 0, found.start()) + 1
            return f"`{label}` is also in line {line}, which may refer to this part; rename it by hand in all places"
    return ""


def _places(text: str, pattern: str) -> Iterator[re.Match[str]]:
    """Where a name is in a text, its comments left out."""
    return re.finditer(rf"\b{pattern}\b", _COMMENT.sub(lambda m: " " * len(m[0]), text))


def _in_other_text(others: list[tuple[str, Version]], label: str) -> str:
    file = next((file for file, other in others if any(_places(other.text, re.escape(label)))), "")
    return f"`{label}` is also in {file}, which may refer to this part; rename it by hand in all places" if file else ""


def _part(version: Version, old: str, new: str) -> str:
    """Why a let keeps its name: parts of the network are called by it, and a statement of settings speaks of one."""
    for unit, names in version.names:
        if any(name.kind == "label" and name.text in (old, new) for name in names):
            label = next(name.text for name in names if name.kind == "label" and name.text in (old, new))
            return f"`{label}` is also a label; rename it by hand in all places"
        for part in (part for item in unit.items for node in walk(item) for part in _parts(node)):
            if re.search(rf"\b{re.escape(old)}\d*\b", part.span.text):
                line = part.span.source.position(part.span.start)[0]
                said = part.span.text.strip('"')
                return f"line {line} speaks of the part `{said}`, which is named by `{old}`; rename it by hand"
    return ""


def _parts(node: ast.Node) -> list[ast.Expr]:
    """The arguments of a word that name parts of the network."""
    if not isinstance(node, ast.Word) or not node.args:
        return []
    entry = next((e for space in ("net", *ast.SETTINGS) if (e := find(space, node.name)) is not None), None)
    return list(node.args) if entry is not None and any(p.base == "layers" for p in params(entry)) else []


def _is_flag(version: Version, here: Target, text: str) -> bool:
    """Whether a name stands as a flag where this let or parameter is known: one of the same name gives the flag its value."""
    let = let_of(version, here)
    return any(
        name.text == text and name.kind == "argument" and isinstance(name.node, ast.Word)
        for unit, names in version.names
        if let is None or (unit.items and unit.items[0] is let)
        for name in names
    )


def _becomes_flag(version: Version, offset: int, new: str) -> str:
    """Why a name cannot become that of a flag: it is alone in an argument of a word that has the flag."""
    places = {use.start for use in uses(version, offset)}
    for unit, _ in version.names:
        for node in (n for item in unit.items for n in walk(item)):
            alone = [
                arg
                for arg in (node.args or () if isinstance(node, ast.Word | ast.Modifier) else ())
                if isinstance(arg, ast.Word) and arg.args is None and unit.part.offset + arg.span.start in places
            ]
            spaces = ("modifier",) if isinstance(node, ast.Modifier) else ("net", *ast.SETTINGS)
            if alone and any(new in flags_of(space, node.name) for space in spaces):
                return f"`{new}` is a flag of `{node.name}`, which has `{alone[0].name}` as an argument"
    return ""


def _role(version: Version, here: Target, new: str, others: list[tuple[str, Version]]) -> str:
    """Why a parameter of a block keeps its name: a stage list gives it by that name."""
    let = let_of(version, here)
    role = next((name for name in _ROLES if name in (here.name.text, new)), "")
    if let is None or not role or new == here.name.text:
        return ""
    for file, text in (("", version), *others):
        for unit, _ in text.names:
            for node in (n for item in unit.items for n in walk(item)):
                if isinstance(node, ast.Word) and node.name == let.name and node.stages is not None:
                    where = f" in {file}" if file else ""
                    return f"`{role}` has a meaning of its own in the stage list of `{let.name}`{where}"
    return ""


def _captured(version: Version, here: Target, new: str) -> str:
    """Why a name cannot become another one: something else has it where this one is used."""
    let, old = let_of(version, here), here.name.text
    for unit, names in version.names:
        used = any(n.text == old and n.kind in ("let", "word") and not n.defines for n in names)
        for name in names:
            if name.text != new:
                continue
            if here.kind == "let" and name.kind == "param" and name.defines and used:
                return f"`{new}` is a parameter where `{old}` is used"
            if here.kind == "let" and name.kind == "word":
                line = version.places.position(unit.part.offset + name.start).line + 1
                return f"`{new}` has another meaning in line {line}"
            if here.kind == "mark" and name.kind == "mark":
                return f"`@{new}` is already a value"
            if let is not None and name.kind != "argument" and unit.items and unit.items[0] is let:
                return f"`{new}` is already used in `{let.name}`"
    return ""


def _in_others(version: Version, here: Target, new: str, others: list[tuple[str, Version]]) -> str:
    """Why a let or a parameter keeps its name: a text that includes this one uses it, or has the new name."""
    let, old = let_of(version, here), here.name.text
    for file, other in others:
        for name in (n for _, names in other.names for n in names):
            if here.kind == "let":
                hit = name.text in (old, new) and (name.kind != "argument" or isinstance(name.node, ast.Word))
            else:
                owner = name.owner
                hit = name.kind == "argument" and name.text == old and isinstance(owner, ast.Word)
                hit = hit and let is not None and isinstance(owner, ast.Word) and owner.name == let.name
            if hit:
                return f"`{name.text}` is also in {file}, which includes this file; rename it by hand in all places"
    return ""


def rename(version: Version, offset: int, new: str) -> types.WorkspaceEdit:
    """The edits that give a name's places another name."""
    edits = [types.TextEdit(version.places.range(u.start, u.end), new) for u in uses(version, offset)]
    return types.WorkspaceEdit(changes={version.document.uri: edits})


def whole_name(version: Version, offset: int) -> types.Range | None:
    """The range of a name that a text gives, at an offset."""
    here = target(version, offset)
    if here is None or here.kind == "path":
        return None
    base = here.unit.part.offset
    return version.places.range(base + here.name.start, base + here.name.end)
