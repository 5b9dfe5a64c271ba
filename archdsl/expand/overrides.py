"""Settings given beside the text (``--set train.epochs=1``) worked into the tree, so that the canonical text has them.

In ``data``, ``train`` and ``evaluate`` statements a word replaces the one of its name or slot; else it is put behind the others.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from archdsl.errors import ArchError, Source, suggest
from archdsl.expand.settings import hyphenated
from archdsl.registry import entries, find, names, params
from archdsl.syntax import ast
from archdsl.syntax.parse import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY = re.compile(r"(let|data|train|evaluate)\.([A-Za-z_][A-Za-z0-9_-]*)|input|classes|task")


def override(
    file: ast.File,
    sets: Iterable[str] = (),
    *,
    input: str | None = None,
    classes: str | int | None = None,
    data: str | None = None,
) -> ast.File:
    """The tree with settings replaced. ``sets`` are ``KEY=VALUE``: ``train.epochs=1``, ``let.p=0.5``,
    ``input=1x28x28``; the value ``on`` stands for a word without arguments, ``off`` takes the word out.

    Raises:
        ArchError: a key that names nothing.
        SpecError: a value that does not parse.
    """
    if input is not None:
        file = _statement(file, "input", input, f"--input {input}")
    if classes is not None:
        file = _statement(file, "classes", str(classes), f"--classes {classes}")
    if data is not None:
        file = _word(file, "data", data_text(data), f"--data {data}", "slot dataset")
    for item in sets:
        file = _set(file, item)
    return file


def _set(file: ast.File, item: str) -> ast.File:
    key, equals, text = (part.strip() for part in item.partition("="))
    match = _KEY.fullmatch(key)
    where = f"--set {item}"
    if not match or not equals:
        raise ArchError(
            f"`{where}` sets nothing",
            help="write `--set train.epochs=1`, `--set data.valid=10%`, "
            "`--set let.NAME=VALUE`, `--set input=3x32x32` or `--set classes=10`",
        )
    space, name = match.groups()
    if space is None:
        return _statement(file, key, text, where)
    if space == "let":
        return _let(file, name, text, where)
    if find(space, name) is None:
        raise ArchError(
            f"`{where}`: there is no {space} word `{name}`",
            help=suggest(name, names(space)) or _of_argument(space, name, text),
        )
    if text == "off":
        return _without(file, space, name, where)
    return _word(file, space, name if text in ("on", "") else f"{name}({text})", where, name)


def _of_argument(space: str, name: str, text: str) -> str:
    """The remedy where a name is that of an argument of some words."""
    having = [e.name for e in entries(space) if any(p.name == name for p in params(e))]
    return f"`{name}` is an argument of {', '.join(having[:3])}: --set '{space}.{having[0]}=…'" if having else ""


def _one(kind: str, text: str, where: str) -> ast.Item:
    if "\n" in text or "\r" in text or "#" in text:
        raise ArchError(f"`{where}`: a setting is one line without a comment")
    items = parse(Source(where, f"{kind} {text}")).items
    if len(items) != 1 or isinstance(items[0], ast.Include):
        raise ArchError(f"`{where}` has no value", help="write KEY=VALUE")
    return items[0]


def _statement(file: ast.File, kind: str, text: str, where: str) -> ast.File:
    new = _one(kind, text, where)
    if not isinstance(new, ast.Statement) or new.kind != kind or (isinstance(new.body, ast.Seq) and not _of_ids(new)):
        raise _several(where)
    items = [new if isinstance(i, ast.Statement) and i.kind == kind else i for i in file.items]
    return replace(file, items=tuple(items if new in items else _placed(items, new)))


def _of_ids(statement: ast.Statement) -> bool:
    """Whether it is ``input 128 ids(256)``, which is one value."""
    last = statement.body.items[-1] if isinstance(statement.body, ast.Seq) else None
    return statement.kind == "input" and isinstance(last, ast.Word) and last.name == "ids"


def _placed(items: list[ast.Item], new: ast.Item) -> list[ast.Item]:
    """The items with a new statement where the canonical order has it: see ``ast.ORDER``; lets go first."""
    rank = {k: n for n, k in enumerate(ast.ORDER)} | {"bare": ast.ORDER.index("net")}
    own = rank[new.kind] if isinstance(new, ast.Statement) else -1
    at = next((n for n, i in enumerate(items) if isinstance(i, ast.Statement) and rank[i.kind] > own), len(items))
    return [*items[:at], new, *items[at:]]


def _let(file: ast.File, name: str, text: str, where: str) -> ast.File:
    lets = {i.name: i for i in file.items if isinstance(i, ast.Let)}
    old = lets.get(name)
    if old is None:
        raise ArchError(f"`{where}`: the text has no `let {name}`", help=suggest(name, lets))
    if old.params is not None:
        raise ArchError(f"`{where}`: `{name}` is a block with parameters, not a constant")
    new = _one("let", f"{name} = {text}", where)
    return replace(file, items=tuple(new if i is old else i for i in file.items))


def _items(statement: ast.Statement) -> tuple[ast.Expr, ...]:
    body = statement.body
    return body.items if isinstance(body, ast.Seq) else (body,)


def _key(space: str, item: ast.Expr) -> str:
    """What a word of a statement is replaced by: its slot, or its name where it has none."""
    item = hyphenated(item)
    if isinstance(item, ast.Hole):  # a choice among words of one slot
        keys = {_key(space, c) for c in item.choices if c is not None}
        return keys.pop() if len(keys) == 1 else ""
    if not isinstance(item, ast.Word):
        return ""
    entry = find(space, item.name)
    if entry is None:
        return item.name
    return f"slot {entry.slot}" if entry.slot else entry.name


def _several(where: str) -> ArchError:
    return ArchError(
        f"`{where}` has more than one value",
        help="give one value; other settings have options of their own: --set train.epochs=1 --set data.subset=1000",
    )


def _word(file: ast.File, space: str, text: str, where: str, meant: str) -> ast.File:
    """The file with one word put into a statement: that of the name ``meant``, or that fills the slot."""
    new = _one(space, text, where)
    if not isinstance(new, ast.Statement) or new.kind != space:
        raise _several(where)
    given = _items(new)
    first = hyphenated(given[0])
    own = first.name if isinstance(first, ast.Word) else ""
    if len(given) > 1 or (meant != "slot dataset" and own != meant):
        raise _several(where)
    if meant == "slot dataset" and find(space, own) is not None and _key(space, first) != meant:
        raise ArchError(
            f"`{where}`: `{own}` is not a data set", help=f"write --set data.{own}=…, or `archdsl words data`"
        )
    old = next((i for i in file.items if isinstance(i, ast.Statement) and i.kind == space), None)
    if old is None:
        return replace(file, items=tuple(_placed(list(file.items), new)))
    items = list(_items(old))
    for word in given:
        key = _key(space, word)
        places = [n for n, i in enumerate(items) if key and _key(space, i) == key]
        if len(places) > 1 and not key.startswith("slot "):  # such as `freeze`, which may be there several times
            raise ArchError(
                f"`{where}`: the `{space}` statement has `{key}` {len(places)} times, and this does not say which to replace",
                help=f"`--set {space}.{key}=off` before it takes all of them out",
            )
        if places:
            items[places[0]] = word
        else:
            items.insert(0 if key == "slot dataset" else len(items), word)
    return _with(file, old, items)


def _without(file: ast.File, space: str, name: str, where: str) -> ast.File:
    old = next((i for i in file.items if isinstance(i, ast.Statement) and i.kind == space), None)
    items = _items(old) if old else ()
    left = [i for i in items if not (isinstance(w := hyphenated(i), ast.Word) and w.name == name)]
    if old is None or len(left) == len(items):
        raise ArchError(f"`{where}`: the `{space}` statement has no `{name}`")
    return _with(file, old, left)


def _with(file: ast.File, old: ast.Statement, items: list[ast.Expr]) -> ast.File:
    if not items:
        return replace(file, items=tuple(i for i in file.items if i is not old))
    body = items[0] if len(items) == 1 else ast.Seq(tuple(items), old.body.span)
    new = replace(old, body=body)
    return replace(file, items=tuple(new if i is old else i for i in file.items))


def own_data() -> tuple[str, ...]:
    """The words of data of one's own, which take the path of it: what `--data WORD:PATH` may name."""
    sets = (e for e in entries("data") if e.slot == "dataset")
    return tuple(e.name for e in sets if next((p.name for p in params(e) if p.required), "") == "path")


def data_text(name: str) -> str:
    """What ``--data NAME`` means in a text: a data set's name as it is, ``folder:PATH`` and ``csv:PATH`` as
    their words.

    Raises:
        ArchError: the path is empty, or has a character that no string of a text holds.
    """
    word, colon, path = name.partition(":")
    if not colon or word not in own_data():
        return name
    if not path or any(c in path for c in '"\n\r#'):
        raise ArchError(f"--data {name!r} names no path that a text can hold", help=f"write {word}:PATH")
    return f'{word}("{path}")'
