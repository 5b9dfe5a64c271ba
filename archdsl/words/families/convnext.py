"""ConvNeXt: a convolutional net in the manner of a vision transformer."""

from __future__ import annotations

from archdsl.ir.make import Stage, fan, o, seq
from archdsl.ir.nodes import Node
from archdsl.registry import family
from archdsl.registry.types import Count, Real, Size


@family(
    "patch(4, 96) ln convnext[96x3, 192x3, 384x9, 768x3] gap ln linear(10)",
    "patch(2, 16) ln convnext[16x2, 32x2](k=3) +droppath(0.1) gap ln linear(10)",
    "patch(4, 8) ln convnext[8x2, 16x2](grn) gap ln linear(10)",
    paper="Liu et al. 2022, A ConvNet for the 2020s, arXiv:2201.03545",
)
def convnext(stages: tuple[Stage, ...], k: Size = 7, mlp: Count = 4, scale: Real = 1e-6, grn: bool = False) -> Node:
    """Residual blocks of a depthwise k×k convolution, `ln`, and two linear layers of each pixel, `mlp` times as wide
    between, with GELU; LayerScale begins as `scale`. With `grn` there is `grn` before the
    second layer, and no LayerScale (ConvNeXt V2, Woo et al. 2023, arXiv:2301.00808).

    `patch ln` comes before it. Each stage but the first begins with `ln` and a 2×2 convolution with stride 2.
    Stochastic depth is a modifier, `+droppath(0.1)`, with a rate that grows over the blocks.
    """

    def block(stage: Stage) -> Node:
        body = seq(
            o.dwconv(stage.k, bias=True),
            o.ln(),
            o.linear(stage.mlp * stage.width, True, True),
            o.gelu(),
            o.grn() if stage.grn else None,
            o.linear(stage.width, True, True),
            None if stage.grn else o.scale(stage.scale),
            role="body",
        )
        return seq(fan("add", body, o.shortcut(), role="res", name="res"), role="block", name="block")

    def make(stage: Stage, first: bool) -> Node:
        down = None if first else seq(o.ln(), o.conv(stage.width, 2, s=2, p=0, bias=True), name="down")
        return seq(down, *(block(stage) for _ in range(stage.depth)), role="stage", name="stage")

    return seq(*(make(stage, i == 0) for i, stage in enumerate(stages)))
