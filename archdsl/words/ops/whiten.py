"""Layers that are taken from the training images before the first step."""

from __future__ import annotations

from typing import Annotated

from archdsl.ir.layer import Layer, Misfit
from archdsl.registry import Range, op
from archdsl.registry.types import Positive, Shape
from archdsl.words.ops.shapes import image, window


@op(
    "whiten gelu conv(8)",
    "whiten(3, eps=1e-3) conv(8)",
    paper="Page 2018, How to train your ResNet; Jordan 2024, arXiv:2404.00498",
    traits="fixed",
)
def whiten(x: Shape, k: Annotated[int, Range(1, 15)] = 2, eps: Positive = 5e-4) -> Layer:
    """Whitens patches of `k` x `k`: fixed filters taken from the training images, and a bias that is learnt.

    The filters are the eigenvectors of the covariance of the patches of 5,000 training images, each divided by the root
    of its eigenvalue plus `eps`, and its negative: 2·c·k·k channels, without padding.
    """
    c, h, w = image(x, "whiten")
    if k > min(h, w):
        raise Misfit(f"`whiten` has a window of {k}x{k}, larger than the image {h}x{w}", help="a smaller window")
    out = 2 * c * k * k
    size = (h - k + 1, w - k + 1)
    return Layer(
        out=(out, *size),
        weights={"weight": (out, c, k, k), "bias": (out,)},
        macs=out * size[0] * size[1] * c * k * k,
        module=lambda nn: nn.PatchWhitening2d(c, k, **({} if eps == 5e-4 else {"eps": eps})),
        window=window((k, k), (1, 1), (0, 0)),
    )
