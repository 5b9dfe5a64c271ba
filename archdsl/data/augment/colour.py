"""Colours of bytes (N, C, H, W), each image by a number of its own. The formulas are those of torchvision's
``v2.functional``, which takes one number for all images.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TOP = 255.0


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Times the factor (N,)."""
    return _bytes(images * _wide(factor))


def brighten(images: Tensor, amount: Tensor) -> Tensor:
    """The amount (N,) added to each value, where 1 is the distance from black to white."""
    return _bytes(images + _wide(TOP * amount))


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Away from the mean grey by the factor (N,)."""
    mean = grey(images).mean((1, 2, 3), keepdim=True)
    return _blend(images, mean, factor)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Away from the image's own greys by the factor (N,); grey images stay."""
    return images if images.shape[1] == 1 else _blend(images, grey(images), factor)


def grey(images: Tensor) -> Tensor:
    """(N, 1, H, W) float32: the luma of ITU-R BT.601, whole numbers."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = images.float().unbind(1)
    return (red * 0.2989 + green * 0.587 + blue * 0.114).floor_()[:, None]


def hue(images: Tensor, turn: Tensor) -> Tensor:
    """Colours turned by a fraction (N,) of the circle; grey images stay."""
    if images.shape[1] == 1:
        return images
    red, green, blue = (images.float() / TOP).unbind(1)
    high, low = torch.stack((red, green, blue)).amax(0), torch.stack((red, green, blue)).amin(0)
    span = high - low
    safe = torch.where(span == 0, 1.0, span)
    angle = torch.where(
        high == red,
        (green - blue) / safe,
        torch.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    angle = torch.where(span == 0, 0.0, angle) / 6 + turn[:, None, None]
    chroma = torch.where(high == 0, 0.0, span / torch.where(high == 0, 1.0, high))
    # A channel of a colour is its value less the part that the hue takes: Smith 1978, in one formula for all sextants.
    sextant = 5.0 - 2 * torch.arange(3, device=images.device).view(1, 3, 1, 1)  # 5, 3, 1, made on the device
    k = (sextant + angle[:, None] * 6).remainder(6)
    taken = torch.minimum(k, 4 - k).clamp(0, 1)
    out = high[:, None] * (1 - chroma[:, None] * taken)
    return (out * (TOP + 1 - 1e-3)).clamp_(0, TOP).to(images.dtype)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Away from its smoothed self by the factor (N,); the outermost pixels stay."""
    if min(images.shape[2:]) <= 2:
        return images
    channels, wide = images.shape[1], images.float()
    kernel = torch.ones(3, 3, device=images.device)
    kernel[1:2, 1:2].fill_(5)
    kernel = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
    smooth = wide.clone()
    smooth[:, :, 1:-1, 1:-1] = functional.conv2d(wide, kernel, groups=channels).round_()
    return _blend(images, smooth, factor)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Only the upper ``bits`` (N,) of each byte."""
    mask = (256 - 2 ** (8 - bits)).to(torch.uint8)
    return images & mask[:, None, None, None]


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Bytes from the threshold (N,) on inverted."""
    return torch.where(images.float() >= _wide(threshold), 255 - images, images)


def autocontrast(images: Tensor) -> Tensor:
    """Each channel stretched to the whole range."""
    wide = images.float()
    low, high = wide.amin((2, 3), keepdim=True), wide.amax((2, 3), keepdim=True)
    flat = low == high
    scale = torch.where(flat, 1.0, (high - low) * (1 / TOP))
    return _bytes((wide - torch.where(flat, 0.0, low)) / scale)


def equalize(images: Tensor) -> Tensor:
    """Each channel with a histogram that is as even as a table of bytes makes it."""
    flat = images.flatten(2).long()
    counts = torch.zeros(*flat.shape[:2], 256, dtype=torch.int64, device=images.device)
    counts.scatter_add_(2, flat, torch.ones_like(flat))
    total = counts.cumsum(2)
    last = counts.gather(2, total.argmax(2, keepdim=True))  # of the brightest byte that occurs
    step = (flat.shape[2] - last).div(255, rounding_mode="floor")
    before = functional.pad(total[..., :-1], (1, 0))
    table = (before + step.div(2, rounding_mode="floor")).div(step.clamp(min=1), rounding_mode="floor").clamp_(0, 255)
    return torch.where(step == 0, flat, table.gather(2, flat)).to(images.dtype).view_as(images)


def invert(images: Tensor) -> Tensor:
    """The negative."""
    return 255 - images


def blur(images: Tensor, size: int, sigma: Tensor) -> Tensor:
    """Under a normal curve of standard deviation ``sigma`` (N,), cut to ``size`` pixels (odd); mirrored at the edge."""
    count, channels, half = len(images), images.shape[1], size // 2
    places = torch.arange(-half, half + 1, device=images.device, dtype=torch.float32)
    curve = torch.exp(-0.5 * (places / sigma.float()[:, None]) ** 2)
    curve = (curve / curve.sum(1, keepdim=True)).repeat_interleave(channels, 0)  # (N·C, size)
    wide = functional.pad(images.float(), (half, half, half, half), "reflect").flatten(0, 1)[None]
    wide = functional.conv2d(wide, curve[:, None, :, None], groups=count * channels)
    wide = functional.conv2d(wide, curve[:, None, None, :], groups=count * channels)
    return wide[0].round_().clamp_(0, TOP).to(torch.uint8).view_as(images)


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    weight = _wide(factor)
    return _bytes(images * weight + other * (1 - weight))


def _wide(values: Tensor) -> Tensor:
    return values.float()[:, None, None, None]


def _bytes(values: Tensor) -> Tensor:
    return values.clamp(0, TOP).to(torch.uint8)
