"""Three words: a layer, a block made of words, and a modifier."""

from archdsl.ir.layer import Layer
from archdsl.ir.make import fan, o, seq
from archdsl.ir.nodes import Node, Op, Seq
from archdsl.registry import block, modifier, op
from archdsl.registry.types import Channels, Shape
from archdsl.words.modifiers.walk import each_op, is_op


@op("conv(8) snake", paper="Ziyin et al. 2020, arXiv:2006.08195", traits="act")
def snake(x: Shape) -> Layer:
    """x + sin²(a·x)/a, with one learnt `a` a channel."""
    return Layer(out=x, weights={"weight": (x[0],)}, module=lambda nn: nn.Snake(x[0]))


@block("fireblock(8, 16)", paper="Iandola et al. 2016, arXiv:1602.07360")
def fireblock(squeeze: Channels, expand: Channels) -> Node:
    """Squeeze to few channels, expand by 1×1 and 3×3 side by side."""
    wide = seq(o.conv(expand, 3), o.relu())
    return seq(o.conv(squeeze, 1), o.relu(), fan("cat", seq(o.conv(expand, 1), o.relu()), wide))


def _undo(term: Node) -> Node | None:
    found = False

    def change(node: Op) -> Node:
        nonlocal found
        found = found or node.name == "snake"
        return Seq(()) if node.name == "snake" else node

    result = each_op(term, change)
    return result if found else None


@modifier("vgg[8x2] +snakes", phase=51, undo=_undo)
def snakes(term: Node) -> Node | None:
    """A snake in the place of each activation."""
    found = False

    def change(node: Op) -> Node:
        nonlocal found
        if not is_op(node, "act"):
            return node
        found = True
        made: Node = o.snake()
        return made

    result = each_op(term, change)
    return result if found else None
