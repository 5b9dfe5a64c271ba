"""What is done to axes as such: exchanged, turned round, reduced to one number."""

from __future__ import annotations

from typing import Literal

from archdsl.ir.layer import GLOBAL, Layer, Misfit, words
from archdsl.registry import op
from archdsl.registry.types import Shape, Whole
from archdsl.words.ops.shapes import image, window

_METHODS = {"mean": "mean", "max": "amax", "min": "amin", "sum": "sum"}


@op(
    "patch(8, 64) tokens transpose linear(16) transpose",
    "patch(8, 64) tokens res(ln transpose linear(32) gelu linear(16) transpose) gap linear(10)",
    paper="Tolstikhin et al. 2021, MLP-Mixer, arXiv:2105.01601",
    traits="mixes",
)
def transpose(x: Shape) -> Layer:
    """Tokens with number and width exchanged: n tokens of width d become d tokens of width n.

    What follows works over the tokens: `transpose linear(cin) transpose` is a linear layer of all tokens, the same for each
    channel.
    """
    if len(x) != 2:
        raise Misfit(
            f"`transpose` exchanges number and width of tokens, and here arrives {words(x)}",
            "A301",
            "`tokens` makes an image to tokens",
        )
    return Layer(out=(x[1], x[0]), call=lambda torch, v: v.transpose(1, 2), window=GLOBAL)


@op(
    "conv(8) roll(2)",
    "conv(8) roll(-3, 0) conv(8)",
    paper="Liu et al. 2021, Swin transformer, arXiv:2103.14030 (cyclic shift)",
)
def roll(x: Shape, down: Whole, right: Whole | None = None) -> Layer:
    """Moves an image `down` rows and `right` columns, by default as many; what leaves at one side enters at the other.
    Negative numbers move up and to the left. The receptive field is that of the pixels that stay inside."""
    _, h, w = image(x, "roll")
    by = (_least(down, h), _least(down if right is None else right, w))
    if by == (0, 0):
        return Layer(out=x)
    return Layer(
        out=x,
        call=lambda torch, v: torch.roll(v, by, (2, 3)),
        window=window((1, 1), (1, 1), by),
    )


def _least(by: int, size: int) -> int:
    """The shortest move along a circle of ``size`` that ends where ``by`` does."""
    return (by + (size - 1) // 2) % size - (size - 1) // 2


@op(
    "conv(8) mul(id | cat(reduce(mean) | reduce(max)) conv(1, 7) sigmoid)",
    "conv(8) reduce(max) flatten linear(10)",
    "patch(8, 64) tokens mul(id | reduce(mean) sigmoid)",
    paper="Woo et al. 2018, CBAM, arXiv:1807.06521 (spatial attention)",
)
def reduce(x: Shape, by: Literal["mean", "max", "min", "sum"]) -> Layer:
    """The mean (largest, smallest value, sum) over the channels: an image of one channel, tokens of width 1, or a vector of
    one value."""
    method, axis = _METHODS[by], 2 if len(x) == 2 else 1
    return Layer(
        out=(x[0], 1) if len(x) == 2 else (1, *x[1:]),
        call=lambda torch, v: getattr(v, method)(axis, keepdim=True),
    )
