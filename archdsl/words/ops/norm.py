"""Normalisation."""

from __future__ import annotations

from math import prod
from typing import Any

from archdsl.ir.layer import Layer, Misfit
from archdsl.ir.trace import channels
from archdsl.registry import op
from archdsl.registry.types import Count, Ints, Positive, Shape, Share
from archdsl.words.ops.shapes import image


def _affine(n: int, affine: bool) -> dict[str, Shape]:
    return {"weight": (n,), "bias": (n,)} if affine else {}


@op(
    "conv(8) bn relu",
    "conv(8) bn(momentum=0.01, eps=1e-3)",
    "conv(8) bn(zero)",
    paper="Ioffe & Szegedy 2015, arXiv:1502.03167",
    traits="norm centred cancels overwritable",
)
def bn(x: Shape, eps: Positive = 1e-5, momentum: Share = 0.1, affine: bool = True, zero: bool = False) -> Layer:
    """Batch normalisation of an image's channels, or of a vector.

    `momentum` is the weight of the new batch in the moving average; without `affine` there is no scale and shift;
    with `zero` the scale begins at 0, so that a residual block begins as the identity (Goyal et al. 2017).
    """
    if zero and not affine:
        raise Misfit("`bn` without a scale has none that could begin at 0", help="leave out `zero` or `affine=false`")
    if len(x) == 2:
        raise Misfit("`bn` takes an image or a vector, and here arrive tokens", "A301", "tokens are normalised by `ln`")
    n, kind = x[0], ("Zero" if zero else "") + ("BatchNorm2d" if len(x) == 3 else "BatchNorm1d")
    settings: dict[str, Any] = {}
    if eps != 1e-5:
        settings["eps"] = eps
    if momentum != 0.1:
        settings["momentum"] = momentum
    if not affine:
        settings["affine"] = False
    return Layer(
        out=x,
        weights=_affine(n, affine),
        module=lambda nn: getattr(nn, kind)(n, **settings),
        buffers={"running_mean": (n,), "running_var": (n,), "num_batches_tracked": ()},
    )


@op(
    "conv(8) ln relu",
    "conv(8) ln(axis=[1, 2, 3])",
    "conv(8) ln(heads=2)",
    "patch(8, 64) tokens ln(heads=4) linear(8)",
    paper="Ba et al. 2016, arXiv:1607.06450",
    traits="norm centred overwritable",
)
def ln(x: Shape, axis: Ints | None = None, eps: Positive = 1e-6, affine: bool = True, heads: Count = 1) -> Layer:
    """Layer normalisation: of each pixel over channels (as ConvNeXt), of each token, of a vector.

    `axis` names other axes, counted as in height × width × channel with the batch as 0: `ln(axis=[1, 2, 3])` normalises
    the whole image and has a scale and a shift for each of its numbers. With `heads` each of so many equal parts of the channels
    is normalised by itself, and they share scale and shift.
    """
    if heads > 1:
        return _of_heads(x, axis, eps, affine, heads)
    if len(x) < 3 or axis is None or axis in ((3,), (-1,)):
        if axis not in (None, (-1,), (len(x),)):
            raise Misfit(f"`ln` has no axis {list(axis or ())} here", help="of tokens and vectors, leave `axis` out")
        n = x[0] if len(x) == 3 else x[-1]
        if n == 1:
            raise Misfit(
                "one channel less its mean is 0, whatever arrives",
                "A303",
                "take `ln` out, or make more channels before it",
            )
        kind = "LayerNorm2d" if len(x) == 3 else "LayerNorm"
        extra = {} if affine else {"elementwise_affine": False}
        return Layer(out=x, weights=_affine(n, affine), module=lambda nn: getattr(nn, kind)(n, eps=eps, **extra))
    if sorted(axis) != [1, 2, 3]:
        raise Misfit(f"`ln` has no axes {list(axis)}", help="write `axis=[1, 2, 3]` or `axis=[3]`")
    weights: dict[str, Shape] = {"weight": x, "bias": x} if affine else {}
    return Layer(out=x, weights=weights, module=lambda nn: nn.LayerNorm(list(x), eps=eps, elementwise_affine=affine))


def _of_heads(x: Shape, axis: Ints | None, eps: float, affine: bool, heads: int) -> Layer:
    """Layer normalisation of each part of the channels."""
    if axis is not None or len(x) == 1:
        help = "leave `axis` out, and write it before the pooling"
        raise Misfit("`ln(heads=…)` normalises parts of an image's or of tokens' channels", "A301", help)
    if channels(x) % heads:
        raise Misfit(f"{heads} heads do not divide {channels(x)} channels", "A303", "choose a number that divides them")
    width, kind = channels(x) // heads, "LayerNorm2d" if len(x) == 3 else "LayerNorm"
    if width == 1:
        raise Misfit("one channel less its mean is 0, whatever arrives", "A303", "choose fewer heads")
    extra = {} if affine else {"elementwise_affine": False}
    weights = {f"f.{n}": shape for n, shape in _affine(width, affine).items()}
    return Layer(
        out=x, weights=weights, module=lambda nn: nn.Apart(getattr(nn, kind)(width, eps=eps, **extra), heads=heads)
    )


