"""Attention whose weights are not products: they are computed of each pixel for its neighbourhood."""

from __future__ import annotations

from typing import Any

from archdsl.ir.layer import Layer, Misfit
from archdsl.registry import join
from archdsl.registry.types import Count, Rate, Shape
from archdsl.words.ops.shapes import extent, image, window


@join(
    "patch(4, 24) outlook(conv(243, 1) | conv(24, 1), 3) conv(24, 1)",
    "patch(4, 24) outlook(avgpool(2) conv(162, 1) times(0.3) | id, 2, s=2, drop=0.1)",
    paper="Yuan et al. 2021, VOLO: Vision outlooker, arXiv:2106.13112",
    traits="mixes",
)
def outlook(xs: tuple[Shape, ...], heads: Count = 1, k: Count = 3, s: Count = 1, drop: Rate = 0.0) -> Layer:
    """Outlook attention of weights and values, which are its two branches in this order: each pixel of the weights' image has for
    each head k²·k² numbers, whose softmax mixes the `k` × `k` values round it into as many; where neighbourhoods overlap their
    results are added.

    The weights' image has heads·k⁴ channels, and a pixel for each `s`-th of the values' rows and columns. The border is padded by
    zeros. `drop` is the rate of dropout on the weights while training.
    """
    if len(xs) != 2:
        raise Misfit(f"`outlook` has {len(xs)} branches; it takes weights and values", "A304", "write `outlook(w | v)`")
    (number, rows, columns), (c, h, w) = (image(x, "outlook") for x in xs)
    if c % heads:
        raise Misfit(f"{heads} heads do not divide {c} channels", "A303", "choose a number that divides them")
    if k % 2 == 0:
        raise Misfit(f"a neighbourhood of {k}x{k} has no middle", help="choose an odd `k`")
    wanted = (heads * k**4, extent(h, k, s, k // 2), extent(w, k, s, k // 2))
    if (number, rows, columns) != wanted:
        shown = "x".join(map(str, wanted))
        raise Misfit(f"the weights of `outlook` are {number}x{rows}x{columns}", "A304", f"give them as {shown}")
    settings: dict[str, Any] = ({"stride": s} if s != 1 else {}) | ({"drop": drop} if drop else {})
    return Layer(
        out=(c, h, w),
        module=lambda nn: nn.Outlook(heads, k, **settings),
        macs=rows * columns * k**4 * c,
        window=window((2 * k - 1, 2 * k - 1), (1, 1), (k - 1, k - 1)),
    )
