"""EfficientNet: inverted residuals with gates, scaled in width and depth at once."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Annotated, Any

from archdsl.ir.make import Stage, o
from archdsl.ir.nodes import Node
from archdsl.ir.symbol import apply
from archdsl.registry import Range, family
from archdsl.registry.types import Act, Count, Size
from archdsl.words.families.mobilenet import Width, chain, inverted, scaled

Depth = Annotated[float, Range(0.1, 10)]


@family(
    "conv(8, s=2) bn silu efficientnet[8(t=1), 16x2(s=2), 24x2(k=5, s=2)] gap linear(10)",
    "conv(8, s=2) bn silu efficientnet[8(t=1), 16x2(s=2)](width=1.1, depth=1.2) +droppath(0.2)",
    paper="Tan & Le 2019, EfficientNet, arXiv:1905.11946",
)
def efficientnet(
    stages: tuple[Stage, ...],
    t: Count = 6,
    k: Size = 3,
    s: Count = 1,
    width: Width = 1.0,
    depth: Depth = 1.0,
    se: Count = 4,
    act: Act = "silu",
) -> Node:
    """A stage of depth D is D inverted residuals, the first one with the stride `s`: 1×1 to `t` times the channels that
    arrive (1 leaves it out), depthwise k×k, a squeeze-and-excitation gate, 1×1 without activation; with a skip where
    the shape stays.

    The gate goes through 1/`se` of the channels that arrive at the block. Compound scaling: `width` scales all widths,
    to multiples of 8, and `depth` all depths, rounded up. Stochastic depth is a modifier, `+droppath(0.2)`.
    """

    def block(stage: Stage, cin: Any, out: int, stride: int) -> Node:
        def gate(wide: Any) -> Node:
            made: Node = o.se(squeeze=apply("max", 1, cin // stage.se), act=stage.act)
            return made

        return inverted(cin, None if stage.t == 1 else cin * stage.t, out, stage.k, stride, stage.act, gate)

    return chain(tuple(replace(s, depth=ceil(s.depth * s.settings["depth"])) for s in scaled(stages)), block)
