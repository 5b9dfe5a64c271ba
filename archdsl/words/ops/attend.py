"""Attention as a join: queries, keys and values are branches, so that each may come from anywhere."""

from __future__ import annotations

from typing import Any, Literal

from archdsl.ir.layer import GLOBAL, Layer, Misfit, words
from archdsl.ir.trace import channels as channels_of
from archdsl.registry import join
from archdsl.registry.types import Count, Natural, Padding, Positive, Rate, Shape, Size
from archdsl.words.ops.attendforms import laid_out, learnt, linear_form, of_channels, spots, within
from archdsl.words.ops.attention import Base
from archdsl.words.ops.attentionparts import turned_axes

Bias = Literal["none", "signed", "absolute", "cpb", "mlp", "class", "query", "gated"]


@join(
    "patch(8, 64) tokens attend(linear(64) | linear(64, bias=false) | linear(64), 4) linear(64)",
    "patch(8, 64) tokens as x cls take(0, 1) attend(id | @x | @x, 2)",
    "patch(4, 24) attend(conv(12, 1) | conv(12, 1) | id, 3, window=4, shift=2, relpos=signed)",
    "patch(4, 24) attend(conv(24, 1, s=2) | id | conv(48, 1), 2, scale=0.5, relpos=absolute)",
    "patch(4, 24) attend(id | id | conv(24, 1), 2, grid=4, drop=0.1, talk)",
    "patch(4, 24) attend(conv(24, 1) | id | id, 3, window=4, shift=2, relpos=cpb, cosine=exp)",
    "patch(4, 24) attend(conv(24, 1) | id | id, 3, window=4, relpos=mlp, cosine=exp)",
    "patch(8, 64) tokens attend(linear(64) | linear(64) | id, 4, channels, drop=0.1)",
    "patch(4, 24) attend(conv(24, 1) | id | id, 3, channels, cosine=factor)",
    "patch(4, 24) attend(conv(24, 1) | id | conv(12, 1), 3, window=4, rotary)",
    "patch(8, 64) tokens cls attend(linear(64) | linear(64, bias=false) | linear(64), 4, relpos=class)",
    "patch(4, 24) attend(maxpool(2) | id | conv(12, 1), 3, window=4)",
    "patch(4, 24) attend(maxpool(2) | id | conv(12, 1), 3, window=4, relpos=signed)",
    "patch(4, 24) attend(conv(24, 1, s=2) | id | id, 3, relpos=signed)",
    "patch(4, 24) attend(conv(24, 1, s=2) | id | id, 3, relpos=query)",
    "patch(8, 64) tokens untokens attend(id | conv(64, 1) | id, 4, relpos=gated)",
    "patch(8, 64) tokens cls attend(id | id | linear(64), 4, rotary=100, centred, prefix=1)",
    "patch(4, 24) attend(id | conv(8, 1) | conv(4, 1), 3, kv=1)",
    "patch(4, 24) relu attend(id | id | conv(24, 1), 3, by=fraction)",
    "patch(8, 64) tokens attend(linear(32) | linear(32) | id, 4, by=product, scale=0.1)",
    paper="Vaswani et al. 2017, Attention is all you need, arXiv:1706.03762",
    traits="attention mixes",
)
def attend(
    xs: tuple[Shape, ...],
    heads: Count = 1,
    drop: Rate = 0.0,
    scale: Positive | None = None,
    window: Size | None = None,
    shift: Padding = 0,
    grid: Size | None = None,
    relpos: Bias = "none",
    talk: bool = False,
    cosine: Literal["none", "factor", "exp"] = "none",
    channels: bool = False,
    rotary: Base | None = None,
    centred: bool = False,
    prefix: Natural = 0,
    kv: Count | None = None,
    by: Literal["softmax", "fraction", "product"] = "softmax",
) -> Layer:
    """Attention of queries, keys and values, which are its three branches in this order: for each token of the queries the mean
    of the values, weighted by softmax(q·k/√(width of a head)) over the tokens of the keys.

    The pixels of an image are its tokens, row by row; the result is laid out as the queries are, as wide as the values. `scale`
    is the factor of q·k instead of 1/√(width of a head). `drop` is the rate of dropout on the weights while training.
    `window`, `shift`, `grid`, `talk` and `rotary` are as for `attention`; with a `window` of the keys' image the queries may be a
    smaller image, whose windows are smaller by as much (Ryali et al. 2023, Hiera, arXiv:2306.00989). `attention` is this with its
    linear layers. `kv` heads of keys and values are shared by the heads of queries (Shazeer 2019, arXiv:1911.02150).

    `relpos` adds a learnt bias for each head and distance, with its sign, or without (Graham et al. 2021, LeViT,
    arXiv:2104.01136); with `class` the first token is a class token, which has three biases of its own, and the others are a
    square image (Bao et al. 2021, BEiT, arXiv:2106.08254). With `query` the bias is the product of the query with two learnt
    vectors, of the distance in rows and of that in columns (Li et al. 2022, MViTv2, arXiv:2112.01526). With `gated` a softmax of
    a linear function of the distances is mixed into that of the products, by a learnt fraction of each head (d'Ascoli et al.
    2021, ConViT, arXiv:2103.10697).

    `relpos=cpb`: the bias is 16·sigmoid of what two linear layers with 512 values and ReLU between give for the distance, on a
    scale of logarithms. `cosine=exp`: the cosine of query and key, times exp of a learnt number for each head, at most 100 (both
    Liu et al. 2022, Swin transformer V2, arXiv:2111.09883). `relpos=mlp` is that of its first version: what two linear layers
    with 384 values give for the logarithms of the distances plus 1. `cosine=factor`: times the learnt number itself.

    `centred`: places of `rotary` run from -2π to 2π along each axis, whatever the size; `prefix`: the first so many tokens are
    not turned, and the others are a square image (both Siméoni et al. 2025, DINOv3, arXiv:2508.10104).

    `channels`: within each head the channels attend to each other over the tokens, not the tokens over the channels (Ding et al.
    2022, DaViT, arXiv:2204.03645); with `cosine=factor`, between linear layers, it is `xca`.

    `by=product`: the weights are the products themselves, without a softmax and, where no `scale` is given, without a factor;
    `by=fraction`: each product over the sum of a query's products plus 1e-5, which queries and keys that are not negative make to
    fractions (linear attention, Katharopoulos et al. 2020, arXiv:2006.16236).
    """
    if len(xs) != 3:
        raise Misfit(
            f"`attend` has {len(xs)} branches; it takes queries, keys and values", "A304", "write `attend(q | k | v)`"
        )
    if low := next((x for x in xs if len(x) == 1), None):
        raise Misfit(f"`attend` takes tokens or images, and here arrives {words(low)}", "A301", "`stack` makes tokens")
    q, k, v = xs
    widths = (channels_of(q), channels_of(k), channels_of(v))
    kv = None if kv == heads else kv
    _fit(xs, widths, heads, kv)
    if rotary is not None and not prefix:
        turned_axes(len(q) - 1, widths[0] // heads)
    if cosine != "none" and scale is not None:
        raise Misfit("`cosine` of `attend` has a learnt factor, and no `scale`", help="leave one of the two out")
    if rotary is None and (prefix or centred):
        name = "prefix" if prefix else "centred"
        raise Misfit(f"`{name}` says where `rotary` turns, which is not given", help=f"leave `{name}` out")
    settings: dict[str, Any] = {n: a for n, a in (("drop", drop), ("scale", scale), ("talk", talk), ("kv", kv)) if a}
    settings |= {} if cosine == "none" else {"cosine": str(cosine)}
    forms: dict[str, Any] = {"window": window, "shift": shift, "grid": grid}
    others = {"relpos": relpos != "none", "talk": talk, "rotary": rotary, "kv": kv}
    if by != "softmax":
        asked = forms | others | {"cosine": cosine != "none", "channels": channels, "drop": drop}
        return linear_form(xs, heads, widths, scale, by == "fraction", [n for n, a in asked.items() if a])
    if channels:
        return of_channels(xs, heads, widths, [n for n, a in (forms | others).items() if a], settings)
    if rotary is not None:
        settings |= {"rotary": rotary, "sizes": laid_out(q, k, prefix, widths[0] // heads)}
        settings |= {n: a for n, a in (("centred", centred), ("prefix", prefix)) if a}
    if window is not None or grid is not None or shift not in (0, (0, 0)):
        return within(xs, heads, widths, forms, relpos, settings)
    sizes = laid_out(q, k, 0, 0)
    weights, macs = learnt(sizes[0], sizes[1], heads, relpos, widths[0] // heads, settings)
    result = widths[2] if kv is None else widths[2] // kv * heads
    return Layer(
        out=(q[0], result) if len(q) == 2 else (result, *q[1:]),
        module=lambda nn: nn.Attend(heads, **settings),
        weights=weights,
        macs=spots(q) * spots(k) * (widths[0] + result + (2 * heads * heads if talk else 0)) + macs,
        window=GLOBAL,
    )


def _fit(xs: tuple[Shape, ...], widths: tuple[int, ...], heads: int, kv: int | None) -> None:
    """Refuse queries, keys and values that have no products, or no heads."""
    if kv is not None and heads % kv:
        raise Misfit(
            f"{kv} heads of keys do not divide {heads} heads", "A303", "choose `kv` so that it divides `heads`"
        )
    numbers = (heads, kv or heads, kv or heads)
    if wrong := next(((w, n) for w, n in zip(widths, numbers, strict=True) if w % n), None):
        help = "choose a number that divides it"
        raise Misfit(f"{wrong[1]} heads do not divide a width of {wrong[0]}", "A303", help)
    if widths[0] // heads != widths[1] // numbers[1]:
        raise Misfit(
            f"queries of {widths[0]} and keys of {widths[1]} have no product", "A304", "give both branches one width"
        )
    if spots(xs[1]) != spots(xs[2]):
        raise Misfit(
            f"there are {spots(xs[1])} keys and {spots(xs[2])} values", "A304", "keys and values are of the same tokens"
        )
