"""What ops share: asking for an image, reading a size, the extent after a window."""

from __future__ import annotations

from typing import Any

from archdsl.ir.layer import Misfit, Window, words
from archdsl.registry.types import Shape


def image(x: Shape, word: str) -> tuple[int, int, int]:
    """The (c, h, w) of an image, or a refusal."""
    if len(x) != 3:
        raise Misfit(
            f"`{word}` takes an image, and here arrives {words(x)}",
            "A301",
            "an image turns into a vector by `gap` or `flatten`; layers for images come before it",
        )
    return x[0], x[1], x[2]


def pair(value: Any) -> tuple[int, int]:
    """A size as (height, width)."""
    return (value[0], value[1]) if isinstance(value, tuple) else (value, value)


def compact(a: tuple[int, int]) -> Any:
    """An equal pair as one number, as torch's modules print it."""
    return a[0] if a[0] == a[1] else a


def extent(size: int, k: int, s: int, p: int, dilation: int = 1, ceil: bool = False) -> int:
    """The number of positions of a window along one axis (torch's formula, with its rule for ``ceil_mode``)."""
    span = size + 2 * p - dilation * (k - 1) - 1
    if span < 0 and not ceil:
        return 0
    out = (-(-span // s) if ceil else span // s) + 1
    if ceil and (out - 1) * s >= size + p:  # the last window would begin in the padding
        out -= 1
    return max(out, 0)


def slide(
    x: Shape, word: str, k: tuple[int, int], s: tuple[int, int], p: tuple[int, int], d: int = 1, ceil: bool = False
) -> tuple[int, int]:
    """The (height, width) after a window.

    Raises:
        Misfit: the window is larger than the padded image.
    """
    _, h, w = image(x, word)
    out = extent(h, k[0], s[0], p[0], d, ceil), extent(w, k[1], s[1], p[1], d, ceil)
    if min(out) < 1:
        raise Misfit(
            f"`{word}` with a window of {k[0] * d - d + 1}x{k[1] * d - d + 1} does not fit an image of {h}x{w}",
            help="the image has been pooled away: take out a pooling or a stage, or start from a larger input",
        )
    return out


def window(k: tuple[int, int], s: tuple[int, int], p: tuple[int, int], d: int = 1) -> Window:
    """How an op looks at the image, for the receptive field."""
    return Window((d * (k[0] - 1) + 1, d * (k[1] - 1) + 1), s, p)
