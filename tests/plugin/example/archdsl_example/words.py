"""Three words: a layer, a block made of words, and a modifier."""

from archdsl.ir.layer import Layer
from archdsl.ir.make import fan, o, seq
from archdsl.ir.nodes import Node
from archdsl.registry import block, modifier, op
from archdsl.registry.types import Channels, Shape
from archdsl.words.modifiers.walk import change_ops, is_op, without


@op("conv(8) snake", paper="Ziyin et al. 2020, arXiv:2006.08195", traits="act")
def snake(x: Shape) -> Layer:
    """x + sin²(a·x)/a, with one learnt `a` a channel."""
    return Layer(out=x, weights={"weight": (x[0],)}, module=lambda nn: nn.Snake(x[0]))


@block("fireblock(8, 16)", paper="Iandola et al. 2016, arXiv:1602.07360")
def fireblock(squeeze: Channels, expand: Channels) -> Node:
    """Squeeze to few channels, expand by 1×1 and 3×3 side by side."""
    wide = seq(o.conv(expand, 3), o.relu())
    return seq(o.conv(squeeze, 1), o.relu(), fan("cat", seq(o.conv(expand, 1), o.relu()), wide))


@modifier("vgg[8x2] +snakes", phase=51, undo=lambda term: without(term, "snake"))
def snakes(term: Node) -> Node | None:
    """A snake in the place of each activation."""
    return change_ops(term, lambda op: o.snake() if is_op(op, "act") else None)
