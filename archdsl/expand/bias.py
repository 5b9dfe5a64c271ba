"""Biases that the text left open: none where a normalisation follows directly that takes a constant of each channel out
again (batch and instance normalisation; layer and group normalisation subtract a mean over channels, and do not)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.ir.nodes import Again, Fan, Mark, Node, Op, Ref, Seq, rebuild, with_items
from archdsl.registry import params

if TYPE_CHECKING:
    from collections.abc import Callable


def decide_biases(root: Node, known: dict[int, dict[bool, Node]] | None = None, normed: bool = False) -> Node:
    """Every ``bias`` that is None becomes True or False. ``known`` holds, by identity, nodes whose results are kept from
    one graph to the next. ``normed``: a normalisation follows behind the root."""
    memo = {(n, b): done for n, results in (known or {}).items() for b, done in results.items()}

    def decide(node: Node, normed: bool) -> Node:
        key = (id(node), normed)
        if key not in memo:
            memo[key] = _one(node, normed)
        return memo[key]

    def _one(node: Node, normed: bool) -> Node:
        if isinstance(node, Op):
            return _op(node, normed)
        if isinstance(node, Fan):
            return _fan(node, decide)
        if not isinstance(node, Seq):
            return node
        new: list[Node] = []
        for item in reversed(node.items):
            new.append(decide(item, normed))
            starts = begins_with_norm(item)
            normed = normed if starts is None else starts
        items = tuple(reversed(new))
        return node if all(a is b for a, b in zip(items, node.items, strict=True)) else with_items(node, items)

    def _op(node: Op, normed: bool) -> Node:
        if "weighted" in node.entry.traits or node.entry.kind == "late":
            names = [p.name for p in params(node.entry)]
            at = names.index("bias") if "bias" in names else -1
            if at >= 0 and node.args[at] is None and (normed or node.entry.kind != "late"):
                args = (*node.args[:at], not normed, *node.args[at + 1 :])
                return Op(node.entry, args, node.label, node.span, node.dynamic)
            return node
        inner = normed and "wrap" in node.entry.traits  # what comes out of a wrapper is what its layer gives
        return rebuild(node, lambda body: decide(body, inner))

    decided = decide(root, normed)
    for n, results in (known or {}).items():
        results.update({b: memo[n, b] for b in (False, True) if (n, b) in memo})
    return decided


def begins_with_norm(node: Node) -> bool | None:
    """Whether the first thing that a node does is to normalise; None if it does nothing."""
    match node:
        case Op():
            return None if node.name == "id" else "cancels" in node.entry.traits
        case Seq(items=items):
            return next((f for f in map(begins_with_norm, items) if f is not None), None)
        case Mark():
            return False  # the value is also read elsewhere
        case Fan() | Ref() | Again():
            return False


def _fan(node: Fan, decide: Callable[[Node, bool], Node]) -> Node:
    """What leaves a branch meets other values first, unless all is normalised later: where blocks begin with that."""
    body = _body(node.branches[0])
    pre = node.role == "res" and isinstance(body, Seq) and body.pre and begins_with_norm(body) is True

    def within(part: Node) -> Node:
        wraps = isinstance(part, Seq) and part is not body
        return rebuild(part, within) if wraps else decide(part, part is body)

    return rebuild(node, lambda b: within(b) if pre and b is node.branches[0] else decide(b, pre))


def _body(branch: Node) -> Node:
    """The body of a residual branch, round which modifiers may have put layers (dropout of its result, a weight), or which a let
    or a label names.
    """
    if not isinstance(branch, Seq) or branch.role or branch.pre:
        return branch
    inner = [item for item in branch.items if isinstance(item, Seq)]
    return _body(inner[0]) if len(inner) == 1 else branch