@op(
    "conv(8) rms relu",
    "patch(8, 64) tokens rms linear(8)",
    "conv(8) gap rms(affine=false) linear(10)",
    "conv(8) rms(std) relu",
    paper="Zhang & Sennrich 2019, Root mean square layer normalization, arXiv:1910.07467",
    traits="norm overwritable",
)
def rms(x: Shape, eps: Positive = 1e-6, affine: bool = True, std: bool = False) -> Layer:
    """RMS normalisation: each pixel, token or vector divided by the root of the mean of its squares plus `eps`, times a learnt
    factor for each channel.

    Unlike `ln` it subtracts no mean and adds no shift. It is torch's RMSNorm with `eps` given. With `std` the divisor is the
    standard deviation over the channels (of n channels the sum of squares over n - 1), still without a mean subtracted from
    what is divided: timm's SimpleNorm.
    """
    n = channels(x)
    if std and n == 1:
        raise Misfit("one channel has no standard deviation", "A303", "leave `std` out")
    kind = ("StdNorm" if std else "RMSNorm") + ("2d" if len(x) == 3 else "")
    settings = {} if affine else {"elementwise_affine": False}
    weights: dict[str, Shape] = {"weight": (n,)} if affine else {}
    return Layer(out=x, weights=weights, module=lambda nn: getattr(nn, kind)(n, eps=eps, **settings))


@op("conv(8) gn(4) relu", paper="Wu & He 2018, arXiv:1803.08494", traits="norm centred overwritable")
def gn(x: Shape, groups: Count = 32, eps: Positive = 1e-5, affine: bool = True) -> Layer:
    """Group normalisation: each example's channels in `groups` groups."""
    if len(x) == 2:
        raise Misfit("`gn` takes an image or a vector, and here arrive tokens", "A301", "tokens are normalised by `ln`")
    if x[0] % groups:
        raise Misfit(
            f"{groups} groups do not divide {x[0]} channels", "A303", "choose a number of groups that divides them"
        )
    if prod(x) == groups:
        raise Misfit(
            "a group of one number less its mean is 0, whatever arrives",
            "A303",
            "choose fewer groups, or take `gn` out here",
        )
    settings: dict[str, Any] = {} if eps == 1e-5 else {"eps": eps}
    if not affine:
        settings["affine"] = False
    return Layer(out=x, weights=_affine(x[0], affine), module=lambda nn: nn.GroupNorm(groups, x[0], **settings))


@op(
    "conv(8) in relu",
    paper="Ulyanov et al. 2016, arXiv:1607.08022",
    traits="norm centred cancels overwritable",
    name="in",
)
def instance(x: Shape, eps: Positive = 1e-5, affine: bool = True) -> Layer:
    """Instance normalisation: each channel of each example by itself."""
    if len(x) != 3 or x[1] * x[2] == 1:
        raise Misfit("`in` takes an image of more than one pixel", "A301", "take `in` out here")
    settings: dict[str, Any] = {"affine": affine} | ({} if eps == 1e-5 else {"eps": eps})
    return Layer(out=x, weights=_affine(x[0], affine), module=lambda nn: nn.InstanceNorm2d(x[0], **settings))


@op("conv(8) relu lrn(5)", paper="Krizhevsky et al. 2012, ImageNet classification with deep CNNs", traits="norm")
def lrn(x: Shape, size: Count = 5, alpha: Positive = 1e-4, beta: Positive = 0.75, k: Positive = 2.0) -> Layer:
    """Local response normalisation over `size` neighbouring channels, as torch's: x/(k + alpha/size · Σx²)^beta.

    The paper does not divide by `size`: its constants are `lrn(5, alpha=5e-4)`.
    """
    image(x, "lrn")
    return Layer(out=x, module=lambda nn: nn.LocalResponseNorm(size, alpha=alpha, beta=beta, k=k))


@op(
    "conv(8) grn relu",
    "patch(8, 64) tokens linear(96) gelu grn linear(64)",
    paper="Woo et al. 2023, ConvNeXt V2, arXiv:2301.00808",
    traits="norm",
)
def grn(x: Shape, eps: Positive = 1e-6) -> Layer:
    """Global response normalisation: x + weight·x·g + bias, where g is a channel's Euclidean norm over all pixels (or tokens)
    over the mean of those norms. Scale and shift begin at 0, so that it begins as the identity."""
    if len(x) == 1:
        raise Misfit(f"`grn` takes an image or tokens, and here arrives a vector of {x[0]}", "A301", "take `grn` out")
    n, settings = channels(x), {} if eps == 1e-6 else {"eps": eps}
    kind = "GlobalResponseNorm2d" if len(x) == 3 else "GlobalResponseNorm"
    return Layer(out=x, weights=_affine(n, True), module=lambda nn: getattr(nn, kind)(n, **settings))


@op("conv(8) l2norm", paper="Liu et al. 2015, ParseNet, arXiv:1506.04579")
def l2norm(x: Shape) -> Layer:
    """Each pixel's, token's or vector's values divided by their Euclidean norm."""
    if prod(x) == 0:
        raise Misfit("`l2norm` has nothing to take")
    return Layer(out=x, call=lambda torch, v: torch.nn.functional.normalize(v, dim=1 if len(x) != 2 else -1))
