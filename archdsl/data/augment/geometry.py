"""Images moved, mirrored, turned and cut: each by numbers of its own, all in one call.

The affine maps are those of torchvision's ``v2.functional.affine``: inverse matrices about the middle of the image, pixels
taken by ``grid_sample``, black outside.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def flip(images: Tensor, chosen: Tensor, axis: int = 3) -> Tensor:
    """The images mirrored left to right (``axis`` 2: top to bottom) where ``chosen`` (N,) is true."""
    return torch.where(chosen[:, None, None, None], images.flip(axis), images)


def crop(images: Tensor, pad: int, top: Tensor, left: Tensor, reflect: bool = False) -> Tensor:
    """Windows of the images' own size out of the images with ``pad`` pixels more on each side.

    Args:
        images: (N, C, H, W).
        pad: black or mirrored pixels on each side.
        top, left: (N,) int64 in [0, 2·pad], each window's corner in the padded image.
    """
    count, channels, height, width = images.shape
    if reflect:
        rows = _mirrored(top[:, None] + torch.arange(height, device=images.device) - pad, height)
        columns = _mirrored(left[:, None] + torch.arange(width, device=images.device) - pad, width)
        source, span = images.flatten(2), width
    else:
        rows = top[:, None] + torch.arange(height, device=images.device)
        columns = left[:, None] + torch.arange(width, device=images.device)
        source, span = functional.pad(images, (pad, pad, pad, pad)).flatten(2), width + 2 * pad
    index = (rows[:, :, None] * span + columns[:, None, :]).flatten(1)
    window = source.gather(2, index[:, None].expand(count, channels, height * width))
    return window.unflatten(2, (height, width))


def _mirrored(index: Tensor, size: int) -> Tensor:
    """Places outside of [0, size) mirrored at the first and last pixel, which are not repeated."""
    period = max(2 * (size - 1), 1)
    folded = index.remainder(period)
    return torch.minimum(folded, period - folded) if size > 1 else torch.zeros_like(index)


def affine(
    images: Tensor,
    *,
    angle: Tensor | float = 0.0,
    move: tuple[Tensor | float, Tensor | float] = (0.0, 0.0),
    scale: Tensor | float = 1.0,
    shear: tuple[Tensor | float, Tensor | float] = (0.0, 0.0),
    corner: bool = False,
    nearest: bool = False,
) -> Tensor:
    """The images after an affine map each.

    Args:
        images: (N, C, H, W).
        angle: degrees, clockwise.
        move: pixels to the right and down.
        scale: a factor.
        shear: degrees along both axes.
        corner: the map's origin is the upper left corner, not the middle.
        nearest: take the nearest pixel; else bilinear.
    """
    height, width = images.shape[2:]
    rotation, shear_x, shear_y = (torch.deg2rad(_each(v, images)) for v in (angle, *shear))
    move_x, move_y, factor = _each(move[0], images), _each(move[1], images), _each(scale, images)
    centre_x, centre_y = (-width / 2, -height / 2) if corner else (0.0, 0.0)
    a = torch.cos(rotation - shear_y) / torch.cos(shear_y)
    b = -torch.cos(rotation - shear_y) * torch.tan(shear_x) / torch.cos(shear_y) - torch.sin(rotation)
    c = torch.sin(rotation - shear_y) / torch.cos(shear_y)
    d = -torch.sin(rotation - shear_y) * torch.tan(shear_x) / torch.cos(shear_y) + torch.cos(rotation)
    m0, m1, m3, m4 = d / factor, -b / factor, -c / factor, a / factor
    x0, y0 = -centre_x - move_x, -centre_y - move_y
    m2, m5 = m0 * x0 + m1 * y0 + centre_x, m3 * x0 + m4 * y0 + centre_y
    theta = torch.stack((torch.stack((m0, m1, m2), 1), torch.stack((m3, m4, m5), 1)), 1)
    return _sampled(images, theta, nearest)


def _each(value: Tensor | float, images: Tensor) -> Tensor:
    """A number for each image."""
    if isinstance(value, Tensor):
        return value.float()
    return torch.full((len(images),), value, device=images.device)


def _sampled(images: Tensor, theta: Tensor, nearest: bool) -> Tensor:
    """The images seen through maps (N, 2, 3) from places of the result to places of the source, in pixels from the middle."""
    count, _, height, width = images.shape
    x = torch.linspace(-width / 2 + 0.5, width / 2 - 0.5, width, device=images.device)
    y = torch.linspace(-height / 2 + 0.5, height / 2 - 0.5, height, device=images.device)
    base = torch.stack(
        (x.expand(height, width), y[:, None].expand(height, width), torch.ones_like(x).expand(height, width)), -1
    )
    half = torch.where(torch.arange(2, device=images.device) == 0, 0.5 * width, 0.5 * height)  # made on the device
    grid = (base.reshape(1, -1, 3) @ (theta.transpose(1, 2) / half)).view(count, height, width, 2)
    mode = "nearest" if nearest else "bilinear"
    out = functional.grid_sample(images.float(), grid, mode=mode, padding_mode="zeros", align_corners=False)
    return out if images.is_floating_point() else out.round_().to(images.dtype)


def boxes(height: int, width: int, top: Tensor, left: Tensor, high: Tensor, wide: Tensor) -> Tensor:
    """(N, 1, H, W) bool, true inside each image's box; a box may lie partly outside."""
    y, x = torch.arange(height, device=top.device), torch.arange(width, device=top.device)
    rows = (y >= top[:, None]) & (y < (top + high)[:, None])
    columns = (x >= left[:, None]) & (x < (left + wide)[:, None])
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def resized(images: Tensor, top: Tensor, left: Tensor, high: Tensor, wide: Tensor) -> Tensor:
    """A window of each image, scaled to the image's size; bilinear within the window.

    Args:
        images: (N, C, H, W).
        top, left, high, wide: (N,), whole numbers of pixels; windows lie inside and are not larger than the image.
    """
    height, width = images.shape[2:]
    y, x = _places(top, high, height), _places(left, wide, width)
    grid = torch.stack((x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)), 3)
    taken = functional.grid_sample(images.float(), grid, align_corners=True, padding_mode="border")
    return taken.round_().clamp_(0, 255).to(images.dtype)


