"""Layers of the vision transformer: from an image to tokens, and what works on them."""

from __future__ import annotations

from math import isqrt

from archdsl.ir.layer import GLOBAL, Layer, Misfit, words
from archdsl.registry import op
from archdsl.registry.types import Channels, Count, Rate, Shape, Size, Whole
from archdsl.words.ops.conv import convolution
from archdsl.words.ops.shapes import image

_VIT = "Dosovitskiy et al. 2020, An image is worth 16x16 words, arXiv:2010.11929"


def _tokens(x: Shape, word: str) -> tuple[int, int]:
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
    n, d = _tokens(x, "untokens")
    h = isqrt(n) if rows is None else rows
    w = n // h
    if h * w != n:
        raise Misfit(
            f"{n} tokens do not fill an image of {h} rows",
            "A303",
            "say `untokens(rows)`, or take the class token out before",
        )
    return Layer(out=(d, h, w), call=lambda torch, v: v.transpose(1, 2).unflatten(2, (h, w)))


@op("patch(8, 64) tokens cls pos take linear(10)", paper=_VIT, traits="class")
def cls(x: Shape) -> Layer:
    """A learnt class token before the others."""
    n, d = _tokens(x, "cls")
    return Layer(out=(n + 1, d), weights={"token": (1, 1, d)}, module=lambda nn: nn.ClassToken(d))


@op("patch(8, 64) tokens pos gap linear(10)", paper=_VIT, traits="position")
def pos(x: Shape) -> Layer:
    """A learnt vector for each place, added to the token there."""
    n, d = _tokens(x, "pos")
    return Layer(out=x, weights={"embedding": (1, n, d)}, module=lambda nn: nn.PositionEmbedding(n, d))


@op("patch(8, 64) tokens cls take linear(10)", "patch(8, 64) tokens take(-1) linear(10)", paper=_VIT)
def take(x: Shape, i: Whole = 0) -> Layer:
    """One token as a vector, counted from 0, or from the end from -1 down."""
    n, d = _tokens(x, "take")
    if not -n <= i < n:
        raise Misfit(f"there is no token {i} among {n}", "A303", f"choose from 0 to {n - 1}, or from -1 to -{n}")
    return Layer(out=(d,), call=lambda torch, v: v[:, i], window=GLOBAL)


@op(
    "patch(8, 64) tokens attention(4)",
    "patch(8, 64) tokens add(id | ln attention(4, bias=false))",
    "patch(8, 64) tokens attention(4, drop=0.1)",
    paper="Vaswani et al. 2017, Attention is all you need, arXiv:1706.03762",
    traits="weighted attention",
)
def attention(x: Shape, heads: Count = 8, bias: bool = True, drop: Rate = 0.0) -> Layer:
    """Multi-head self-attention: each token becomes a mean over all, weighted by softmax(q·k/√(width/heads)).

    Weights as in `torch.nn.MultiheadAttention`. `drop` is the rate of dropout on the attention weights while training. The
    products of queries with keys and of weights with values count into the MACs.
    """
    n, d = _tokens(x, "attention")
    if d % heads:
        raise Misfit(f"{heads} heads do not divide a width of {d}", "A303", "choose a number of heads that divides it")
    weights: dict[str, Shape] = {
        "in_proj_weight": (3 * d, d),
        "in_proj_bias": (3 * d,),
        "out_proj.weight": (d, d),
        "out_proj.bias": (d,),
    }
    if not bias:
        weights = {k: s for k, s in weights.items() if not k.endswith("bias")}
    return Layer(
        out=x,
        weights=weights,
        macs=4 * n * d * d + 2 * n * n * d,
        window=GLOBAL,
        module=lambda nn: nn.Attention(
            d, heads, **({} if bias else {"bias": False}), **({"drop": drop} if drop else {})
        ),
    )
