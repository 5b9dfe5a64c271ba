"""What an expansion keeps for the next one of nearly the same text: the terms of the network, by the identity of their
trees, with the lets that they used. An editor expands a text at each keystroke, and one term of it has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archdsl.expand.include import library
from archdsl.syntax import ast
from archdsl.syntax.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from archdsl.errors import SpecError
    from archdsl.expand.env import Budget, Env
    from archdsl.ir.nodes import Node

Term = tuple[ast.Expr, ...]  # an item of a sequence and its modifiers


class _Kept(NamedTuple):
    term: Term  # keeps the trees alive, so that nothing else can have their identity
    node: Node
    layers: int
    steps: int
    used: dict[str, ast.Let]
    decided: dict[bool, Node]  # the node with its biases decided


class Memo:
    """Give the same one to each expansion. ``errors`` are those of the last one, which continues where it can.

    Args:
        include: finds the lets of an included file.
    """

    def __init__(self, include: Callable[[ast.Include], list[ast.Let]] = library) -> None:
        self.include = include
        self.errors: list[SpecError] = []
        self.names: set[str] = set()
        self.old: dict[tuple[int, ...], _Kept] = {}
        self.new: dict[tuple[int, ...], _Kept] = {}

    def begin(self, lets: dict[str, ast.Let]) -> None:
        """A new expansion; what the last one did not use is forgotten. A name that comes or goes may change any term."""
        self.old = self.new if self.names == lets.keys() else {}
        self.new, self.names = {}, set(lets)

    def term(self, term: Term, env: Env, make: Callable[[Term, Env], Node]) -> Node:
        """The node of a term, made again only if it or a let that it uses has changed.

        Raises:
            SpecError: as ``make``; errors are never kept.
        """
        key = tuple(map(id, term))
        kept = self.old.get(key)
        budget, errors = env.budget, len(self.errors)
        if kept is not None and all(env.lets.get(n) is let for n, let in kept.used.items()):
            budget.steps += kept.steps
            budget.spend(kept.layers, term[0].span)
            budget.used |= kept.used.keys()
        else:
            kept = self.made(term, env, budget, make)
        if len(self.errors) == errors and not any(
            isinstance(n, ast.Mark | ast.Ref | ast.Hole) for t in term for n in walk(t)
        ):
            self.new[key] = kept
        return kept.node

    def made(self, term: Term, env: Env, budget: Budget, make: Callable[[Term, Env], Node]) -> _Kept:
        before, steps, used = budget.layers, budget.steps, budget.used
        budget.used = set()
        try:
            node = make(term, env)
        finally:
            own, budget.used = budget.used, used | budget.used
        return _Kept(term, node, budget.layers - before, budget.steps - steps, {n: env.lets[n] for n in own}, {})

    @property
    def decided(self) -> dict[int, dict[bool, Node]]:
        """By node, its results of ``decide_biases``."""
        return {id(kept.node): kept.decided for kept in self.new.values()}
