"""Completion: what the grammar takes at a place, and what the vocabulary and the text have to offer for it."""

from __future__ import annotations

from copy import copy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from archdsl.expand.values import CALLABLE
from archdsl.files import below
from archdsl.lsp.context import Context, Frame, context
from archdsl.lsp.help import described, form, let_page, page, plain, signature
from archdsl.registry import MISSING, entries, find, params
from archdsl.registry.lookup import SPACES
from archdsl.syntax import ast
from archdsl.words.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.lsp.document import Version
    from archdsl.registry import Arg, Entry

K = types.CompletionItemKind
_KINDS = {
    "op": K.Function,
    "late": K.Function,
    "block": K.Module,
    "join": K.Operator,
    "family": K.Class,
    "modifier": K.Property,
    "data": K.Function,
    "train": K.Function,
    "evaluation": K.Function,
    "metric": K.Value,
    "proxy": K.Value,
}
_TERMS = frozenset({"NAME", "RPAR", "RSQB", "RBRACE", "NUMBER"})  # behind these a modifier finds a term
STATEMENTS = {
    "let": "let ${1:name} = $0",
    "include": 'include "$0"',
    "input": "input ${0:3x32x32}",
    "classes": "classes ${0:10}",
    "task": "task ${0:segmentation}",
    "net": "net $0",
    "data": "data $0",
    "train": "train $0",
    "evaluate": "evaluate $0",
}


def complete(version: Version, offset: int, snippets: bool = False) -> list[types.CompletionItem]:
    """What could be written at an offset, the likeliest first."""
    here = context(version, offset)
    if here is None or here.inside == "comment":
        return []
    if here.inside == "string":
        return list(_paths(version, here)) if here.statement == "include" else []
    found: dict[str, types.CompletionItem] = {}
    for item in _items(version, here, snippets):
        found.setdefault(item.label, item)
    place = version.places.range(here.start - len(here.sign), offset)
    return [_placed(item, place) for item in found.values()]


def _placed(item: types.CompletionItem, place: types.Range) -> types.CompletionItem:
    """The item with what it replaces: a sign before it is a part of it, and no editor would know."""
    placed = copy(item)
    placed.text_edit = types.TextEdit(place, item.insert_text or item.label)
    placed.insert_text = None
    return placed


def resolve(item: types.CompletionItem) -> types.CompletionItem:
    """An item with its documentation."""
    if isinstance(item.data, dict):
        entry = find(str(item.data.get("space")), str(item.data.get("name")))
        if entry is not None:
            item.documentation = types.MarkupContent(types.MarkupKind.Markdown, page(entry))
    return item


def _items(version: Version, here: Context, snippets: bool) -> Iterator[types.CompletionItem]:
    if here.sign == "@":
        yield from _marks(version)
        return
    if here.sign:
        if here.accepts is None or "SIGN" in here.accepts:
            yield from _words("modifier", here.sign, snippets)
        return
    if here.accepts is not None and not here.accepts & {"NAME", "SIGN"}:
        return
    if here.before == "AS" or here.before == "LET" or (here.statement == "include"):
        return
    if not here.statement or (here.before == "" and here.unit is not None and here.start == here.unit.part.offset):
        yield from _statements(version, here, snippets)
        return
    frame = next((f for f in reversed(here.frames) if f.kind not in ("group", "hole")), None)
    if frame is not None and frame.kind == "call":
        yield from _argument(version, here, frame, snippets)
    elif here.statement == "task":
        yield from (_item(name, K.EnumMember, "0", name) for name in TASKS)
    elif frame is not None or here.statement in ("input", "classes"):
        yield from _values(version, here)
        if frame is None and here.statement == "input":
            yield _item("ids", K.Constant, "0", form("ids"), "a sequence", "ids(${1:256})$0" if snippets else None)
    elif here.statement in ast.SETTINGS:
        yield from _settings(version, here, snippets)
    else:
        yield from _network(version, here, snippets)


