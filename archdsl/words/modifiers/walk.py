"""Where modifiers look: the blocks of a term, and the layers of a block. Gates (``se`` and its like) and
layers made of layers (``sepconv``) stay closed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard

from archdsl.ir.nodes import Fan, Node, Op, Seq, arg, children, rebuild, with_items

if TYPE_CHECKING:
    from collections.abc import Callable


def has_block(node: Node, memo: dict[int, bool] | None = None) -> bool:
    """Whether a block stands anywhere inside (the node itself not counted)."""
    memo = {} if memo is None else memo
    if id(node) not in memo:
        memo[id(node)] = any(
            (isinstance(c, Seq) and c.role == "block") or has_block(c, memo) for c in children(node) if not closed(c)
        )
    return memo[id(node)]


def closed(node: Node) -> bool:
    """Whether modifiers leave a node's inside alone."""
    return isinstance(node, Seq) and node.role in ("gate", "layer")


def each_block(term: Node, change: Callable[[Node], Node]) -> Node:
    """The term with ``change`` applied to its innermost blocks, or to itself where it has none."""
    memo: dict[int, Node] = {}
    known: dict[int, bool] = {}

    def walk(node: Node) -> Node:
        if id(node) not in memo:
            if closed(node):
                memo[id(node)] = node
            elif has_block(node, known):
                memo[id(node)] = rebuild(node, walk)
            elif isinstance(node, Seq) and node.role == "block":
                memo[id(node)] = change(node)
            else:
                memo[id(node)] = node
        return memo[id(node)]

    return walk(term) if has_block(term) else change(term)


def each_body(term: Node, change: Callable[[Seq], Node]) -> Node:
    """The term with ``change`` applied to the body of each block; a block without one is its own body."""
    return each_block(term, lambda block: in_body(block, change))


def in_body(block: Node, change: Callable[[Seq], Node]) -> Node:
    """A block with its body, or itself where it has none, changed."""
    if has_body(block):
        return _bodies(block, change)
    if isinstance(block, Seq) and block.role == "block":
        return replace(block, items=(within(Seq(block.items, role="body"), change),))
    return within(block if isinstance(block, Seq) and not (block.name or block.label) else Seq((block,)), change)


def within(body: Seq, change: Callable[[Seq], Node]) -> Node:
    """A body changed where its layers are: a let or a label that is all of it is but a name for them."""
    items = flat(body)
    if len(items) != 1 or not is_open(only := items[0]):
        return change(body)
    inner = within(Seq(only.items, role=body.role, pre=body.pre), change)
    return replace(body, items=(with_items(only, (inner,)),), role="", pre=False)


def is_open(node: Node) -> TypeGuard[Seq]:
    """Whether a node is a name for the layers inside it, which modifiers see as if they stood there: a let, a label."""
    return isinstance(node, Seq) and not (node.role or node.pre)


def weights(node: Node) -> int:
    """How many layers with weights a node is; one that modifiers leave closed is one layer, a join is none."""
    if isinstance(node, Seq):
        return sum(map(weights, node.items)) if is_open(node) else int(node.role == "layer")
    return int(is_op(node, "weighted"))


def sure_skip(node: Node) -> bool:
    """Whether a node is a residual sum whose skip stands whatever shape arrives."""
    return (
        isinstance(node, Fan)
        and node.role == "res"
        and not any(isinstance(b, Op) and b.name == "shortcut" and arg(b, "kind") == "same" for b in node.branches)
    )


def has_body(node: Node) -> bool:
    """Whether a body is marked anywhere inside."""
    return any((isinstance(c, Seq) and c.role == "body") or has_body(c) for c in children(node) if not closed(c))


def _bodies(node: Node, change: Callable[[Seq], Node]) -> Node:
    if isinstance(node, Seq) and node.role == "body":
        return within(node, change)
    return node if closed(node) else rebuild(node, lambda child: _bodies(child, change))


def each_op(term: Node, change: Callable[[Op], Node]) -> Node:
    """The term with ``change`` applied to every layer outside gates."""
    memo: dict[int, Node] = {}

    def walk(node: Node) -> Node:
        if id(node) not in memo:
            if closed(node):
                memo[id(node)] = node
            elif isinstance(node, Op) and (node.entry.kind == "late" or not children(node)):
                memo[id(node)] = change(node)
            else:
                memo[id(node)] = rebuild(node, walk)
        return memo[id(node)]

    return walk(term)


def change_ops(term: Node, change: Callable[[Op], Node | None]) -> Node | None:
    """The term with ``change`` applied to every layer outside gates, where it gives None the layer stays; None if it
    gives None everywhere."""
    found = False

    def one(op: Op) -> Node:
        nonlocal found
        new = change(op)
        found = found or new is not None
        return op if new is None else new

    result = each_op(term, one)
    return result if found else None


def without(term: Node, name: str) -> Node | None:
    """The term without the layers of one word; None where there is none."""
    return change_ops(term, lambda op: Seq(()) if op.name == name else None)


def flat(node: Node) -> tuple[Node, ...]:
    """The items of a sequence with unnamed sequences inside opened, and without `id`."""
    if not isinstance(node, Seq):
        return () if isinstance(node, Op) and node.name == "id" else (node,)
    return tuple(
        x
        for i in node.items
        for x in (flat(i) if not isinstance(i, Seq) or not (i.name or i.role or i.label or i.pre) else (i,))
    )


def is_op(node: Node, *traits: str) -> bool:
    """Whether a node is a layer with one of the traits."""
    return isinstance(node, Op) and any(t in node.entry.traits for t in traits)
