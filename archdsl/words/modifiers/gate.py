"""Gates in blocks."""

from __future__ import annotations

from dataclasses import replace

from archdsl.ir.make import o
from archdsl.ir.nodes import Node, Seq, rebuild
from archdsl.registry import Phase, modifier
from archdsl.registry.types import Count
from archdsl.words.modifiers.walk import each_body


def _undo_se(term: Node) -> Node | None:
    found = False

    def strip(node: Node) -> Node:
        nonlocal found
        if isinstance(node, Seq) and node.role == "gate" and node.name == "se":
            found = True
            return Seq(())
        return rebuild(node, strip)

    result = strip(term)
    return result if found else None


@modifier(
    "vgg[32x2,64x2] +se",
    "plain[32x2,64x2] +res +se(8)",
    phase=Phase.GATE,
    undo=_undo_se,
    local=True,
    paper="Hu et al. 2017, Squeeze-and-excitation networks, arXiv:1709.01507",
)
def se(term: Node, r: Count = 16) -> Node | None:
    """A squeeze-and-excitation gate at the end of each block's body, inside the residual branch where there is one."""

    def change(body: Seq) -> Node:
        return replace(body, items=(*body.items, o.se(r)))

    return each_body(term, change)
