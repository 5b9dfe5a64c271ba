"""Convolutions."""

from __future__ import annotations

from typing import Any, Literal

from archdsl.ir.layer import Layer, Misfit
from archdsl.ir.window import PERIOD, Axis, Sight, Window, transposed
from archdsl.registry import op
from archdsl.registry.types import Channels, Count, Padding, Shape, Size
from archdsl.words.ops.shapes import compact, image, pair, slide, window

# What is made of the weights before they are used, and the module that does it.
MODULES = {"standard": "StdConv2d", "scaled": "ScaledStdConv2d", "norm": "NormedConv2d"}


def _padding(k: tuple[int, int], p: Any, dilation: int) -> tuple[int, int]:
    """Without one given, the padding that keeps the image's size at stride 1: of windows that span an odd number of pixels."""
    return ((k[0] - 1) * dilation // 2, (k[1] - 1) * dilation // 2) if p is None else pair(p)


def convolution(
    x: Shape,
    word: str,
    out: int,
    k: Any,
    s: Any,
    p: Any,
    dilation: int,
    groups: int,
    bias: bool | None,
    ws: str = "none",
    kind: str = "Conv2d",
) -> Layer:
    """The layer of every convolution here; ``ws`` is what is made of the weights before they are used."""
    cin = image(x, word)[0]
    if cin % groups or out % groups:
        raise Misfit(
            f"{groups} groups do not divide the {cin} channels that arrive and the {out} that leave",
            "A303",
            "choose a number of groups that divides both",
        )
    kernel, stride = pair(k), pair(s)
    if ws in ("standard", "scaled") and cin // groups * kernel[0] * kernel[1] == 1:
        raise Misfit(
            f"`{word}` has one number for each filter, which cannot be standardised: less its mean it is 0",
            "A303",
            f"leave `ws={ws}` out here, or take a window of more than one pixel",
        )
    pad = _padding(kernel, p, dilation)
    h, w = slide(x, word, kernel, stride, pad, dilation)
    weights: dict[str, Shape] = {"weight": (out, cin // groups, *kernel)}
    if bias is not False:
        weights["bias"] = (out,)
    if ws in ("scaled", "norm"):
        weights["gain"] = (out, 1, 1, 1)
    settings: dict[str, Any] = {}
    if stride != (1, 1):
        settings["stride"] = compact(stride)
    if pad != (0, 0):
        settings["padding"] = compact(pad)
    if dilation != 1:
        settings["dilation"] = dilation
    if groups != 1:
        settings["groups"] = groups
    if bias is False:
        settings["bias"] = False
    return Layer(
        out=(out, h, w),
        weights=weights,
        macs=out * h * w * (cin // groups) * kernel[0] * kernel[1],
        module=lambda nn: getattr(nn, MODULES.get(ws, kind))(cin, out, compact(kernel), **settings),
        window=window(kernel, stride, pad, dilation),
    )


@op(
    "conv(64) bn relu",
    "conv(96, 11, s=4, p=2)",
    "conv(64, k=1x7)",
    "conv(16) conv(64, 3, dilation=2, groups=4)",
    "conv(16) conv(32, init=dirac)",
    "conv(16, ws=norm) relu",
    paper="LeCun et al. 1998, Gradient-based learning applied to document recognition",
    traits="weighted conv overwritable",
)
def conv(
    x: Shape,
    out: Channels,
    k: Size = 3,
    s: Size = 1,
    p: Padding | None = None,
    dilation: Count = 1,
    groups: Count = 1,
    bias: bool | None = None,
    ws: Literal["none", "standard", "scaled", "norm"] = "none",
    init: Literal["default", "dirac"] = "default",
) -> Layer:
    """Convolution to `out` channels with a window of `k`, stride `s`, padding `p`, dilation and groups.

    Without `p`, the padding keeps the size at stride 1 where `k` is odd. An even `k` makes the image smaller by one pixel
    unless `dilation` is even; `samepad(4) conv(8, 4, p=0)` keeps the size. Without `bias`, there is one unless batch or instance
    normalisation follows directly, which would take it out again. `ws` standardises the weights per output channel
    (Qiao et al. 2019), or scales them as well (Brock et al. 2021, with a learnt gain), or normalises them (Salimans & Kingma
    2016: gain · weight / |weight|, with a learnt gain for each output channel). With `init=dirac` the first filters,
    as many as channels arrive, begin as the identity (Zagoruyko & Komodakis 2017).
    """
    if init == "dirac" and ws != "none":
        raise Misfit(
            f"`conv` has ws={ws} and init=dirac: standardised weights cannot be an identity", help="keep one of them"
        )
    kind = "DiracConv2d" if init == "dirac" else "Conv2d"
    return convolution(x, "conv", out, k, s, p, dilation, groups, bias, ws, kind)


@op(
    "conv(32) dwconv(3) bn relu",
    "conv(32) dwconv(5, s=2, multiplier=2)",
    "conv(32) dwconv(3, ws=norm) relu",
    "conv(32) dwconv(3, s=2, heads=4)",
    "patch(4, 16) dwconv(5, window=4) bn",
    paper="Howard et al. 2017, MobileNets, arXiv:1704.04861",
    traits="weighted conv overwritable",
)
def dwconv(
    x: Shape,
    k: Size = 3,
    s: Size = 1,
    p: Padding | None = None,
    dilation: Count = 1,
    multiplier: Count = 1,
    bias: bool | None = None,
    ws: Literal["none", "norm"] = "none",
    heads: Count = 1,
    window: Size | None = None,
) -> Layer:
    """Depthwise convolution: each channel has windows of its own, `multiplier` of them. The padding without `p`, and
    `ws=norm`, are as for `conv`.

    With `heads`, so many equal parts of the channels have the same windows (Fan et al. 2021, Multiscale vision transformers,
    arXiv:2104.11227). With `window` the image is cut into windows of this size, each of which is padded by itself (Liu et al.
    2023, EfficientViT, arXiv:2305.07027).
    """
    cin = image(x, "dwconv")[0]
    if heads == 1 and window is None:
        return convolution(x, "dwconv", cin * multiplier, k, s, p, dilation, cin, bias, ws)
    if cin % heads:
        raise Misfit(f"{heads} heads do not divide {cin} channels", "A303", "choose a number that divides them")
    one = cin // heads
    size = (x[1], x[2]) if window is None else pair(window)
    if x[1] % size[0] or x[2] % size[1]:
        help = "choose a window that divides it"
        raise Misfit(f"windows of {size[0]}x{size[1]} do not divide an image of {x[1]}x{x[2]}", "A303", help)
    inner = convolution((one, *size), "dwconv", one * multiplier, k, s, p, dilation, one, bias, ws)
    number = (x[1] // size[0], x[2] // size[1])
    settings: dict[str, Any] = ({} if heads == 1 else {"heads": heads}) | ({} if window is None else {"window": size})
    assert inner.module is not None
    made = inner.module
    return Layer(
        out=(inner.out[0] * heads, inner.out[1] * number[0], inner.out[2] * number[1]),
        weights={f"f.{n}": shape for n, shape in inner.weights.items()},
        macs=inner.macs * heads * number[0] * number[1],
        module=lambda nn: nn.Apart(made(nn), **settings),
        window=inner.window if window is None else _within(size, inner),
    )


def _within(size: tuple[int, int], inner: Layer) -> Sight:
    """What each pixel sees where each window is padded by itself."""
    assert isinstance(inner.window, Window)
    axes = []
    for axis, n, m in zip(inner.window.axes, size, inner.out[1:], strict=True):
        ends = [(max(0, axis.low(j)), min(n - 1, axis.high(j))) for j in range(min(m, PERIOD + 1))]
        axes.append(Axis(n, tuple(ends)))
    return Sight((axes[0], axes[1]))


@op(
    "conv(16) upconv(8, 2, s=2)",
    paper="Zeiler et al. 2010, Deconvolutional networks",
    traits="weighted conv overwritable",
)
def upconv(x: Shape, out: Channels, k: Size = 2, s: Size = 2, p: Padding = 0, bias: bool | None = None) -> Layer:
    """Transposed convolution: an image `s` times as large."""
    cin, h, w = image(x, "upconv")
    (kh, kw), (sh, sw), (ph, pw) = pair(k), pair(s), pair(p)
    size = (h - 1) * sh - 2 * ph + kh, (w - 1) * sw - 2 * pw + kw
    if min(size) < 1:
        raise Misfit(f"`upconv` with padding {ph}x{pw} leaves nothing of {h}x{w}", help="pad less")
    weights: dict[str, Shape] = {"weight": (cin, out, kh, kw)} | ({} if bias is False else {"bias": (out,)})
    return Layer(
        out=(out, *size),
        weights=weights,
        macs=cin * h * w * out * kh * kw,
        module=lambda nn: nn.ConvTranspose2d(
            cin, out, compact((kh, kw)), stride=compact((sh, sw)), padding=compact((ph, pw)), bias=bias is not False
        ),
        window=transposed((kh, kw), (sh, sw), (ph, pw)),
    )
