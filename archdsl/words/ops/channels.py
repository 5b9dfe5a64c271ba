"""What is done to channels as such: slices, order, scale, and their trade for pixels."""

from __future__ import annotations

from archdsl.ir.layer import Layer, Misfit
from archdsl.ir.trace import channels
from archdsl.ir.window import enlarged
from archdsl.registry import op
from archdsl.registry.types import Channels, Count, Real, Shape, Whole
from archdsl.words.ops.shapes import image, window


@op(
    "conv(8) cat(slice(0, cin//2) | slice(cin//2) conv(4) relu)",
    "conv(8) slice(-4)",
    paper="Ma et al. 2018, ShuffleNet v2, arXiv:1807.11164",
)
def slice_(x: Shape, start: Whole, end: Whole | None = None) -> Layer:
    """The channels from `start` to before `end`, by default the last; of tokens and vectors, the values.

    They count from 0, and from the end where negative. Two halves: `slice(0, cin//2)` and `slice(cin//2)`.
    """
    n = channels(x)
    first, last = (start if start >= 0 else n + start), (n if end is None else end if end >= 0 else n + end)
    if not 0 <= first < last <= n:
        raise Misfit(
            f"`slice` from {start} to {'the end' if end is None else end} takes nothing, or more than there "
            f"is, of {n} channels",
            "A303",
            f"choose 0 ≤ start < end ≤ {n}",
        )
    if (first, last) == (0, n):
        return Layer(out=x)
    count = last - first
    if len(x) == 2:
        return Layer(out=(x[0], count), call=lambda torch, v: v[:, :, first:last])
    return Layer(out=(count, *x[1:]), call=lambda torch, v: v[:, first:last])


