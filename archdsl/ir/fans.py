"""Branches that meet, as a walk through the graph sees them; and the heads of a network that has several."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archdsl.errors import SpecError, fail
from archdsl.ir.layer import Misfit
from archdsl.ir.nodes import NODES, Fan, Node, Op, Seq, children, with_branches
from archdsl.ir.symbol import CLASSES
from archdsl.registry import carry, wrong

if TYPE_CHECKING:
    from archdsl.ir.trace import Row, Trace, Walker

OUTPUTS = "outputs"  # the trait of a join whose branches are the outputs of a network


def meet(walker: Walker, node: Fan) -> Node:
    """Walk through each branch from the value that flows, and join them."""
    start, outer = walker.here, walker.names
    walker.names = outer.inner(node.label, node.name or node.join.name, node.span)
    ends: dict[int, int] = {}
    branches = list(node.branches)
    try:
        late = [i for i, b in enumerate(branches) if isinstance(b, Op) and b.entry.kind == "late"]
        for i in [i for i in range(len(branches)) if i not in late] + late:
            walker.here = start
            branch = branches[i]
            if i in late:
                unfolded = _settle(walker, branch, [e for j, e in ends.items() if j not in late])
                if unfolded is None:
                    continue
                branch = unfolded
            branches[i] = _head(walker, branch) if OUTPUTS in node.join.entry.traits else walker.node(branch)
            ends[i] = walker.here
    except SpecError as error:
        raise error.within(node.join.name, node.span) from None
    kept = sorted(ends)
    if len(kept) < 2 <= len(branches):  # nothing is left to meet
        walker.here, walker.names = ends[kept[0]] if kept else start, outer
        return Seq(tuple(branches[i] for i in kept), name=node.name, label=node.label, span=node.span)
    join, inner, walker.names = walker.arguments(node.join), walker.names, outer
    sources = tuple(ends[i] for i in kept)
    shapes = tuple(walker.shapes[e] if e >= 0 else walker.input for e in sources)
    walker.append(inner.take("", join.name, join.span), join, walker.ask(join, shapes), sources, ())
    return with_branches(node, tuple([branches[i] for i in kept]), join)


def _settle(walker: Walker, branch: Any, ends: list[int]) -> Node | None:
    """A late composite unfolded, now that the branch it meets has a shape; None where it wants to be no branch."""
    target = walker.shapes[ends[0]] if ends and ends[0] >= 0 else walker.input
    try:
        norm = walker.last_norm(ends[0]) if ends else None
        unfolded = carry(branch.entry, branch.entry.make, walker.shape(), target, norm, *branch.args)
        if unfolded is not None and not isinstance(unfolded, NODES):
            raise wrong(branch.entry, branch.entry.make, unfolded)
    except Misfit as error:
        raise walker.misfit(error, branch) from None
    return replace(unfolded, label=branch.label) if branch.label and isinstance(unfolded, Seq) else unfolded


# -- several heads -------------------------------------------------------------------------------------------------


def _head(walker: Walker, branch: Node) -> Node:
    """Walk through a head, in which ``classes`` is the number of its own classes, where that is known."""
    size, whole = walker.sizes.get(getattr(branch, "label", "")), walker.cins.get(CLASSES)
    if size is None:
        return walker.node(branch)
    walker.cins[CLASSES] = size
    try:
        return walker.node(branch)
    finally:
        del walker.cins[CLASSES]
        if whole is not None:
            walker.cins[CLASSES] = whole


def has_heads(root: Node) -> bool:
    """Whether some join in a graph has the outputs of a network as its branches."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Fan) and OUTPUTS in node.join.entry.traits:
            return True
        stack += children(node)
    return False


def heads_of(trace: Trace) -> dict[str, int]:
    """How many values each head of a network gives, by its label and in the order of the output; empty where it has one
    output.

    Raises:
        SpecError: A308, heads are not the last layer, or one of them has no layer of its own.
    """
    found = [row for row in trace.flat() if OUTPUTS in row.op.entry.traits]
    if not found:
        return {}
    last = trace.rows[trace.output] if trace.output >= 0 else None
    for row in found:
        if row is not last:
            raise fail(
                "A308", f"something follows `{row.op.name}`, which ends a network", row.op.span, "put it at the end"
            )
    assert last is not None
    return {_label(trace, last, number): trace.shape(number)[0] for number in last.inputs}


def _label(trace: Trace, join: Row, number: int) -> str:
    """The label of the head in which a row is: the first part of its path behind that of the join."""
    inside = join.path.rpartition(".")[0] + "."
    path = trace.rows[number].path if number >= 0 else ""
    if not path.startswith(inside):
        raise fail("A308", "a head has no layer of its own", join.op.span, "end each head with `linear(classes)`")
    return path.removeprefix(inside).partition(".")[0]
