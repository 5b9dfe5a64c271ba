"""The vision transformer."""

from __future__ import annotations

from archdsl.ir.make import Stage, fan, o, seq
from archdsl.ir.nodes import Node
from archdsl.registry import family
from archdsl.registry.types import Count

HEAD = 64  # the width of a head in ViT-B, -L and -H


@family(
    "patch(16, 768) tokens cls pos vit[768x2] ln take linear(10)",
    "patch(8, 64) tokens pos vit[64x2](heads=4, mlp=2) ln gap linear(10)",
    paper="Dosovitskiy et al. 2020, An image is worth 16x16 words, arXiv:2010.11929",
)
def vit(stages: tuple[Stage, ...], heads: Count | None = None, mlp: Count = 4) -> Node:
    """Transformer encoder blocks, normalised first: self-attention of `heads` heads, then two linear layers of each
    token, `mlp` times as wide between, with GELU; each half with a residual connection.

    `patch tokens cls pos` comes before it, `ln take` behind. Without `heads` there is one for each 64 of the width. A
    stage of another width begins with a linear layer to it.
    """

    def block(stage: Stage) -> Node:
        number = max(1, stage.width // HEAD) if stage.heads is None else stage.heads
        attend = seq(o.ln(), o.attention(number), role="body")
        think = seq(o.ln(), o.linear(stage.mlp * stage.width, True), o.gelu(), o.linear(stage.width, True), role="body")
        halves = (fan("add", half, o.id(), role="res", name="res") for half in (attend, think))
        return seq(*halves, role="block", name="block")

    def make(stage: Stage, before: int) -> Node:
        widen = None if stage.width == before else o.linear(stage.width, True)
        return seq(widen, *(block(stage) for _ in range(stage.depth)), role="stage", name="stage")

    widths = (stages[0].width, *(s.width for s in stages))
    return seq(*(make(stage, before) for stage, before in zip(stages, widths[:-1], strict=True)))