@op(
    "conv(8) cat(part(1, 2) | part(2, 2) conv(4) relu)",
    paper="Gao et al. 2019, Res2Net, arXiv:1904.01169",
    traits="mixes",
)
def part(x: Shape, i: Count, n: Count) -> Layer:
    """The `i`-th of `n` equal parts of the channels, counted from 1 (chunk, split)."""
    size = channels(x)
    if size % n or i > n:
        raise Misfit(
            f"there is no part {i} of {n} equal ones of {size} channels",
            "A303",
            "choose a number of parts that divides the channels",
        )
    return slice_(x, (i - 1) * size // n, i * size // n)


@op(
    "conv(8, groups=1) shuffle(2)",
    "conv(24, 1) shuffle(2, run=4)",
    "patch(8, 48) tokens shuffle(3, run=4)",
    paper="Zhang et al. 2017, ShuffleNet, arXiv:1707.01083",
    traits="mixes",
)
def shuffle(x: Shape, groups: Count, run: Count = 1) -> Layer:
    """Channel shuffle: of `groups` equal groups the first channels, then the second ones, and so on.

    With `run` the first so many channels of each group, then the next ones: where each head has its own query, key and value of d
    channels, `shuffle(heads, run=d)` puts all queries before all keys, and those before all values.
    """
    c = channels(x)
    if c % (groups * run):
        runs = f" of runs of {run}" if run > 1 else ""
        raise Misfit(f"{groups} groups{runs} do not divide {c} channels", "A303", "choose numbers that divide them")
    if run == 1 and len(x) == 3:
        return Layer(out=x, call=lambda torch, v: v.unflatten(1, (groups, c // groups)).transpose(1, 2).flatten(1, 2))
    axis, parts = (1 if len(x) == 3 else len(x)), (groups, c // groups // run, run)
    return Layer(
        out=x,
        call=lambda torch, v: v.unflatten(axis, parts).transpose(axis, axis + 1).flatten(axis, axis + 2),
    )


@op(
    "conv(8) padchannels(16)",
    "conv(8) add(conv(16, s=2) | maxpool(1, s=2) padchannels(16))",
    paper="He et al. 2015 (option A), arXiv:1512.03385",
)
def padchannels(x: Shape, to: Channels) -> Layer:
    """Channels of zeros behind those that arrive, up to `to` in all."""
    c = image(x, "padchannels")[0]
    if to < c:
        raise Misfit(
            f"`padchannels({to})` would take channels away from the {c} that arrive",
            "A303",
            f"`slice(0, {to})` does that",
        )
    if to == c:
        return Layer(out=x)
    more = to - c
    return Layer(out=(to, *x[1:]), call=lambda torch, v: torch.nn.functional.pad(v, (0, 0, 0, 0, 0, more)))


@op("conv(8) gap linear(10) multiply(0.125)", paper="Hinton et al. 2015, arXiv:1503.02531 (temperature)", alias="times")
def multiply(x: Shape, factor: Real) -> Layer:
    """Another name of `times`: every number times a constant that is not learnt."""
    return Layer(out=x, call=lambda torch, v: torch.mul(v, factor))


@op(
    "conv(8) scale(1e-6)",
    "patch(8, 64) tokens scale(0.1)",
    "conv(8) gap scale(1) linear(10)",
    "conv(8) res(conv(8) relu conv(8) scale(0, one))",
    "conv(8) add(id | sub(conv(8) | id) scale(0, sigmoid))",
    paper="Touvron et al. 2021, Going deeper with image transformers, arXiv:2103.17239",
    traits="scale pointwise",
)
def scale(x: Shape, init: Real = 1e-6, one: bool = False, sigmoid: bool = False) -> Layer:
    """LayerScale: a learnt factor for each channel, which starts as `init` (1e-6 as in ConvNeXt).

    With `one` it is one factor for the whole value: `scale(0, one)` at the end of a residual branch is SkipInit (De & Smith
    2020, arXiv:2002.10444). With `sigmoid` the factor is the sigmoid of what is learnt, and `init` that number's first value
    (Lee et al. 2024, EfficientViM, arXiv:2411.15241).
    """
    shape: Shape = () if one else (x[0], 1, 1) if len(x) == 3 else (x[-1],)
    kind = "SigmoidScale" if sigmoid else "LayerScale"
    return Layer(out=x, weights={"weight": shape}, module=lambda nn: getattr(nn, kind)(shape, init))


@op(
    "conv(8, bias=false) offset relu",
    "patch(8, 64) tokens offset transpose softmax transpose",
    "conv(8) gap offset linear(10)",
    traits="pointwise",
)
def offset(x: Shape) -> Layer:
    """A learnt number for each channel, added to it; it starts as 0. `affine` has a factor before it."""
    shape: Shape = (x[0], 1, 1) if len(x) == 3 else (x[-1],)
    return Layer(out=x, weights={"bias": shape}, module=lambda nn: nn.Offset(shape))


@op(
    "conv(8) affine relu",
    "patch(8, 64) tokens affine linear(8)",
    "conv(8) gap affine linear(10)",
    "conv(8) relu mul(id | id) affine(0.8944, one) conv(8)",
    paper="Touvron et al. 2021, ResMLP, arXiv:2105.03404",
    traits="scale",
)
def affine(x: Shape, init: Real = 1.0, one: bool = False) -> Layer:
    """A learnt factor, which starts as `init`, and a learnt shift, which starts as 0, for each channel: a normalisation
    without statistics.

    With `one` it is one factor and one shift for the whole value: `relu mul(id | id) affine(0.8944, one)` is StarReLU (Yu et al.
    2022, MetaFormer baselines for vision, arXiv:2210.13452, whose shift starts as -0.4472).
    """
    shape: Shape = (1,) if one else {1: x, 2: (1, 1, x[-1]), 3: (x[0], 1, 1)}[len(x)]  # of tokens as in timm
    return Layer(
        out=x,
        weights={"weight": shape, "bias": shape},
        module=lambda nn: nn.Affine(shape, **({} if init == 1 else {"init": init})),
    )


@op("spacetodepth(2) conv(8)", paper="Shi et al. 2016, arXiv:1609.05158")
def spacetodepth(x: Shape, by: Count = 2) -> Layer:
    """Each square of `by` × `by` pixels becomes one pixel with all their channels."""
    c, h, w = image(x, "spacetodepth")
    if h % by or w % by:
        raise Misfit(f"{by} does not divide an image of {h}x{w}", "A303", "choose a size that divides it")
    return Layer(
        out=(c * by * by, h // by, w // by),
        module=lambda nn: nn.PixelUnshuffle(by),
        window=window((by, by), (by, by), (0, 0)),
    )


@op("conv(8) depthtospace(2)", paper="Shi et al. 2016, arXiv:1609.05158")
def depthtospace(x: Shape, by: Count = 2) -> Layer:
    """Each pixel becomes a square of `by` × `by`, which share its channels."""
    c, h, w = image(x, "depthtospace")
    if c % (by * by):
        raise Misfit(f"{by}·{by} does not divide {c} channels", "A303", "choose a size whose square divides them")
    return Layer(out=(c // by**2, h * by, w * by), module=lambda nn: nn.PixelShuffle(by), window=enlarged(by))


@op(
    "conv(8) blurpool",
    "conv(8) relu maxpool(2, s=1) blurpool(4)",
    traits="pool",
    paper="Zhang 2019, Making convolutional networks shift-invariant again, arXiv:1904.11486",
)
def blurpool(x: Shape, k: Count = 3, s: Count = 2) -> Layer:
    """Each channel smoothed by a binomial filter of `k` × `k`, then every `s`-th pixel; the border is mirrored."""
    c, h, w = image(x, "blurpool")
    before, after = (k - 1) // 2, k // 2
    if min(h, w) <= after:
        raise Misfit(f"`blurpool` with a window of {k}x{k} does not fit an image of {h}x{w}", help="take a smaller one")
    out = (h + before + after - k) // s + 1, (w + before + after - k) // s + 1
    return Layer(
        out=(c, *out),
        buffers={"kernel": (1, 1, k, k)},
        macs=c * out[0] * out[1] * k * k,
        module=lambda nn: nn.BlurPool2d(k, s),
        window=window((k, k), (s, s), (before, before)),
    )


@op(
    "conv(8) times(0.5)",
    "conv(8) add(id | conv(8) times(0.2))",
    paper="Brock et al. 2021, arXiv:2101.08692",
    traits="scale pointwise",
)
def times(x: Shape, factor: Real) -> Layer:
    """Every number times a constant that is not learnt."""
    return Layer(out=x, call=lambda torch, v: v * factor)


@op(
    "conv(8) abs",
    "conv(8) as x gap sub(id | @x gmp) abs linear(10)",
    paper="Koch et al. 2015, Siamese neural networks for one-shot image recognition",
    traits="pointwise",
)
def abs_(x: Shape) -> Layer:
    """Every number without its sign; `sub(f | g) abs` is the distance of two values, number by number."""
    return Layer(out=x, call=lambda torch, v: torch.abs(v))
