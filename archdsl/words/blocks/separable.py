"""Convolutions in two steps."""

from __future__ import annotations

from archdsl.ir.make import o, seq
from archdsl.ir.nodes import Seq
from archdsl.registry import block
from archdsl.registry.types import Channels, Count, Padding, Size


@block("sepconv(16) bn relu", "conv(8) sepconv(16, 5, s=2)", paper="Chollet 2016, Xception, arXiv:1610.02357")
def sepconv(
    out: Channels, k: Size = 3, s: Size = 1, p: Padding | None = None, dilation: Count = 1, bias: bool | None = None
) -> Seq:
    """Depthwise separable convolution: `dwconv(k, s)`, then 1×1 to `out` channels. The first has no bias, which the
    second would take in. To modifiers it is one layer: `+bn` normalises its result alone, as in Xception."""
    return seq(o.dwconv(k, s, p, dilation, bias=False), o.conv(out, 1, bias=bias), role="layer")
