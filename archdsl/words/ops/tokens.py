"""Layers of the vision transformer: from an image to tokens, and what works on them."""

from __future__ import annotations

from math import isqrt

from archdsl.ir.layer import GLOBAL, Along, Layer, Misfit, words
from archdsl.ir.trace import channels
from archdsl.ir.window import Axis
from archdsl.registry import op
from archdsl.registry.types import Channels, Count, Shape, Size, Whole
from archdsl.words.ops.conv import convolution
from archdsl.words.ops.shapes import image, pair

_VIT = "Dosovitskiy et al. 2020, An image is worth 16x16 words, arXiv:2010.11929"


def tokens_of(x: Shape, word: str) -> tuple[int, int]:
    """The (number, width) of tokens, or a refusal."""
    if len(x) != 2:
        raise Misfit(
            f"`{word}` takes tokens, and here arrives {words(x)}",
            "A301",
            "`patch(16, 768) tokens` makes an image to tokens",
        )
    return x[0], x[1]


@op("patch(4, 96) ln", "patch(8, 64) tokens", paper=_VIT, traits="weighted conv")
def patch(x: Shape, k: Size, out: Channels, bias: bool = True) -> Layer:
    """Each patch of `k` × `k` pixels as one pixel of `out` channels: a convolution with window and stride `k`. What is
    left over at the right and the bottom is dropped."""
    return convolution(x, "patch", out, k, k, 0, 1, 1, None if bias else False)


@op("patch(8, 64) tokens", paper=_VIT)
def tokens(x: Shape) -> Layer:
    """An image as tokens: one for each pixel, row by row, as wide as the image has channels."""
    c, h, w = image(x, "tokens")
    return Layer(out=(h * w, c), call=lambda torch, v: v.flatten(2).transpose(1, 2))


@op("patch(8, 64) tokens untokens conv(8)", "conv(8, s=2) tokens untokens(8) conv(8)")
def untokens(x: Shape, rows: Count | None = None) -> Layer:
    """Tokens as an image of so many `rows`; without, of a square."""
    n, d = tokens_of(x, "untokens")
    h = isqrt(n) if rows is None else rows
    w = n // h
    if h * w != n or (rows is None and h != w):
        raise Misfit(
            f"{n} tokens do not fill {'a square image' if rows is None else f'an image of {h} rows'}",
            "A303",
            "say `untokens(rows)`, or take the class token out before",
        )
    return Layer(out=(d, h, w), call=lambda torch, v: v.transpose(1, 2).unflatten(2, (h, w)))


@op("patch(8, 64) tokens cls pos take linear(10)", paper=_VIT, traits="class")
def cls(x: Shape) -> Layer:
    """A learnt class token before the others."""
    n, d = tokens_of(x, "cls")
    return Layer(
        out=(n + 1, d),
        weights={"token": (1, 1, d)},
        module=lambda nn: nn.ClassToken(d),
        window=Along(Axis(1, ((-1, -1),)), None),
    )


