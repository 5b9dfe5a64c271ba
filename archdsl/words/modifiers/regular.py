"""Regularisation inside blocks, and initialisation."""

from __future__ import annotations

from dataclasses import replace

from archdsl.ir.make import o
from archdsl.ir.nodes import Fan, Node, Op, Seq, arg, children, rebuild, with_args, with_items
from archdsl.registry import Phase, modifier
from archdsl.registry.types import Early, Late, Rate
from archdsl.words.modifiers.walk import (
    change_ops,
    closed,
    each_body,
    each_op,
    flat,
    is_op,
    is_open,
    sure_skip,
    weights,
    without,
)


@modifier(
    "vgg[32x2,64x2] +drop(0.2)",
    phase=Phase.DROPOUT,
    undo=lambda term: without(term, "drop"),
    keeps_params=True,
    local=True,
    paper="Srivastava et al. 2014; in residual blocks Zagoruyko & Komodakis 2016, arXiv:1605.07146",
)
def drop(term: Node, p: Rate = 0.5, early: Early | None = None, late: Late | None = None) -> Node | None:
    """Dropout in each block: before its last convolution (as in wide residual nets), or behind its only one."""

    def change(body: Seq) -> Node:
        items, dropout = flat(body), o.drop(p, early, late)
        several = sum(map(weights, items)) > 1
        return replace(body, items=_before_last(items, dropout) if several else (*items, dropout))

    return each_body(term, change)


def _before_last(items: tuple[Node, ...], new: Node) -> tuple[Node, ...]:
    """Layers with a new one before the last that has weights, inside of the let in which that is."""
    at = max(i for i, item in enumerate(items) if weights(item))
    last = items[at]
    if is_open(last):
        return (*items[:at], with_items(last, _before_last(flat(Seq(last.items)), new)), *items[at + 1 :])
    return (*items[:at], new, *items[at:])


def _undo_connect(term: Node) -> Node | None:
    found = False

    def walk(node: Node) -> Node:
        nonlocal found
        if isinstance(node, Op) and node.name == "dropconnect":
            found = True
            inner: Node = node.args[0]
            return inner
        return node if closed(node) else rebuild(node, walk)

    result = walk(term)
    return result if found else None


@modifier(
    "vgg[32x2,64x2] +dropconnect(0.2)",
    phase=Phase.DROPCONNECT,
    undo=_undo_connect,
    keeps_params=True,
    paper="Wan et al. 2013, Regularization of neural networks using DropConnect",
)
def dropconnect(term: Node, p: Rate = 0.5, early: Early | None = None, late: Late | None = None) -> Node | None:
    """The weights of the layers in each block's body are dropped, not their results."""
    found = False

    def change(body: Seq) -> Node:
        def one(node: Op) -> Node:
            nonlocal found
            if not is_op(node, "weighted"):
                return node
            found = True
            made: Node = o.dropconnect(node, p, early, late)
            return made

        return each_op(body, one)

    result = each_body(term, change)
    return result if found else None


@modifier(
    "plain[16x2,32x2] +res +droppath(0.2)",
    "conv(16) preresnet[16x2,32x2] +droppath(0.2)",
    phase=Phase.DROPPATH,
    undo=lambda term: without(term, "droppath"),
    keeps_params=True,
    paper="Huang et al. 2016, Deep networks with stochastic depth, arXiv:1603.09382",
)
def droppath(term: Node, p: Rate = 0.2, early: Early | None = None, late: Late | None = None) -> Node | None:
    """Stochastic depth: whole residual branches are dropped, with a rate that grows linearly over the blocks up to `p`."""
    total = _count(term)
    if total == 0:
        return None
    done = 0

    def walk(node: Node) -> Node:  # no memo: shared blocks get rates of their own
        nonlocal done
        if closed(node):
            return node
        if isinstance(node, Fan) and sure_skip(node):
            done += 1
            branch = Seq((node.branches[0], o.droppath(p * done / total, early, late)))
            return replace(node, branches=(branch, *node.branches[1:]))
        return rebuild(node, walk)

    return walk(term)


def _count(node: Node) -> int:
    if closed(node):
        return 0
    return 1 if sure_skip(node) else sum(_count(c) for c in children(node))


def _undo_zero(term: Node) -> Node | None:
    """The term with scales that begin at 1; None where none begins at 0."""
    return change_ops(term, lambda op: with_args(op, zero=False) if op.name == "bn" and arg(op, "zero") else None)


@modifier(
    "plain[16x2,32x2] +res +zeroinit",
    phase=Phase.BLOCK_START,
    undo=_undo_zero,
    keeps_params=True,
    paper="Goyal et al. 2017, Accurate, large minibatch SGD, arXiv:1706.02677",
)
def zeroinit(term: Node) -> Node | None:
    """The last batch normalisation of each residual branch begins with a scale of 0, so that blocks begin as identity."""
    found = False

    def put(node: Node, at: int, new: Node) -> Node:
        return with_items(node, (*node.items[:at], new, *node.items[at + 1 :])) if isinstance(node, Seq) else new

    def last(node: Node) -> Node:
        nonlocal found
        items = node.items if isinstance(node, Seq) else (node,)
        for at in range(len(items) - 1, -1, -1):
            item = items[at]
            if isinstance(item, Op) and item.name == "bn":
                found = True
                return put(node, at, with_args(item, zero=True))
            if isinstance(item, Seq) and not closed(item):
                new = last(item)
                if new is not item:
                    return put(node, at, new)
            if is_op(item, "weighted"):
                break
        return node

    def walk(node: Node) -> Node:
        if isinstance(node, Fan) and sure_skip(node):
            return replace(node, branches=(last(node.branches[0]), *node.branches[1:]))
        return node if closed(node) else rebuild(node, walk)

    result = walk(term)
    return result if found else None
