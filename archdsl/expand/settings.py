"""The words of ``data``, ``train`` and ``evaluate`` statements, bound to settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.errors import ArchError, SpecError, fail, suggest
from archdsl.expand.bind import bind
from archdsl.expand.env import Env, collect
from archdsl.expand.graph import Setting
from archdsl.expand.network import network
from archdsl.expand.values import still_open
from archdsl.ir.symbol import Symbol
from archdsl.registry import find, names, value_of
from archdsl.syntax import ast

if TYPE_CHECKING:
    from archdsl.ir.nodes import Node


def settings(space: str, statement: ast.Statement | None, env: Env) -> tuple[Setting, ...]:
    """The settings of a statement, in order.

    Raises:
        SpecError: A201 unknown word, A216 an open choice, A220 two words for one setting.
    """
    if statement is None:
        return ()
    body = statement.body
    found: list[Setting] = []
    errors: list[SpecError] = []
    slots: dict[str, Setting] = {}
    for item in body.items if isinstance(body, ast.Seq) else (body,):
        try:
            setting = _setting(space, hyphenated(item), env)
        except SpecError as error:
            errors.append(error)
            continue
        slot = setting.entry.slot
        if slot and slot in slots:
            name, other = setting.entry.name, slots[slot].entry.name
            errors.append(
                fail(
                    "A220",
                    f"`{name}` is given twice" if name == other else f"`{name}` and `{other}` both set the {slot}",
                    setting.span,
                    "keep one of them",
                )
            )
        slots[slot] = setting
        found.append(setting)
    collect(errors)
    return tuple(found)


def hyphenated(item: ast.Expr) -> ast.Expr:
    """``fashion-mini`` is written like a difference of two words; in a statement of settings it is one name."""
    if isinstance(item, ast.Binary) and item.op == "-" and item.span.text.replace("-", "").isidentifier():
        left = hyphenated(item.left)
        if isinstance(left, ast.Word) and isinstance(item.right, ast.Word) and left.args is None:
            name = f"{left.name}-{item.right.name}"
            return ast.Word(name, item.right.stages, item.right.args, item.span)
    return item


def _setting(space: str, item: ast.Expr, env: Env) -> Setting:
    if isinstance(item, ast.Hole):
        raise still_open(item)
    if not isinstance(item, ast.Word) or item.stages is not None:
        raise fail("A217", f"`{item.span.text}` is not a word of a `{space}` statement", item.span)
    entry = find(space, item.name)
    if entry is None:
        for other in ("train", "data", "net", "evaluate"):
            if other != space and find(other, item.name) is not None:
                raise fail("A201", f"`{item.name}` belongs in a `{other}` statement", item.span)
        raise fail("A201", f"unknown {space} word `{item.name}`", item.span, _remedy(item.name, space))

    def body(expr: ast.Expr, inner: Env) -> Node:
        return network(expr, inner.branch())

    args = bind(entry, item.args, env, item, body)
    if any(isinstance(a, Symbol) for a in args):
        raise fail(
            "A208",
            f"`{item.name}` takes numbers that are known: `cin` is not defined here, where no layer precedes",
            item.span,
        )
    try:
        value = value_of(entry, args)
    except SpecError:
        raise
    except ArchError as error:
        raise fail("A209", error.message, item.span, error.help) from None
    return Setting(entry, args, value, item.span)


def _remedy(name: str, space: str) -> str:
    from archdsl.registry.synonyms import synonym  # a large table, for errors alone

    known = names(space)
    return synonym(name, known) or suggest(name, known) or f"`archdsl words {space}` lists all"
