"""Choices put into the holes of a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.errors import fail
from archdsl.syntax import ast
from archdsl.syntax.walk import children, rebuild

if TYPE_CHECKING:
    from archdsl.expand.holes import Axis

_ATOMS = (ast.Number, ast.String, ast.Word, ast.Group, ast.Tuple, ast.Ref, ast.Hole)


def outer(node: ast.Node) -> list[ast.Hole]:
    """The holes that are in no alternative of another one."""
    found: list[ast.Hole] = []
    stack: list[Any] = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, ast.Hole):
            found.append(top)
        else:
            stack.extend(reversed(list(children(top))))
    return found


class Filler:
    """Puts choices into a tree. Only items with holes are rebuilt; the others are shared by all arms."""

    def __init__(self, found: tuple[Axis, ...]) -> None:
        self.places = {id(h): (n, c) for n, axis in enumerate(found) for h, c in axis.holes}
        self.indices: tuple[int, ...] = ()
        self.memo: dict[tuple[int, tuple[int, ...]], Any] = {}
        self.own: dict[int, tuple[int, ...]] = {}

    def __call__(self, file: ast.File, indices: tuple[int, ...]) -> ast.File:
        self.indices = indices
        items = []
        for item in file.items:
            if id(item) not in self.own:
                self.own[id(item)] = tuple({self.places[id(h)][0]: 0 for h in outer(item)})
            places = self.own[id(item)]
            if len(places) == len(indices):  # it changes with every arm
                new = self.item(item)
            else:
                key = (id(item), tuple([indices[p] for p in places]))
                new = self.memo[key] if key in self.memo else self.memo.setdefault(key, self.item(item))
            if new is not None:
                items.append(new)
        return ast.File(tuple(items), file.span)

    def part(self, node: ast.Expr, indices: tuple[int, ...]) -> Any:
        """A part of the tree with these choices put in; None where it comes out empty."""
        self.indices = indices
        return self.fill(node)

    def item(self, item: ast.Item) -> ast.Item | None:
        if isinstance(item, ast.Include):
            return item
        body = self.fill(item.body)
        if body is None:
            if isinstance(item, ast.Statement) and item.kind in ast.SETTINGS:
                return None
            raise fail("A222", "the empty choice leaves nothing here", item.span, "write something for it")
        if isinstance(item, ast.Let):
            params = tuple([rebuild(p, self.fill) for p in item.params]) if item.params else item.params
            return ast.Let(item.name, params, body, item.span)
        return ast.Statement(item.kind, body, item.span)

    def fill(self, node: Any) -> Any:
        """The node with its holes filled; None where it comes out empty."""
        match node:
            case ast.Hole():
                number, choices = self.places[id(node)]
                return choices[self.indices[number]]
            case ast.Seq():
                return self.sequence(node)
            case ast.Group(body=body) | ast.Label(body=body) | ast.Keyword(value=body):
                new = self.fill(body)
                if new is None or new is body:
                    return new if new is None else node
                if isinstance(node, ast.Group):
                    return ast.Group(new, node.span)
                if isinstance(node, ast.Keyword):
                    return ast.Keyword(node.name, new, node.span)
                return ast.Label(node.name, _atom(new) if isinstance(body, ast.Hole) else new, node.span)
            case ast.Binary() | ast.Cross() | ast.Negative() | ast.LayerRange():
                return rebuild(node, self.operand)
            case ast.Branches():
                left = rebuild(node, self.fill)
                return left.items[0] if len(left.items) == 1 else left if left.items else None
            case _:
                new = rebuild(node, self.fill)
                emptied = isinstance(node, ast.Word) and node.stages and not new.stages
                if emptied or (isinstance(node, ast.Tuple) and node.items and not new.items):
                    raise fail("A222", "the empty choice leaves an empty list", node.span, "write something for it")
                return new

    def operand(self, node: Any) -> Any:
        new = self.fill(node)
        if new is None:
            raise fail("A222", "the empty choice leaves nothing here", node.span, "write something for it")
        return _atom(new) if isinstance(node, ast.Hole) else new

    def sequence(self, node: ast.Seq) -> Any:
        filled = [(old, new) for old in node.items if (new := self.fill(old)) is not None]
        items: list[Any] = []
        for at, (old, new) in enumerate(filled):
            if isinstance(old, ast.Hole) and isinstance(new, ast.Seq):
                if _modifies(filled[at + 1 : at + 2]) and not isinstance(new.items[0], ast.Modifier):
                    items.append(ast.Group(new, new.span))  # the modifier rewrites the whole choice
                else:
                    items.extend(new.items)
            else:
                items.append(new)
        return ast.Seq(tuple(items), node.span) if len(items) > 1 else items[0] if items else None


def _modifies(behind: list[tuple[ast.Expr, Any]]) -> bool:
    """Whether the next item begins with a modifier: it is one, or the choice put in for it."""
    return any(
        isinstance(new.items[0] if isinstance(old, ast.Hole) and isinstance(new, ast.Seq) else new, ast.Modifier)
        for old, new in behind
    )


def _atom(node: ast.Expr) -> ast.Expr:
    return node if isinstance(node, _ATOMS) else ast.Group(node, node.span)
