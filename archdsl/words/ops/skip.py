"""The other side of a residual block."""

from __future__ import annotations

from typing import Literal

from archdsl.ir.layer import Misfit, words
from archdsl.ir.make import fan, o, seq
from archdsl.ir.nodes import Node, Op, with_args
from archdsl.registry import block, late, params
from archdsl.registry.types import Net, Shape


@late(
    "conv(8) add(conv(16, s=2) | shortcut)",
    "conv(8) add(conv(16, s=2) | shortcut(pad))",
    "conv(8) add(conv(16) | shortcut(same))",
    "flatten linear(8) add(linear(16) relu linear(16) | shortcut) linear(10)",
    paper="He et al. 2015, arXiv:1512.03385, options A to C",
)
def shortcut(
    x: Shape,
    target: Shape,
    like: Op | None,
    kind: Literal["auto", "conv", "pool", "pad", "id", "same"] = "auto",
    norm: Net | None = None,
    ws: Literal["none", "standard", "scaled", "norm"] = "none",
    bias: bool | None = None,
) -> Node | None:
    """The skip of a residual block, settled when both ends have shapes.

    `auto` is nothing where shapes agree and a 1×1 convolution with the stride where they differ (option B); `conv` is
    always a convolution (option C); `pool` is average pooling before a 1×1 convolution (ResNet-D, He et al. 2018);
    `pad` takes every s-th pixel and adds channels of zeros (option A, no weights); `same` is nothing where shapes
    agree, and where they differ there is no skip at all (MobileNet v2). Of vectors and tokens the
    convolution is a linear layer. Behind it is the normalisation in which the other branch ends, if it ends in one;
    `norm` chooses another (`norm=id` none). `ws` is the convolution's, unless one channel arrives: a filter of one number has no
    variance to divide by.
    """
    if kind == "same" and x != target:
        return None
    if kind == "id" or (x == target and kind != "conv"):
        return seq()
    if len(x) != len(target) or (len(x) == 2 and x[0] != target[0]):
        raise Misfit(f"no shortcut leads from {words(x)} to {words(target)}", "A304", "give the branches one kind")
    if len(x) < 3 and kind == "pad":
        raise Misfit(
            "`shortcut(pad)` adds channels to an image", "A304", "leave `pad` out: a linear layer takes its place"
        )
    if norm is None and like is not None:
        zeroed = any(p.name == "zero" for p in params(like.entry))  # it may begin with 0, which a shortcut must not
        norm = with_args(like, zero=False) if zeroed else like
    if bias is None:
        bias = not (isinstance(norm, Op) and "cancels" in norm.entry.traits)
    if len(x) < 3:
        return seq(o.linear(target[-1], bias=bias, ws="norm" if ws == "norm" else "none"), norm, name="shortcut")
    if x[0] == 1 and ws in ("standard", "scaled"):
        ws = "none"  # a filter of one number has no variance
    stride = _stride(x[1], target[1], x, target), _stride(x[2], target[2], x, target)
    s = stride[0] if stride[0] == stride[1] else stride
    strided = stride != (1, 1)
    if kind == "pad":
        thin = o.maxpool(1, s) if strided else None
        return seq(thin, o.padchannels(target[0]) if target[0] != x[0] else None, name="shortcut")
    if kind == "pool" and strided:
        return seq(o.avgpool(s, s, 0, True), o.conv(target[0], 1, bias=bias, ws=ws), norm, name="shortcut")
    return seq(o.conv(target[0], 1, s=s, bias=bias, ws=ws), norm, name="shortcut")


def _stride(size: int, goal: int, x: Shape, target: Shape) -> int:
    """The stride that takes ``size`` to ``goal``, as a window of 1 does: ceil(size / stride)."""
    for s in {max(1, size // goal), -(-size // goal), max(1, (size - 1) // goal + 1)}:
        if -(-size // s) == goal:
            return s
    raise Misfit(
        f"no stride leads from {words(x)} to {words(target)}", "A304", "pad so that sizes divide, or set `skip`"
    )


@block(
    "conv(16) res(conv(16) relu conv(16)) relu",
    "conv(16) res(conv(32, s=2), skip=avgpool(2) conv(32, 1))",
    paper="He et al. 2015, arXiv:1512.03385",
    traits="skip",
)
def res(f: Net, skip: Net | None = None) -> Node:
    """`add(f | shortcut)`: a residual connection round `f`. `skip` chooses the other branch."""
    return fan("add", seq(f, role="body"), skip or o.shortcut(), role="res", name="res")
