"""Attention as a join: queries, keys and values are branches, so that each may come from anywhere."""

from __future__ import annotations

from math import isqrt, prod
from typing import Any, Literal

from archdsl.ir.layer import GLOBAL, Layer, Misfit, words
from archdsl.ir.trace import channels as channels_of
from archdsl.registry import join
from archdsl.registry.types import Count, Padding, Positive, Rate, Shape, Size
from archdsl.words.ops.attention import Base, placed_windows, turned_axes


@join(
    "patch(8, 64) tokens attend(linear(64) | linear(64, bias=false) | linear(64), 4) linear(64)",
    "patch(8, 64) tokens as x cls take(0, 1) attend(id | @x | @x, 2)",
    "patch(4, 24) attend(conv(12, 1) | conv(12, 1) | id, 3, window=4, shift=2, relpos=signed)",
    "patch(4, 24) attend(conv(24, 1, s=2) | id | conv(48, 1), 2, scale=0.5, relpos=absolute)",
    "patch(4, 24) attend(id | id | conv(24, 1), 2, grid=4, drop=0.1, talk)",
    "patch(4, 24) attend(conv(24, 1) | id | id, 3, window=4, shift=2, relpos=cpb, cosine=exp)",
    "patch(8, 64) tokens attend(linear(64) | linear(64) | id, 4, channels, drop=0.1)",
    "patch(4, 24) attend(conv(24, 1) | id | id, 3, channels, cosine=factor)",
    "patch(4, 24) attend(conv(24, 1) | id | conv(12, 1), 3, window=4, rotary)",
    "patch(8, 64) tokens cls attend(linear(64) | linear(64, bias=false) | linear(64), 4, relpos=class)",
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
    relpos: Literal["none", "signed", "absolute", "cpb", "class"] = "none",
    talk: bool = False,
    cosine: Literal["none", "factor", "exp"] = "none",
    channels: bool = False,
    rotary: Base | None = None,
) -> Layer:
    """Attention of queries, keys and values, which are its three branches in this order: for each token of the queries the mean
    of the values, weighted by softmax(q·k/√(width of a head)) over the tokens of the keys.

    The pixels of an image are its tokens, row by row; the result is laid out as the queries are, as wide as the values. `scale`
    is the factor of q·k instead of 1/√(width of a head). `drop` is the rate of dropout on the weights while training.
    `window`, `shift`, `grid`, `talk` and `rotary` are as for `attention`. `relpos` adds a learnt bias for each head and distance,
    with its sign, or without (Graham et al. 2021, LeViT, arXiv:2104.01136); with `class` the first token is a class token, which
    has three biases of its own, and the others are a square image (Bao et al. 2021, BEiT, arXiv:2106.08254). `attention` is this
    with its linear layers.

    `relpos=cpb`: the bias is 16·sigmoid of what two linear layers with 512 values and ReLU between give for the distance, on a
    scale of logarithms. `cosine=exp`: the cosine of query and key, times exp of a learnt number for each head, at most 100 (both
    Liu et al. 2022, Swin transformer V2, arXiv:2111.09883). `cosine=factor`: times the learnt number itself.

    `channels`: within each head the channels attend to each other over the tokens, not the tokens over the channels (Ding et al.
    2022, DaViT, arXiv:2204.03645); with `cosine=factor`, between linear layers, it is `xca`.
    """
    if len(xs) != 3:
        raise Misfit(
            f"`attend` has {len(xs)} branches; it takes queries, keys and values", "A304", "write `attend(q | k | v)`"
        )
    if low := next((x for x in xs if len(x) == 1), None):
        raise Misfit(f"`attend` takes tokens or images, and here arrives {words(low)}", "A301", "`stack` makes tokens")
    q, k, v = xs
    widths = (channels_of(q), channels_of(k), channels_of(v))
    if widths[0] != widths[1]:
        raise Misfit(
            f"queries of {widths[0]} and keys of {widths[1]} have no product", "A304", "give both branches one width"
        )
    if _spots(k) != _spots(v):
        raise Misfit(
            f"there are {_spots(k)} keys and {_spots(v)} values", "A304", "keys and values are of the same tokens"
        )
    if any(width % heads for width in widths):
        wrong = next(width for width in widths if width % heads)
        raise Misfit(f"{heads} heads do not divide a width of {wrong}", "A303", "choose a number that divides it")
    if rotary is not None:
        turned_axes(len(q) - 1, widths[0] // heads)
    settings: dict[str, Any] = {n: a for n, a in (("drop", drop), ("scale", scale), ("talk", talk)) if a}
    if cosine != "none":
        settings["cosine"] = str(cosine)
        if scale is not None:
            raise Misfit("`cosine` of `attend` has a learnt factor, and no `scale`", help="leave one of the two out")
    if rotary is not None:
        settings |= {"rotary": rotary, "sizes": (_size(q), _size(k))}
    if channels:
        asked = {
            "window": window,
            "shift": shift,
            "grid": grid,
            "relpos": relpos != "none",
            "talk": talk,
            "rotary": rotary,
        }
        return _of_channels(xs, heads, widths, [n for n, a in asked.items() if a], settings)
    if window is not None or grid is not None or shift not in (0, (0, 0)):
        return _within(xs, heads, widths, {"window": window, "shift": shift, "grid": grid}, relpos, settings)
    weights, macs = _learnt(_size(q), _size(k), heads, relpos, settings)
    return Layer(
        out=(q[0], widths[2]) if len(q) == 2 else (widths[2], *q[1:]),
        module=lambda nn: nn.Attend(heads, **settings),
        weights=weights,
        macs=_spots(q) * _spots(k) * (widths[0] + widths[2] + (2 * heads * heads if talk else 0)) + macs,
        window=GLOBAL,
    )


def _of_channels(
    xs: tuple[Shape, ...], heads: int, widths: tuple[int, ...], asked: list[str], settings: dict[str, Any]
) -> Layer:
    """Channels that attend to each other."""
    q, k, v = xs
    if asked:
        raise Misfit(f"`attend(channels)` does not support `{asked[0]}`", help="leave one of the two out")
    if _spots(q) != _spots(k) or widths[1] != widths[2]:
        help = "queries and keys are of the same tokens, keys and values are equally wide"
        raise Misfit(f"`attend(channels)` joins {words(q)}, {words(k)} and {words(v)}", "A304", help)
    return Layer(
        out=q,
        module=lambda nn: nn.Attend(heads, channels=True, **settings),
        weights={"factor": (heads, 1, 1)} if "cosine" in settings else {},
        macs=2 * _spots(q) * widths[0] * widths[1] // heads,
        window=GLOBAL,
    )


def _learnt(
    queries: tuple[int, ...], keys: tuple[int, ...], heads: int, relpos: str, settings: dict[str, Any]
) -> tuple[dict[str, Shape], int]:
    """The weights of its forms in the order of the module, and the MACs of the bias; ``settings`` gains the sizes."""
    weights: dict[str, Shape] = {"factor": (heads, 1, 1)} if "cosine" in settings else {}
    macs = 0
    if "rotary" in settings and (len(queries) != len(keys) or relpos == "class"):
        raise Misfit("`rotary` needs queries and keys that are both tokens, or both images", "A304", "say `untokens`")
    if relpos == "class":
        queries, keys = _behind_class(queries), _behind_class(keys)
    if relpos != "none":
        settings |= {"relpos": str(relpos), "sizes": (queries, keys)}
        rows = _distances(queries, keys, relpos)
        weights |= {"relpos": (rows, heads)} if relpos != "cpb" else {}
    if relpos == "cpb":
        if len(keys) != 2 or queries != keys:
            raise Misfit("`relpos=cpb` needs queries and keys of images of one size", "A304", "say `untokens`")
        weights |= {"cpb.0.weight": (512, 2), "cpb.0.bias": (512,), "cpb.2.weight": (heads, 512)}
        macs = rows * 512 * (2 + heads)
    return weights | (_talk(heads) if settings.get("talk") else {}), macs


def _within(
    xs: tuple[Shape, ...], heads: int, widths: tuple[int, ...], forms: dict[str, Any], relpos: str, settings: Any
) -> Layer:
    """Within windows of images of one size."""
    if any(len(x) != 3 or x[1:] != xs[0][1:] for x in xs):
        help = "give the branches images of one size, or leave `window` and `grid` out"
        raise Misfit("windows of `attend` need three images of one size", "A304", help)
    asked = {n: a for n, a in forms.items() if a}
    if "window" in asked and "grid" in asked:
        raise Misfit("`window` and `grid` of `attend` exclude each other", help="keep one of them")
    if "shift" in asked and "window" not in asked:
        raise Misfit("`shift` moves windows, and there are none", help="write `window=`, or leave `shift` out")
    size, spots, sight, windows = placed_windows(xs[0], asked)
    settings |= {"sizes": (size, size)} if "rotary" in settings else {}
    weights, macs = _learnt(size, size, heads, relpos, settings)
    return Layer(
        out=(widths[2], *xs[0][1:]),
        module=lambda nn: nn.AttendWindows(nn.AttendPacked(heads, widths, **settings), **windows),
        weights={f"f.{k}": shape for k, shape in weights.items()},
        macs=spots * prod(size) * (widths[0] + widths[2] + (2 * heads * heads if "talk" in settings else 0)) + macs,
        window=sight,
    )


def _talk(heads: int) -> dict[str, Shape]:
    """The weights that mix heads."""
    shapes: dict[str, Shape] = {"weight": (heads, heads), "bias": (heads,)}
    return {f"talk_{place}.{k}": shape for place in ("before", "after") for k, shape in shapes.items()}


def _spots(x: Shape) -> int:
    return x[0] if len(x) == 2 else x[1] * x[2]


def _size(x: Shape) -> tuple[int, ...]:
    """How tokens are laid out: in a row, or in rows and columns."""
    return (x[0],) if len(x) == 2 else tuple(x[1:])


def _distances(queries: tuple[int, ...], keys: tuple[int, ...], relpos: str) -> int:
    if len(queries) != len(keys):
        raise Misfit("`relpos` needs queries and keys that are both tokens, or both images", "A304", "say `untokens`")
    number = prod(n if relpos == "absolute" else m + n - 1 for m, n in zip(queries, keys, strict=True))
    return number + (3 if relpos == "class" else 0)


def _behind_class(size: tuple[int, ...]) -> tuple[int, ...]:
    """The square image that tokens behind a class token are."""
    side = isqrt(size[0] - 1)
    if len(size) != 1 or not side or side * side != size[0] - 1:
        help = "write `cls` before, and leave the image square"
        raise Misfit("`relpos=class` takes a class token and the pixels of a square image", "A304", help)
    return (side, side)