def _statements(version: Version, here: Context, snippets: bool) -> Iterator[types.CompletionItem]:
    kinds = {i.kind for i in version.reading.file.items if isinstance(i, ast.Statement)} if version.reading else set()
    for name, snippet in STATEMENTS.items():
        if name not in kinds or name == here.word:
            yield _item(name, K.Keyword, "0", form(name), insert=snippet if snippets else None)
    if "net" not in kinds:
        yield from _network(version, here, snippets)


def _network(version: Version, here: Context, snippets: bool) -> Iterator[types.CompletionItem]:
    joined = any(f.callee and (e := find("net", f.callee)) and e.kind == "join" for f in here.frames)
    if here.accepts is None or "NAME" in here.accepts:
        yield from _locals(version, here)
        yield from _lets(version, here.let, snippets)
        yield from (i for i in _words("net", "", snippets) if joined or not i.data or i.data.get("kind") != "late")
    if (here.accepts is None or "SIGN" in here.accepts) and (here.before in _TERMS or _goes_on(here)):
        yield from _words("modifier", "+", snippets)
    if here.accepts is not None and "AS" in here.accepts and here.word:
        yield _item("as", K.Keyword, "4", form("as"))


def _goes_on(here: Context) -> bool:
    """Whether a line continues with a network."""
    return here.before == "" and here.statement == "net" and (here.unit is None or here.start > here.unit.part.offset)


def _argument(version: Version, here: Context, frame: Frame, snippets: bool) -> Iterator[types.CompletionItem]:
    space = "modifier" if frame.sign else here.statement if here.statement in ast.SETTINGS else "net"
    entry = find(space, frame.callee)
    let = version.lets.get(frame.callee) if entry is None else None
    if entry is not None and entry.kind == "join" and frame.keyword is None and frame.place == 0:
        yield from _network(version, here, snippets)
        return
    known = params(entry) if entry is not None else ()
    if entry is not None and entry.kind == "join":
        frame.place -= 1
    if frame.fresh and frame.keyword is None:
        for p in known:
            if p.name not in frame.given:
                yield from _named(p)
        for parameter in (let.params or ())[frame.staged :] if let is not None else ():
            if parameter.name not in frame.given:
                yield _item(f"{parameter.name}=", K.Field, "1", f"an argument of `{frame.callee}`")
    current = next((p for p in known if p.name == frame.keyword), None)
    if current is None and frame.keyword is None:
        free = [p for p in known if p.name not in frame.given]
        current = free[frame.place - len(frame.given)] if 0 <= frame.place - len(frame.given) < len(free) else None
    if current is not None:
        yield from _choices(current)
    if let is not None or entry is None or (current is not None and current.base == "node"):
        yield from _network(version, here, snippets)
    else:
        yield from _values(version, here)


def _named(p: Arg) -> Iterator[types.CompletionItem]:
    yield _item(f"{p.name}=", K.Field, "1", described(p), p.describe())
    if p.flag is not MISSING:
        yield _item(p.name, K.EnumMember, "0", f"`{p.name}={plain(p.flag)}`", "a flag")


def _choices(p: Arg) -> Iterator[types.CompletionItem]:
    for choice in p.choices or (("true", "false") if p.base == "bool" else ()):
        yield _item(
            str(choice), K.EnumMember, "0", f"a choice of `{p.name}`" + (", the default" if choice == p.default else "")
        )


def _values(version: Version, here: Context) -> Iterator[types.CompletionItem]:
    yield from _locals(version, here)
    for let in version.lets.values():
        if let.params is None and let.name != here.let:
            yield _item(let.name, K.Constant, "2", let_page(let), "let")
    for name in ("cin", "classes"):
        yield _item(name, K.Constant, "3", form(name))
    for name in CALLABLE:
        yield _item(name, K.Function, "4", form(name))


