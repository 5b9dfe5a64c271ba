"""The names in a part of a text: what each is, where it is, and what it belongs to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from archdsl.expand.settings import hyphenated
from archdsl.registry import MISSING, find, params
from archdsl.syntax import ast
from archdsl.syntax.walk import children

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.syntax.parts import Unit

# What a name is. ``word`` may be a let, a word of the vocabulary or the choice of an argument: the document knows.
Kind = Literal["let", "param", "mark", "label", "word", "modifier", "setting", "argument", "path"]
_LET = re.compile(r"let\s+")


class Name(NamedTuple):
    """A name at ``[start, end)`` of its part.

    space: the name space of a word: ``net``, ``data``, ``train``, or ``value`` inside arguments.
    node: the tree whose name it is. owner: of an argument, the call; of a parameter, its let.
    """

    kind: Kind
    text: str
    start: int
    end: int
    defines: bool
    space: str
    node: ast.Node
    owner: ast.Node | None = None


def let_name(let: ast.Let) -> int:
    """Where the name of a let begins in its source."""
    said = _LET.match(let.span.text)
    return let.span.start + (said.end() if said else len("let "))


def names_of(unit: Unit, kind: str) -> tuple[Name, ...]:
    """The names of a part that is in a statement of a kind."""
    return tuple(name for item in unit.items for name in _item(item, kind))


def _item(item: ast.Item, kind: str) -> Iterator[Name]:
    match item:
        case ast.Let(name=name, params=parameters, body=body):
            start = let_name(item)
            yield Name("let", name, start, start + len(name), True, "net", item)
            known = {p.name for p in parameters or ()}
            for p in parameters or ():
                yield Name("param", p.name, p.span.start, p.span.start + len(p.name), True, "net", p, item)
                if p.default is not None:
                    yield from _expr(p.default, "value", item, known)
            yield from _expr(body, "net", item, known)
        case ast.Include(path=path, span=span):
            yield Name("path", path, span.end - len(path) - 1, span.end - 1, False, "", item)
        case ast.Statement(body=body):
            space = kind if kind in ast.SETTINGS else "value" if kind in ("input", "classes", "task") else "net"
            yield from _expr(body, space, None, set())


def _expr(node: ast.Node, space: str, let: ast.Let | None, known: set[str]) -> Iterator[Name]:
    start, end = node.span.start, node.span.end
    if space in ast.SETTINGS and isinstance(node, ast.Binary):
        node = hyphenated(node)
    kind: Kind
    match node:
        case ast.Word(name=name):
            if name in known:
                yield Name("param", name, start, start + len(name), False, space, node, let)
            else:
                kind = "setting" if space in ast.SETTINGS else "word"
                yield Name(kind, name, start, start + len(name), False, space, node, let)
            yield from _call(node, "net" if space == "value" else space, let, known)
        case ast.Modifier(name=name) if space == "value" or name in known:  # `-h` among arguments is minus `h`
            kind = "param" if name in known else "word"
            yield Name(kind, name, start + 1, start + 1 + len(name), False, space, node, let)
            yield from _call(node, "net", let, known)
        case ast.Modifier(name=name):
            yield Name("modifier", name, start + 1, start + 1 + len(name), False, "modifier", node, let)
            yield from _call(node, "modifier", let, known)
        case ast.Keyword(name=name, value=value):
            yield Name("argument", name, start, start + len(name), False, space, node, let)
            yield from _expr(value, space, let, known)
        case ast.Label(name=name, body=body):
            yield Name("label", name, start, start + len(name), True, space, node, let)
            yield from _expr(body, space, let, known)
        case ast.Mark(name=name) | ast.Ref(name=name):
            yield Name("mark", name, end - len(name), end, isinstance(node, ast.Mark), space, node, let)
        case _:
            for child in children(node):
                yield from _expr(child, space, let, known)


def _call(node: ast.Word | ast.Modifier, space: str, let: ast.Let | None, known: set[str]) -> Iterator[Name]:
    """The names in stages and arguments."""
    for stage in (node.stages if isinstance(node, ast.Word) else None) or ():
        yield from _stage(stage, node, space, let, known)
    yield from _arguments(node.args or (), node, space, let, known)


def _stage(
    stage: ast.Expr, node: ast.Word | ast.Modifier, space: str, let: ast.Let | None, known: set[str]
) -> Iterator[Name]:
    if isinstance(stage, ast.Word):
        yield from _expr(stage, "value", let, known)
    elif isinstance(stage, ast.Cross):
        for part in stage.parts:
            yield from _expr(part, "value", let, known)
        yield from _arguments(stage.args or (), node, space, let, known)
    else:
        for child in children(stage):
            yield from _stage(child, node, space, let, known)


def _arguments(
    args: tuple[ast.Expr, ...], node: ast.Word | ast.Modifier, space: str, let: ast.Let | None, known: set[str]
) -> Iterator[Name]:
    """Whether a network or a value is there, the callee's signature knows."""
    flags = flags_of(space, node.name) if args else set()
    for place, arg in enumerate(args):
        inner = argument_space(space, node.name, place, arg.name if isinstance(arg, ast.Keyword) else None)
        if isinstance(arg, ast.Word) and arg.args is None and arg.name in flags:
            yield Name("argument", arg.name, arg.span.start, arg.span.end, False, space, arg, node)
        elif isinstance(arg, ast.Keyword):
            yield Name("argument", arg.name, arg.span.start, arg.span.start + len(arg.name), False, space, arg, node)
            yield from _expr(arg.value, inner, let, known)
        else:
            yield from _expr(arg, inner, let, known)


def flags_of(space: str, callee: str) -> set[str]:
    """The arguments of a word that may be given by their name alone."""
    entry = find(space, callee)
    return {p.name for p in params(entry) if p.flag is not MISSING} if entry is not None else set()


def argument_space(space: str, callee: str, place: int, keyword: str | None) -> str:
    """``net`` where an argument is a network, or may be one; else ``value``."""
    entry = find(space, callee)
    if entry is None:
        return "net"  # a let: its parameters may be either
    if entry.kind == "join":
        return "net" if place == 0 and keyword is None else "value"
    known = params(entry)
    if keyword is not None:
        return "net" if any(p.name == keyword and p.base == "node" for p in known) else "value"
    return "net" if place < len(known) and known[place].base == "node" else "value"
