"""The Inception module."""

from __future__ import annotations

from archdsl.ir.make import fan, o, seq
from archdsl.ir.nodes import Seq
from archdsl.registry import block
from archdsl.registry.types import Channels, Size


@block(
    "conv(64) relu inception(64, 96, 128, 16, 32, 32)",
    "conv(32) inception(32, 24, 32, 4, 8, 8, k=3) +bn",
    paper="Szegedy et al. 2014, Going deeper with convolutions, arXiv:1409.4842",
)
def inception(
    out: Channels, reduce: Channels, middle: Channels, reduce2: Channels, wide: Channels, pool: Channels, k: Size = 5
) -> Seq:
    """Four branches side by side, each convolution with ReLU; the widths are in the order of the paper's table: 1×1;
    3×3 behind a 1×1 that reduces; `k`×`k` behind another; 1×1 behind a pooling."""

    def unit(width: int, size: Size = 1) -> Seq:
        return seq(o.conv(width, size), o.relu())

    branches = fan(
        "cat",
        unit(out),
        seq(unit(reduce), unit(middle, 3)),
        seq(unit(reduce2), unit(wide, k)),
        seq(o.maxpool(3, s=1, p=1), unit(pool)),
    )
    return seq(seq(branches, role="body"), role="block")
