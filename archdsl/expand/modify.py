"""Modifiers on a term: bound, checked for doubles and contradictions, sorted by phase, applied one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archdsl.errors import Span, SpecError, fail, suggest
from archdsl.expand.bind import Expand, bind
from archdsl.expand.env import Env, collect
from archdsl.ir.nodes import NODES, Node, Op, children, rebuild
from archdsl.ir.symbol import ArithmeticMisfit
from archdsl.registry import Entry, Phase, carry, find, names, wrong
from archdsl.syntax import ast


def apply_modifiers(node: Node, mods: tuple[ast.Modifier, ...], env: Env, network: Expand) -> Node:
    """The node with all modifiers of a term applied; their order in the text does not matter.

    Raises:
        SpecError: A203 unknown, A204–A209 arguments, A210 no effect, A211 double or contradictory.
    """
    bound: list[tuple[Entry, tuple[Any, ...], ast.Modifier]] = []
    errors: list[SpecError] = []
    for mod in mods:
        try:
            bound.append(_bound(mod, env, network))
        except SpecError as error:
            errors.append(error)
    collect(errors)
    _check(bound)
    for entry, args, mod in sorted(bound, key=_order):
        try:
            new = _rewritten(entry, node, args if mod.sign == "+" else None)
        except ArithmeticMisfit as error:
            raise fail("A208", str(error), mod.span) from None
        except SpecError as error:  # of a layer that the modifier cannot rewrite, which may have no place of its own
            raise error.within(f"`{mod.sign}{mod.name}`", mod.span) from None
        if new is None:
            raise fail("A210", f"`{mod.sign}{mod.name}` has no effect here", mod.span, _why(entry, mod))
        node = _stamped(new, node, mod.span)
    return node


def _order(bound: tuple[Entry, tuple[Any, ...], ast.Modifier]) -> tuple[bool, Phase | None, str]:
    """What is taken away goes first, so that others fill its place; biases go last, with those of layers that others made."""
    entry, _, mod = bound
    return (mod.sign == "+" or entry.phase == Phase.BIAS, entry.phase, entry.name)


def _rewritten(entry: Entry, node: Node, args: tuple[Any, ...] | None) -> Node | None:
    """What a modifier makes of a node; without arguments, what its undo makes of it."""
    act = entry.make if args is not None else entry.undo
    assert act is not None  # a modifier without one is refused
    new = carry(entry, act, node, *(args or ()))
    if new is not None and not isinstance(new, NODES):
        raise wrong(entry, act, new)
    return new


def _stamped(new: Node, old: Node, span: Span) -> Node:
    """The new term, in which the layers that the modifier made or changed have its place in the text."""
    known: set[int] = set()

    def learn(node: Node) -> None:
        if id(node) not in known:
            known.add(id(node))
            for child in children(node):
                learn(child)

    learn(old)
    memo: dict[int, Node] = {}

    def stamp(node: Node) -> Node:
        if id(node) in known:
            return node
        if id(node) not in memo:
            done = rebuild(node, stamp)
            memo[id(node)] = replace(done, span=span) if isinstance(done, Op) and done.span is None else done
        return memo[id(node)]

    return stamp(new)


def _bound(mod: ast.Modifier, env: Env, network: Expand) -> tuple[Entry, tuple[Any, ...], ast.Modifier]:
    entry = find("modifier", mod.name)
    if entry is None:
        help = suggest(mod.name, names("modifier"), mod.sign)
        if not help and find("net", mod.name) is not None:
            help = f"`{mod.name}` is a layer: write it without the sign"
        more = "`archdsl words modifiers` lists all"
        raise fail("A203", f"unknown modifier `{mod.sign}{mod.name}`", mod.span, f"{help}   ({more})" if help else more)
    if mod.sign == "-":
        if mod.args is not None:
            raise fail("A207", f"`-{mod.name}` takes no arguments", mod.span)
        return entry, (), mod
    return entry, bind(entry, mod.args, env, mod, network), mod


def _check(bound: list[tuple[Entry, tuple[Any, ...], ast.Modifier]]) -> None:
    errors = []
    seen: dict[str, ast.Modifier] = {}
    for entry, _, mod in bound:
        keys = {entry.name, f"+{entry.slot}"} if mod.sign == "+" and entry.slot else {entry.name}
        first = next((seen[k] for k in sorted(keys) if k in seen), None)
        if first is not None:
            same = (first.sign, first.name) == (mod.sign, mod.name)
            what = "is given twice" if same else f"contradicts `{first.sign}{first.name}`"
            errors.append(fail("A211", f"`{mod.sign}{mod.name}` {what}", mod.span, "keep one of them"))
        seen.update(dict.fromkeys(keys, mod))
    collect(errors)


def _why(entry: Entry, mod: ast.Modifier) -> str:
    if mod.sign == "-":
        return f"the term before it has nothing that `+{entry.name}` adds"
    return (
        f"a modifier changes the term directly before it, and `+{entry.name}` does not fit there. "
        f"{entry.summary} Example: `{entry.examples[0]}`"
    )
