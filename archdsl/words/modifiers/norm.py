"""Normalisation behind each convolution of a term (before each activation in bodies with pre-activation)."""

from __future__ import annotations

from dataclasses import replace

from archdsl.ir.make import o
from archdsl.ir.nodes import Fan, Node, Op, Seq
from archdsl.registry import Phase, modifier
from archdsl.registry.types import Count, Positive, Share
from archdsl.words.modifiers.walk import closed, flat, is_op, without


def set_norm(term: Node, norm: Op | None) -> Node | None:
    """The term with this normalisation (or none) in all places; None where it has no place, so that none goes for nothing."""
    places = taken = 0

    def sequence(node: Seq) -> Node:
        nonlocal places, taken
        kept = [n for n in flat(node) if not is_op(n, "centred")]
        items: list[Node] = []
        for at, item in enumerate(kept):
            item = walk(item)
            after = kept[at + 1] if at + 1 < len(kept) else None
            if node.pre and is_op(item, "act") and norm is not None:
                places += 1
                items += [norm, item]
            elif not node.pre and _takes(item, after):
                places += 1
                items += [item] if norm is None else [item, norm]
            else:
                items.append(item)
        taken += len(flat(node)) - len(kept)
        return replace(node, items=tuple(items))

    def branch(node: Node) -> Node:
        late = isinstance(node, Op) and node.entry.kind == "late"  # a shortcut takes what the other branch ends in
        return node if late else inside(node)

    def inside(node: Node) -> Node:
        """What is in a branch or an argument. `memo` knows nodes by their identity: no sequence made here may enter it."""
        return walk(node) if isinstance(node, Seq) else sequence(Seq((node,)))

    memo: dict[int, Node] = {}

    def walk(node: Node) -> Node:
        nonlocal places
        if id(node) in memo:
            return memo[id(node)]
        new: Node = node
        if isinstance(node, Seq) and not closed(node):
            new = sequence(node)
        elif isinstance(node, Fan):
            new = replace(node, branches=tuple(map(branch, node.branches)))
        elif isinstance(node, Op) and any(isinstance(a, Seq | Fan | Op) for a in node.args):
            new = replace(node, args=tuple(inside(a) if isinstance(a, Seq | Fan | Op) else a for a in node.args))
        memo[id(node)] = new
        return new

    result = inside(term)
    return result if places or (norm is None and taken) else None


def _takes(node: Node, after: Node | None) -> bool:
    """A convolution takes a normalisation, and so does a linear layer that an activation follows."""
    return (
        is_op(node, "conv")
        or (isinstance(node, Seq) and node.role == "layer")
        or (is_op(node, "linear") and after is not None and is_op(after, "act"))
    )


@modifier(
    "vgg[64x2,128x2] +bn",
    phase=Phase.NORM,
    undo=lambda term: without(term, "bn"),
    slot="norm",
    name="bn",
    local=True,
    paper="Ioffe & Szegedy 2015, arXiv:1502.03167",
)
def plus_bn(term: Node, eps: Positive = 1e-5, momentum: Share = 0.1) -> Node | None:
    """Batch normalisation behind each convolution, in the place of any other normalisation."""
    return set_norm(term, o.bn(eps, momentum))


@modifier(
    "vgg[64x2,128x2] +ln",
    phase=Phase.NORM,
    undo=lambda term: without(term, "ln"),
    slot="norm",
    name="ln",
    local=True,
    paper="Ba et al. 2016, arXiv:1607.06450",
)
def plus_ln(term: Node, eps: Positive = 1e-6) -> Node | None:
    """Layer normalisation behind each convolution, in the place of any other normalisation."""
    return set_norm(term, o.ln(None, eps))


@modifier(
    "vgg[64x2,128x2] +gn(8)",
    phase=Phase.NORM,
    undo=lambda term: without(term, "gn"),
    slot="norm",
    name="gn",
    local=True,
    paper="Wu & He 2018, arXiv:1803.08494",
)
def plus_gn(term: Node, groups: Count = 32, eps: Positive = 1e-5) -> Node | None:
    """Group normalisation behind each convolution, in the place of any other normalisation."""
    return set_norm(term, o.gn(groups, eps))


@modifier(
    "vgg[64x2,128x2] +in",
    phase=Phase.NORM,
    undo=lambda term: without(term, "in"),
    slot="norm",
    name="in",
    local=True,
    paper="Ulyanov et al. 2016, arXiv:1607.08022",
)
def plus_in(term: Node, eps: Positive = 1e-5) -> Node | None:
    """Instance normalisation behind each convolution, in the place of any other normalisation."""
    return set_norm(term, o.in_(eps))
