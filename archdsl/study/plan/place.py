"""Where a factor is in the base: in the place of what it toggles, or where it would be written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from archdsl.errors import ArchError, Source, suggest
from archdsl.expand.holes import axes
from archdsl.registry import find
from archdsl.registry import names as every_name
from archdsl.study.plan.factors import Factor, parts
from archdsl.study.plan.toggle import (
    body_of,
    forms,
    hole_of,
    is_network,
    key_of,
    keys_of,
    network_nodes,
    space_of,
    toggled,
)
from archdsl.syntax import ast
from archdsl.syntax.parse import parse
from archdsl.syntax.unparse import unparse
from archdsl.syntax.walk import rebuild, walk

HEAD = frozenset({"gap", "gmp", "flatten", "linear", "softmax", "global"})  # written at the end of many nets


def put(file: ast.File, factor: Factor) -> ast.File:
    """The base with the factor's hole in the place of what it toggles; where the base has nothing of it, in the place
    where it would be written.

    Raises:
        ArchError: no single place is right, or the levels belong to different statements.
        SpecError: a level does not parse.
    """
    if any(axis.name == factor.name for axis in axes(file)):
        raise ArchError(f"the base has a hole named `{factor.name}` already", help="give the factor another name")
    if len(several := forms(factor)) > 1:
        for form in several:
            file = _form(file, form)
        return file
    lets = {i.name for i in file.items if isinstance(i, ast.Let) and i.params is None}
    if factor.name.startswith("let.") or (factor.name in lets and factor.numbers is not None):
        return _in_let(file, factor)
    if factor.name == "net":
        return _whole_net(file, factor)
    space, levels = space_of(factor)
    hole = hole_of(factor.name, space, levels)
    if space == "net":
        return _in_net(file, factor, hole)
    return _in_statement(file, space, hole)


def _form(file: ast.File, form: Factor) -> ast.File:
    """One form: what is in the network exactly so becomes the hole."""
    space, levels = space_of(form)
    hole = hole_of(form.name, space, levels)
    first = hole.choices[0]

    def wanted(node: Any) -> bool:
        return type(node) is type(first) and node == first

    if space != "net" or not any(wanted(n) for item in file.items if is_network(item) for n in walk(item)):
        raise ArchError(
            f"factor `{form.name}`: the base has no `{form.levels[0]}`",
            help="each form of its first level must occur in the network",
        )
    return _replaced(file, wanted, hole)


# -- placing ----------------------------------------------------------------------------------------------


def _in_let(file: ast.File, factor: Factor) -> ast.File:
    name = factor.name.removeprefix("let.")
    lets = {i.name: i for i in file.items if isinstance(i, ast.Let) and i.params is None}
    if name not in lets:
        raise ArchError(f"factor `{factor.name}`: the base has no `let {name}`", help=suggest(name, lets))
    bodies = tuple(body_of(parse(Source(f"factor {factor.name}", f"let x = {t}")).items[0]) for t in factor.levels if t)
    if len(bodies) < len(factor.levels):
        raise ArchError(f"factor `{factor.name}`: a `let` cannot be empty")
    return _swap(file, lets[name], ast.Hole(factor.name, "alternatives", bodies, bodies[0].span))


def _whole_net(file: ast.File, factor: Factor) -> ast.File:
    bodies = tuple(body_of(parse(Source("factor net", f"net {t}")).items[0]) for t in factor.levels if t)
    if len(bodies) < len(factor.levels):
        raise ArchError("factor `net`: a network cannot be empty")
    return _swap(file, _net(file), ast.Hole("net", "alternatives", bodies, bodies[0].span))


def _net(file: ast.File) -> ast.Statement:
    for item in file.items:
        if isinstance(item, ast.Statement) and item.kind in ("net", "bare"):
            return item
    raise ArchError("the base has no network", help="write its `net …` line")


def _swap(file: ast.File, old: ast.Item, body: ast.Expr) -> ast.File:
    new = replace(old, body=body)  # type: ignore[arg-type]
    return replace(file, items=tuple(new if i is old else i for i in file.items))


def _in_statement(file: ast.File, space: str, hole: ast.Hole) -> ast.File:
    """In place of the words that the levels would replace; else behind the others."""
    keys = keys_of(space, hole)
    old = next((i for i in file.items if isinstance(i, ast.Statement) and i.kind == space), None)
    if old is None:
        return replace(file, items=(*file.items, ast.Statement(space, hole, hole.span)))
    items: list[ast.Expr] = []
    for part in parts(old.body):
        if key_of(space, part) not in keys:
            items.append(part)
        elif hole not in items:
            items.append(hole)
    if hole not in items:
        items.append(hole)
    return _swap(file, old, items[0] if len(items) == 1 else ast.Seq(tuple(items), old.body.span))


def _in_net(file: ast.File, factor: Factor, hole: ast.Hole) -> ast.File:
    kind, names = toggled(factor, hole)
    found = [n for n in network_nodes(file) if isinstance(n, kind) and n.name in names]
    if found:
        meant = _meant(factor, hole, found)
        return _replaced(
            file, lambda n: isinstance(n, kind) and n.name in names and (meant is None or n == meant), hole
        )
    net = _net(file)
    items = list(parts(net.body))
    at = _behind_family(factor, items, names) if kind is ast.Modifier else _before_head(items)
    items.insert(at, hole)
    return _swap(file, net, ast.Seq(tuple(items), net.body.span))


def _meant(factor: Factor, hole: ast.Hole, found: Sequence[Any]) -> Any:
    """Which of several different places of one name a factor is about: those that have one of its levels; None: all of them.

    Raises:
        ArchError: nothing says which, or the arm without it would keep some.
    """
    texts = dict.fromkeys(map(unparse, found))
    if len(texts) == 1 or any(len(parts(choice)) > 1 for choice in hole.choices):
        return None
    levels = [choice for choice in hole.choices if choice is not None and choice in found]
    here = " and ".join(f"`{text}`" for text in texts)
    remedy = "put holes there: {" + f"{factor.name}: {' | '.join(level or 'none' for level in factor.levels)}" + "}"
    if len(levels) != 1:
        raise ArchError(
            f"factor `{factor.name}`: the base has {here}, and it does not say which of them it is about", help=remedy
        )
    if None in hole.choices:
        rest = ", ".join(f"`{text}`" for text in texts if text != unparse(levels[0]))
        raise ArchError(
            f"factor `{factor.name}`: the arm without `{unparse(levels[0])}` would still have {rest}", help=remedy
        )
    return levels[0]


def _replaced(file: ast.File, wanted: Callable[[Any], bool], hole: ast.Hole) -> ast.File:
    """Every such part of the network replaced by the hole; several next to each other by one."""

    def change(node: Any) -> Any:
        if wanted(node):
            return hole
        if isinstance(node, ast.Hole):  # of another factor
            return node
        new = rebuild(node, change)
        if isinstance(new, ast.Seq):
            kept = tuple(i for n, i in enumerate(new.items) if i is not hole or n == 0 or new.items[n - 1] is not hole)
            return ast.Seq(kept, new.span) if len(kept) != len(new.items) else new
        return new

    done = (rebuild(item, change) if is_network(item) else item for item in file.items)
    return replace(file, items=tuple(done))


def _behind_family(factor: Factor, items: list[ast.Expr], modifiers: set[str]) -> int:
    """Behind the one family of the net, and the modifiers that it has."""
    places = [n for n, item in enumerate(items) if _is_family(item)]
    if len(places) != 1:
        for name in sorted(modifiers):  # where a place is known, the checker says so with its place
            if find("modifier", name) is None:
                raise ArchError(
                    f"factor `{factor.name}`: unknown modifier `+{name}`",
                    help=suggest(name, every_name("modifier"), "+") or "`archdsl words modifiers`",
                )
        level = next(level for level in factor.levels if level)
        raise ArchError(
            f"factor `{factor.name}`: the base does not say where `{level}` belongs",
            help="put a hole there: {" + f"{factor.name}: {' | '.join(factor.levels)}" + "}",
        )
    at = places[0] + 1
    while at < len(items) and (isinstance(items[at], ast.Modifier) or _modifies(items[at])):
        at += 1
    return at


def _is_family(item: ast.Expr) -> bool:
    body = item.body if isinstance(item, ast.Label) else item
    if isinstance(body, ast.Binary | ast.Group):
        return False
    entry = find("net", body.name) if isinstance(body, ast.Word) else None
    return entry is not None and entry.kind == "family"


def _modifies(item: ast.Expr) -> bool:
    """Whether a hole holds modifiers."""
    if not isinstance(item, ast.Hole):
        return False
    return any(isinstance(part, ast.Modifier) for choice in item.choices for part in parts(choice))


def _before_head(items: list[ast.Expr]) -> int:
    at = len(items)
    while at > 1 and isinstance(items[at - 1], ast.Word) and items[at - 1].name in HEAD:  # type: ignore[union-attr]
        at -= 1
    return at