def _settings(version: Version, here: Context, snippets: bool) -> Iterator[types.CompletionItem]:
    """Words of a data or train statement; those whose setting is made already come last."""
    space = here.statement
    taken = set()
    for _, names in version.names:
        for name in names:
            if name.kind == "setting" and name.space == space and name.text != here.word:
                entry = find(space, name.text)
                taken |= {entry.slot} if entry is not None and entry.slot else set()
    for item in _words(space, "", snippets):
        entry = find(space, item.label)
        slot = entry.slot if entry else ""
        rank = "5" if slot in taken else "0" if slot == "dataset" else "2"
        ranked = copy(item)
        ranked.sort_text = rank + item.label
        yield ranked


@cache
def _words(space: str, sign: str, snippets: bool) -> list[types.CompletionItem]:
    return [_word(e, sign, snippets) for e in entries(space) if not e.alias]


def _word(entry: Entry, sign: str, snippets: bool) -> types.CompletionItem:
    label = sign + entry.name
    insert = None
    if snippets:
        required = sum(p.required for p in params(entry))
        if entry.kind == "family":
            insert = f"{label}[$1]$0"
        elif entry.kind == "join":
            insert = f"{label}($1 | $2)$0"
        elif required and sign != "-":
            insert = f"{label}($1)$0"
    data = {"space": "modifier" if sign else SPACES[entry.kind], "name": entry.name, "kind": entry.kind}
    return _item(label, _KINDS[entry.kind], "3" if sign else "2", "", signature(entry), insert, data)


def _lets(version: Version, own: str, snippets: bool) -> Iterator[types.CompletionItem]:
    for let in version.lets.values():
        if let.name == own:
            continue
        head = let.name if let.params is None else f"{let.name}({', '.join(p.name for p in let.params)})"
        insert = f"{let.name}($1)$0" if snippets and any(p.default is None for p in let.params or ()) else None
        yield _item(let.name, K.Variable if let.params is None else K.Module, "1", let_page(let), f"let {head}", insert)


def _locals(version: Version, here: Context) -> Iterator[types.CompletionItem]:
    """The parameters of the let in whose body the place is; a body that does not parse still has its head."""
    if not here.let or here.unit is None:
        return
    let = version.lets.get(here.let)
    names = [p.name for p in (let.params or ())] if let is not None and let.params else _head(here)
    for name in names:
        yield _item(name, K.Variable, "0", f"a parameter of `{here.let}`", "parameter")


def _head(here: Context) -> list[str]:
    assert here.unit is not None
    tokens = here.unit.tokens
    stop = next((n for n, t in enumerate(tokens) if t.kind == "RPAR"), 0)
    return [t.text for n, t in enumerate(tokens[:stop]) if t.kind == "NAME" and tokens[n - 1].kind in ("CALL", "COMMA")]


def _marks(version: Version) -> Iterator[types.CompletionItem]:
    tokens = [t for unit in (version.reading.units if version.reading else ()) for t in unit.tokens]
    seen = {name.text: None for word, name in pairwise(tokens) if word.kind == "AS" and name.kind == "NAME"}
    for name in seen:
        yield _item(f"@{name}", K.Reference, "0", f"the value named by `as {name}`")


def _paths(version: Version, here: Context) -> Iterator[types.CompletionItem]:
    """Files that can be included: those below the folder of the text."""
    path = version.document.path
    folder = path.parent if path is not None else Path.cwd()
    for number, file in enumerate(sorted(below(folder, ".arch"))):
        if number > 200:
            return
        if file != path:
            yield _item(str(file.relative_to(folder)), K.File, "0", "")


def _item(
    label: str,
    kind: types.CompletionItemKind,
    rank: str,
    help: str,
    detail: str = "",
    insert: str | None = None,
    data: object = None,
) -> types.CompletionItem:
    documentation = types.MarkupContent(types.MarkupKind.Markdown, help) if help else None
    return types.CompletionItem(
        label,
        kind=kind,
        detail=detail or None,
        documentation=documentation,
        sort_text=f"{rank}{label.lower()}",
        insert_text=insert,
        insert_text_format=types.InsertTextFormat.Snippet if insert else None,
        data=data,
        filter_text=label,
    )
