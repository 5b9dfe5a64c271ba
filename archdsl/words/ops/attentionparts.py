"""What the words of attention have in common: windows, angles, the weights of a projection."""

from __future__ import annotations

from math import prod
from typing import Any

from archdsl.ir.layer import GLOBAL, Misfit
from archdsl.ir.window import PERIOD, Axis, Sight, Window
from archdsl.registry.types import Shape
from archdsl.words.ops.shapes import pair


def projection(name: str, cin: int, out: int, common: dict[str, Any]) -> dict[str, Shape]:
    """The weights of a linear layer by name, with a bias unless ``common`` has none."""
    return {f"{name}.weight": (out, cin)} | ({} if "bias" in common else {f"{name}.bias": (out,)})


def turned_axes(axes: int, head_dim: int) -> None:
    """Refuse a width of a head of which no pairs can be turned along so many axes."""
    if head_dim % (2 * axes):
        raise Misfit(
            f"`rotary` turns pairs of numbers along {axes} axes, and a head has {head_dim}",
            "A303",
            f"choose `heads` or `head_dim` so that {2 * axes} divides the width of a head",
        )


def placed_windows(x: Shape, asked: dict[str, Any]) -> tuple[tuple[int, int], int, Window | Sight, dict[str, Any]]:
    """The size of a window, the pixels of all (zeros that fill them up included), what a pixel sees, the settings."""
    image, shift = (x[1], x[2]), pair(asked.get("shift", 0))
    if "grid" in asked:
        size = pair(asked["grid"])
        if image[0] % size[0] or image[1] % size[1]:
            raise Misfit(
                f"a grid of {size[0]}x{size[1]} does not divide an image of {image[0]}x{image[1]}",
                "A303",
                "choose numbers of rows and columns that divide the image, or pad it by `zeropad`",
            )
        sight: Window | Sight = Sight((_spread(image[0], size[0]), _spread(image[1], size[1])))
        return size, prod(image), GLOBAL if max(image) > PERIOD else sight, {"size": size, "grid": True}
    size = pair(asked.get("window", image))
    if size[0] > image[0] or size[1] > image[1]:
        help = f"choose a window of at most {image[0]}x{image[1]}"
        raise Misfit(f"a window of {size[0]}x{size[1]} does not fit an image of {image[0]}x{image[1]}", help=help)
    if shift[0] >= size[0] or shift[1] >= size[1]:
        raise Misfit(
            f"windows of {size[0]}x{size[1]} are not moved by {shift[0]}x{shift[1]}",
            "A303",
            "choose a shift that is smaller than the window; half of it is usual",
        )
    # One window along an axis stays where it is, as in the published code.
    moved = tuple(0 if n == extent else s for s, n, extent in zip(shift, size, image, strict=True))
    if any(shift) and not any(moved):
        raise Misfit("`shift` has no effect: the window is the whole image", help="leave `shift` out")
    settings: dict[str, Any] = {"size": size} | ({"shift": moved} if any(moved) else {})
    spots = prod(-(-extent // n) * n for extent, n in zip(image, size, strict=True))
    if size == image:
        return size, spots, GLOBAL, settings
    return size, spots, Sight((_window(size[0], moved[0]), _window(size[1], moved[1]))), settings


def _window(size: int, shift: int) -> Axis:
    """Each position sees the window that it is in; windows begin at ``shift``."""
    lows = [(j - shift) // size * size + shift for j in range(size)]
    return Axis(size, tuple([(low, low + size - 1) for low in lows]))


def _spread(extent: int, size: int) -> Axis:
    """Each position sees from the first to the last of those that are a multiple of ``extent / size`` away."""
    step = extent // size
    return Axis(extent, tuple([(j % step, j % step + extent - step) for j in range(min(extent, PERIOD))]))
