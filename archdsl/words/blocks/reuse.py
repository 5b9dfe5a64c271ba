"""The same layers in several places."""

from __future__ import annotations

from archdsl.errors import fail
from archdsl.ir.nodes import Again, Node
from archdsl.registry import block
from archdsl.registry.types import Labels


@block(
    "f: (conv(3) relu) again(f)",
    "conv(8) as x sub(f: (conv(8) bn relu) | @x maxpool(3, s=1, p=1) again(f))",
    "conv(8) gap cat(head: linear(4) | tanh again(head)) linear(10)",
    paper="Bromley et al. 1993, Signature verification using a Siamese time delay neural network",
    traits="ties",
)
def again(part: Labels) -> Node:
    """The part of this label once more, with the same weights, in another branch or place: `f: conv(64) … again(f)`.

    Weights and running statistics are stored and counted once, where the label is. MACs, activations, layers, depth and
    receptive field are those of the network written out. Where several parts have the label, the path is given in quotes,
    `again("block1.f")`. `shared(f, n)` is the form for a body that is applied n times in a row. Of an `embed`,
    where numbers arrive, it is the product with each of its vectors.
    """
    if part.first != part.last:
        raise fail(
            "A208", "`again` takes one label, not a range of layers", part.spans and part.spans[1], "label a group"
        )
    return Again(part.first, part.spans and part.spans[0])