def _places(first: Tensor, length: Tensor, size: int) -> Tensor:
    """(N, size): where in [-1, 1] each pixel of the result is taken from, along one axis."""
    middle = torch.arange(size, device=first.device) + 0.5
    inside = (middle * (length[:, None] / size) - 0.5).clamp(min=0)
    return (first[:, None] + torch.minimum(inside, length[:, None] - 1.0)) * (2 / max(size - 1, 1)) - 1


def windows(height: int, width: int, area: Tensor, ratio: Tensor, across: Tensor, down: Tensor) -> tuple[Tensor, ...]:
    """Top, left, height and width (N,) of a window each: the first of several tries that fits, else the middle square.

    Args:
        area, ratio: (tries, N), shares of the image's area, and widths over heights.
        across, down: (N,) in [0, 1), the place of the window in what is left.
    """
    wide = (area * ratio * height * width).sqrt().round()
    high = (area / ratio * height * width).sqrt().round()
    fits = (wide >= 1) & (wide <= width) & (high >= 1) & (high <= height)
    first = fits.int().argmax(0, keepdim=True)
    fitting, side = fits.any(0), float(min(height, width))
    high, wide = (torch.where(fitting, v.gather(0, first)[0], side) for v in (high, wide))
    top, left = (down * (height - high + 1)).floor(), (across * (width - wide + 1)).floor()
    return (
        torch.where(fitting, top, (height - high).div(2).floor()),
        torch.where(fitting, left, (width - wide).div(2).floor()),
        high,
        wide,
    )
