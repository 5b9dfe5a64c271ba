"""A network's text cut into terms: a word, group or choice, with the modifiers that rewrite it."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from archdsl.registry import find
from archdsl.syntax import ast

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.expand.holes import Flat

Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """``expr`` with its holes. ``key`` gives the choices that it depends on; ``stages`` those of each stage of a family
    whose stages depend on nothing else, empty for other terms.
    """

    expr: ast.Expr
    key: Callable[[Key], Any]
    stages: tuple[Callable[[Key], Any], ...] = ()


def terms(body: ast.Expr, flat: Flat, every: tuple[int, ...]) -> list[Term]:
    """The terms of a network. ``every``: axes on which all of them depend."""
    groups: list[list[ast.Expr]] = []
    for item in body.items if isinstance(body, ast.Seq) else (body,):
        if groups and (isinstance(item, ast.Modifier) or _modifies(item)):
            groups[-1].append(item)
        else:
            groups.append([item])
    for at in range(len(groups) - 1, 0, -1):
        if len(groups[at]) > 1 and _may_vanish(groups[at][0]):  # its modifiers would rewrite what is before
            groups[at - 1 : at + 1] = [groups[at - 1] + groups[at]]
    return [_term(group, body, flat, every) for group in groups]


def _term(group: list[ast.Expr], body: ast.Expr, flat: Flat, every: tuple[int, ...]) -> Term:
    expr = ast.Seq(tuple(group), body.span) if len(group) > 1 else group[0]
    whole = picker(sorted({*flat.places(expr), *every}))
    word = group[0]
    if not isinstance(word, ast.Word) or not word.stages or not _local(word, group[1:]):
        return Term(expr, whole)
    shared = {*flat.places(*group[1:], *(word.args or ())), *every}
    return Term(expr, whole, tuple(picker(sorted({*flat.places(s), *shared})) for s in word.stages))


def picker(places: list[int]) -> Callable[[Key], Any]:
    """What gives the choices at these places."""
    if len(places) == 1:
        return itemgetter(places[0])
    return itemgetter(*places) if places else lambda picks: ()


def _local(word: ast.Word, modifiers: list[ast.Expr]) -> bool:
    family = find("net", word.name)
    if family is None or family.kind != "family" or not family.local:
        return False
    if not all(_one_stage(choice) for stage in word.stages or () for choice in _choices(stage)):
        return False
    for choice in (c for m in modifiers for c in _choices(m)):
        for part in choice.items if isinstance(choice, ast.Seq) else (choice,):
            if not isinstance(part, ast.Modifier) or part.sign != "+":
                return False
            entry = find("modifier", part.name)
            if entry is None or not entry.local:
                return False
    return True


def _choices(expr: ast.Expr) -> list[ast.Expr]:
    if isinstance(expr, ast.Hole):
        return [c for c in expr.choices if c is not None]
    return [expr]


def _one_stage(expr: ast.Expr) -> bool:
    """Whether this is one stage, and not several by `^` or `*`."""
    return isinstance(expr, ast.Number | ast.Cross)


def _modifies(item: ast.Expr) -> bool:
    if not isinstance(item, ast.Hole):
        return False
    firsts = (c.items[0] if isinstance(c, ast.Seq) else c for c in _choices(item))
    return any(isinstance(first, ast.Modifier) for first in firsts)


def _may_vanish(item: ast.Expr) -> bool:
    return isinstance(item, ast.Hole) and None in item.choices