@op(
    "patch(8, 64) tokens pos gap linear(10)",
    "patch(8, 64) tokens pos(sincos)",
    "patch(8, 64) pos(sincos) tokens",
    "patch(8, 64) pos tokens",
    "patch(8, 48) pos(fourier=16) tokens",
    "patch(4, 24) pos(tile=4) tokens",
    "patch(4, 24) pos(axes) tokens",
    "patch(4, 24) pos(of=4) pos(tile=2)",
    "patch(4, 24) pos(axes, of=5) tokens",
    paper=_VIT,
    traits="position",
)
def pos(
    x: Shape,
    sincos: bool = False,
    fourier: Count | None = None,
    tile: Size | None = None,
    axes: bool = False,
    of: Size | None = None,
) -> Layer:
    """A learnt vector for each place, added to the token or pixel there.

    With `sincos` it is fixed (Vaswani et al. 2017, arXiv:1706.03762): number 2i of a vector of d is sin(place/10000^(2i/d)),
    number 2i+1 the cosine. On an image the first half of the channels is that of the row, the second that of the column.

    With `fourier`, on an image, a linear layer of twice so many sines and cosines is added; the rows and columns run from 0 to 2π
    there (Carion et al. 2020, DETR, arXiv:2005.12872; XCiT, arXiv:2106.09681). With `tile` the learnt vectors are those of a
    window of this size, the same in each (Han et al. 2021, Transformer in transformer, arXiv:2103.00112). With `axes` each row
    has a learnt vector, and each column (Dehghani et al. 2023, NaViT, arXiv:2307.06304). With `of` the learnt vectors are those
    of an image of this size, which bicubic interpolation resizes (Bolya et al. 2023, arXiv:2311.05613), those of `axes` linear
    interpolation.
    """
    if len(x) == 1:
        raise Misfit(
            f"`pos` takes tokens or an image, and here arrives {words(x)}", "A301", "`gap` and `flatten` come behind"
        )
    if sincos + (fourier is not None) + (tile is not None) + axes > 1:
        raise Misfit("`sincos`, `fourier`, `tile` and `axes` of `pos` exclude each other", help="keep one of them")
    if of is not None:
        return _resized(x, pair(of), axes, sincos or fourier is not None or tile is not None)
    if fourier is not None:
        return _fourier(x, fourier)
    if tile is not None:
        return _tiled(x, pair(tile))
    if axes:
        c, h, w = image(x, "pos(axes)")
        rows: dict[str, Shape] = {"rows": (1, c, h, 1), "columns": (1, c, 1, w)}
        return Layer(out=x, weights=rows, module=lambda nn: nn.AxesPosition(c, h, w))
    if not sincos:
        return Layer(out=x, weights={"embedding": (1, *x)}, module=lambda nn: nn.PositionEmbedding(*x))
    width, parts = channels(x), 2 * (len(x) - 1)
    if width % parts:
        raise Misfit(
            f"`pos(sincos)` has sine and cosine along {len(x) - 1} axes, and {parts} does not divide {width}",
            "A303",
            f"choose a width that {parts} divides",
        )
    return Layer(out=x, module=lambda nn: nn.SinCosPosition())


def _resized(x: Shape, of: tuple[int, int], axes: bool, other: bool) -> Layer:
    """Learnt vectors of another size than the image's."""
    c, h, w = image(x, "pos(of)")
    if other:
        raise Misfit("`of` is the size of learnt vectors, alone or with `axes`", help="leave one of the two out")
    if of == (h, w):
        return pos(x, axes=axes)
    if axes:
        rows: dict[str, Shape] = {"rows": (1, c, of[0], 1), "columns": (1, c, 1, of[1])}
        return Layer(out=x, weights=rows, module=lambda nn: nn.ResizedAxesPosition(c, *of))
    return Layer(out=x, weights={"embedding": (1, c, *of)}, module=lambda nn: nn.ResizedPosition(c, *of))


def _tiled(x: Shape, size: tuple[int, int]) -> Layer:
    c, h, w = image(x, "pos(tile)")
    if h % size[0] or w % size[1]:
        raise Misfit(
            f"windows of {size[0]}x{size[1]} do not divide an image of {h}x{w}", "A303", "choose one that does"
        )
    return Layer(out=x, weights={"embedding": (1, c, *size)}, module=lambda nn: nn.TiledPosition(c, *size))


def _fourier(x: Shape, waves: int) -> Layer:
    if waves % 2:
        raise Misfit("`pos(fourier=…)` takes an even number", help="write `pos(fourier=32)`")
    c, h, w = image(x, "pos(fourier)")
    return Layer(
        out=x,
        weights={"proj.weight": (c, 2 * waves, 1, 1), "proj.bias": (c,)},
        macs=h * w * 2 * waves * c,
        module=lambda nn: nn.FourierPosition(c, waves),
    )


@op(
    "patch(8, 64) tokens cls take linear(10)",
    "patch(8, 64) tokens take(-1) linear(10)",
    "patch(8, 64) tokens cls cat(take(1, 17) | take(0, 1))",
    paper=_VIT,
)
def take(x: Shape, i: Whole = 0, end: Whole | None = None) -> Layer:
    """One token as a vector, counted from 0, or from the end from -1 down; with `end` the tokens from there to before `end`,
    as tokens."""
    n, d = tokens_of(x, "take")
    if end is not None:
        first, last = (k if k >= 0 else n + k for k in (i, end))
        if not 0 <= first < last <= n:
            raise Misfit(f"there are no tokens from {i} to before {end} among {n}", "A303", f"choose 0 ≤ i < end ≤ {n}")
        return Layer(
            out=(last - first, d),
            call=lambda torch, v: v[:, first:last],
            window=Along(Axis(1, ((first, first),)), None),
        )
    if not -n <= i < n:
        raise Misfit(f"there is no token {i} among {n}", "A303", f"choose from 0 to {n - 1}, or from -1 to -{n}")
    return Layer(out=(d,), call=lambda torch, v: v[:, i], window=GLOBAL)
