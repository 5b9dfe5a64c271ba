"""Linear layers and the ways from an image to a vector."""

from __future__ import annotations

from math import prod
from typing import Literal

from archdsl.ir.layer import GLOBAL, Layer, Misfit
from archdsl.registry import op
from archdsl.registry.types import Channels, Shape


@op(
    "gap linear(10)",
    "flatten linear(100) relu linear(10)",
    "conv(8) linear(32, each) gelu",
    "conv(8) linear(32, each, ws=norm) gap linear(10, ws=norm)",
    traits="weighted linear overwritable",
)
def linear(
    x: Shape, out: Channels, bias: bool | None = None, each: bool = False, ws: Literal["none", "norm"] = "none"
) -> Layer:
    """Linear layer (fully connected, dense) to `out` values: of a vector, or of each token.

    Of an image it is refused: `gap` or `flatten` says how the image becomes a vector. With `each` it is a layer of each
    pixel's channels, what `conv(out, 1)` computes, with a matrix as weight; of each token, which it is without `each`, too.
    `ws=norm` is as for `conv`.
    """
    if each and len(x) == 1:
        raise Misfit("`each` means each pixel or each token, and here arrives a vector", "A301", "leave `each` out")
    each = each and len(x) == 3
    if len(x) == 3 and not each:
        raise Misfit(
            f"`linear` takes a vector, and here arrives an image {x[0]}x{x[1]}x{x[2]}",
            "A301",
            f"write `gap linear({out})` for the mean of each channel, or `flatten linear({out})`",
        )
    cin = x[0] if each else x[-1]
    weights: dict[str, Shape] = {"weight": (out, cin)} | ({} if bias is False else {"bias": (out,)})
    weights |= {"gain": (out, 1)} if ws == "norm" else {}
    settings = {"bias": False} if bias is False else {}
    name = f"{'Normed' if ws == 'norm' else ''}{'PixelLinear' if each else 'Linear'}"
    return Layer(
        out=(out, *x[1:]) if each else (*x[:-1], out),
        weights=weights,
        macs=prod(x) * out,
        module=lambda nn: getattr(nn, name)(cin, out, **settings),
    )


@op("conv(8, s=2) flatten linear(10)")
def flatten(x: Shape) -> Layer:
    """An image or tokens as one long vector."""
    return Layer(out=(prod(x),), module=lambda nn: nn.Flatten(), window=GLOBAL)


@op(
    "conv(64) gap linear(10)",
    "conv(64) gap(keep) conv(8, 1)",
    paper="Lin et al. 2013, Network in network",
    traits="pool",
)
def gap(x: Shape, keep: bool = False) -> Layer:
    """Global average pooling: the mean of each channel (of an image) or over all tokens, as a vector; with `keep` an
    image of 1x1."""
    if len(x) == 1:
        raise Misfit(f"`gap` takes an image or tokens, and here arrives a vector of {x[0]}", "A301", "take `gap` out")
    if len(x) == 2:
        if keep:
            raise Misfit("`gap(keep)` takes an image, and here arrive tokens", "A301", "write `gap`")
        return Layer(out=(x[1],), module=lambda nn: nn.MeanTokens(), window=GLOBAL)
    if keep:
        return Layer(out=(x[0], 1, 1), module=lambda nn: nn.AdaptiveAvgPool2d(1), window=GLOBAL)
    return Layer(out=(x[0],), module=lambda nn: nn.GlobalAvgPool2d(), window=GLOBAL)


@op("conv(64) gmp linear(10)", "embed(32) conv1(64, 5) relu gmp linear(10)", traits="pool")
def gmp(x: Shape) -> Layer:
    """Global max pooling: the largest value of each channel (of an image) or over all tokens, as a vector."""
    if len(x) == 1:
        raise Misfit(f"`gmp` takes an image or tokens, and here arrives a vector of {x[0]}", "A301", "take `gmp` out")
    if len(x) == 2:
        return Layer(out=(x[1],), call=lambda torch, v: v.amax(1), window=GLOBAL)
    return Layer(out=(x[0],), module=lambda nn: nn.GlobalMaxPool2d(), window=GLOBAL)
