"""The padding of TensorFlow, which torch has not: as much as a window needs, the odd one at the end."""

from __future__ import annotations

from typing import Literal

from archdsl.ir.layer import Layer
from archdsl.registry import op
from archdsl.registry.types import Shape, Size
from archdsl.words.ops.shapes import image, pair, window


@op(
    "samepad(3, 2) conv(8, 3, s=2, p=0)",
    "conv(8) samepad(3, 2, lowest) maxpool(3, s=2)",
    paper="Abadi et al. 2016, TensorFlow, arXiv:1605.08695 (padding SAME)",
    traits="pad",
)
def samepad(x: Shape, k: Size, s: Size = 1, fill: Literal["zero", "lowest"] = "zero") -> Layer:
    """The padding after which a window of `k` with stride `s` gives size/s, rounded up, without padding of its own.

    Left and right, top and bottom differ by at most one, the odd one is at the right and the bottom. It is filled with
    zeros, or for max pooling with the lowest number, which no maximum takes.
    """
    _, h, w = image(x, "samepad")
    kernel, stride = pair(k), pair(s)
    top, bottom = _sides(h, kernel[0], stride[0])
    left, right = _sides(w, kernel[1], stride[1])
    sides = (left, right, top, bottom)
    if not any(sides):
        return Layer(out=x)
    return Layer(
        out=(x[0], h + top + bottom, w + left + right),
        window=window((1, 1), (1, 1), (top, left)),
        module=lambda nn: nn.ZeroPad2d(sides) if fill == "zero" else nn.LowestPad2d(sides),
    )


def _sides(size: int, k: int, s: int) -> tuple[int, int]:
    """The padding before and behind along one axis."""
    total = max(0, (-(-size // s) - 1) * s + k - size)
    return total // 2, total - total // 2
