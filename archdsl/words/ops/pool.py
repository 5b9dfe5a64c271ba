"""Pooling by a window, and changes of size."""

from __future__ import annotations

from typing import Any, Literal

from archdsl.ir.layer import GLOBAL, Layer, Misfit
from archdsl.ir.window import bins, enlarged, interpolated
from archdsl.registry import op
from archdsl.registry.types import Count, Natural, Padding, Shape, Size
from archdsl.words.ops.shapes import compact, image, pair, slide, window


def _pool(x: Shape, word: str, k: Any, s: Any, p: Any, ceil: bool, **settings: Any) -> Layer:
    kernel, stride, pad = pair(k), pair(k if s is None else s), pair(p)
    if pad[0] * 2 > kernel[0] or pad[1] * 2 > kernel[1]:
        raise Misfit(
            f"`{word}` pads by {pad[0]}x{pad[1]}, more than half of its window {kernel[0]}x{kernel[1]}",
            help="pad by at most half of the window",
        )
    h, w = slide(x, word, kernel, stride, pad, ceil=ceil)
    options: dict[str, Any] = {"stride": compact(stride)} if stride != kernel else {}
    if pad != (0, 0):
        options["padding"] = compact(pad)
    if ceil:
        options["ceil_mode"] = True
    name = "MaxPool2d" if word == "maxpool" else "AvgPool2d"
    return Layer(
        out=(x[0], h, w),
        module=lambda nn: getattr(nn, name)(compact(kernel), **options, **settings),
        window=window(kernel, stride, pad),
    )


@op("conv(8) maxpool(2)", "conv(8) maxpool(3, s=2, p=1)", "conv(8) maxpool(3, s=2, ceil)", traits="pool")
def maxpool(x: Shape, k: Size = 2, s: Size | None = None, p: Padding = 0, ceil: bool = False) -> Layer:
    """Max pooling over windows of `k`, stride `s` (by default `k`); `ceil` keeps a last, partial window."""
    return _pool(x, "maxpool", k, s, p, ceil)


@op("conv(8) avgpool(2)", "conv(8) avgpool(3, s=1, p=1, inside)", traits="pool")
def avgpool(
    x: Shape, k: Size = 2, s: Size | None = None, p: Padding = 0, ceil: bool = False, inside: bool = False
) -> Layer:
    """Average pooling; with `inside` the padding does not count."""
    return _pool(x, "avgpool", k, s, p, ceil, **({"count_include_pad": False} if inside else {}))


@op(
    "conv(8) resize(7x7)",
    "conv(8) resize(6) flatten linear(10)",
    "conv(8, s=2) resize(32, bilinear)",
    "conv(8) resize(20, bicubic)",
    traits="pool",
)
def resize(x: Shape, size: Size, by: Literal["pool", "bilinear", "bicubic"] = "pool") -> Layer:
    """An image of a given size, whatever arrives: by adaptive average pooling (torch's AdaptiveAvgPool2d), or by bilinear or
    bicubic interpolation (torch's `interpolate` with align_corners=False)."""
    c, h, w = image(x, "resize")
    size = pair(size)
    if by != "pool":
        return Layer(
            out=(c, *size),
            module=lambda nn: nn.Upsample(size=size, mode=str(by)),
            window=interpolated((h, w), size, 1 if by == "bilinear" else 2),
        )
    return Layer(out=(c, *size), module=lambda nn: nn.AdaptiveAvgPool2d(compact(size)), window=bins((h, w), size))


@op("conv(8) upsample(2)", "conv(8) upsample(2, bilinear)")
def upsample(x: Shape, by: Count = 2, mode: Literal["nearest", "bilinear"] = "nearest") -> Layer:
    """An image `by` times as large: each pixel becomes a square of `by` × `by` (nearest neighbour), or values between pixels are
    interpolated (`bilinear`, torch's with align_corners=False)."""
    c, h, w = image(x, "upsample")
    if mode == "bilinear":
        return Layer(
            out=(c, h * by, w * by),
            module=lambda nn: nn.Upsample(scale_factor=by, mode="bilinear"),
            window=interpolated((h, w), (h * by, w * by)),
        )
    return Layer(out=(c, h * by, w * by), module=lambda nn: nn.Upsample(scale_factor=by), window=enlarged(by))


@op(
    "conv(8) resize(4) tile(2)",
    "conv(8, s=2) tile(2x3)",
    paper="Hatamizadeh et al. 2022, Global context vision transformers, arXiv:2206.09959 (global queries)",
)
def tile(x: Shape, by: Size) -> Layer:
    """An image side by side with itself, `by` times in each direction: queries of one window are those of each window so."""
    c, h, w = image(x, "tile")
    down, right = pair(by)
    if (down, right) == (1, 1):
        return Layer(out=x)
    return Layer(
        out=(c, h * down, w * right),
        call=lambda torch, v: v.repeat(1, 1, down, right),
        window=GLOBAL,
    )


@op("zeropad(1) conv(8, 3, p=0)", "zeropad(0, 1, 0, 1) conv(8, 3, s=2, p=0)", traits="pad")
def zeropad(
    x: Shape, left: Natural = 1, right: Natural | None = None, top: Natural | None = None, bottom: Natural | None = None
) -> Layer:
    """Zeros around an image: `left` on all sides, or each side by itself."""
    c, h, w = image(x, "zeropad")
    r, t = left if right is None else right, left if top is None else top
    b = t if bottom is None else bottom
    return Layer(
        out=(c, h + t + b, w + left + r),
        module=lambda nn: nn.ZeroPad2d((left, r, t, b)),
        window=window((1, 1), (1, 1), (t, left)),
    )


@op("trim(1) conv(8)", "trim(1, 0, 1, 0) maxpool(2)", "trim(2, 2, 2, 2) conv(8)", traits="pad")
def trim(x: Shape, left: Natural = 1, right: Natural = 0, top: Natural | None = None, bottom: Natural = 0) -> Layer:
    """Cuts rows and columns off an image: `left` at the left and the top, unless the sides are given: `trim(4, 4, 4, 4)`."""
    c, h, w = image(x, "trim")
    t = left if top is None else top
    if h - t - bottom < 1 or w - left - right < 1:
        raise Misfit(f"`trim` leaves nothing of {h}x{w}", help="cut less")
    return Layer(
        out=(c, h - t - bottom, w - left - right),
        module=lambda nn: nn.ZeroPad2d((-left, -right, -t, -bottom)),
        window=window((1, 1), (1, 1), (-t, -left)),
    )
