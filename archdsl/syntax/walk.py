"""Walking and rebuilding syntax trees without knowing their kinds."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from archdsl.syntax import ast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

N = TypeVar("N")
_KINDS: tuple[type, ...] = (
    ast.Number,
    ast.String,
    ast.Keyword,
    ast.Word,
    ast.Cross,
    ast.Binary,
    ast.Negative,
    ast.Seq,
    ast.Group,
    ast.Tuple,
    ast.Branches,
    ast.LayerRange,
    ast.Label,
    ast.Modifier,
    ast.Mark,
    ast.Ref,
    ast.Hole,
    ast.Param,
    ast.Let,
    ast.Include,
    ast.Statement,
    ast.File,
)
_PLAIN = frozenset({"span", "name", "text", "op", "sign", "kind", "axis", "path", "scale"})
# Of each kind, the fields that may hold nodes.
_FIELDS: dict[type, tuple[str, ...]] = {
    kind: () if kind is ast.String else tuple(f.name for f in fields(kind) if f.name not in _PLAIN) for kind in _KINDS
}


def children(node: Any) -> Iterator[Any]:
    """The nodes directly inside, in the order of the text."""
    for name in _FIELDS[type(node)]:
        value = getattr(node, name)
        if type(value) is tuple:
            for item in value:
                if item is not None:
                    yield item
        elif value is not None:
            yield value


def walk(node: Any) -> Iterator[Any]:
    """The node and all nodes inside, in the order of the text."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(children(node))))


def rebuild(node: N, change: Callable[[Any], Any]) -> N:
    """The node with ``change`` applied to each node directly inside; itself if nothing changed. Where ``change`` gives
    None, an item of a list is left out."""
    kind = type(node)
    new: list[Any] = []
    changed = False
    for name in kind.__slots__:  # type: ignore[attr-defined]
        old = getattr(node, name)
        value = old
        if name in _FIELDS[kind]:
            if type(old) is tuple:
                value = tuple([x for x in (i if i is None else change(i) for i in old) if x is not None])
                if len(value) == len(old) and all(map(_same, value, old)):
                    value = old
            elif old is not None:
                value = change(old)
            changed = changed or value is not old
        new.append(value)
    return kind(*new) if changed else node


def _same(a: Any, b: Any) -> bool:
    return a is b
