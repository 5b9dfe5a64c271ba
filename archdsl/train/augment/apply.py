"""Augmentations of a whole batch at once, on the device where it lies.

Each image draws for itself, from a generator of the caller's: a batch is distributed as torchvision's
transforms applied image by image.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from archdsl.train.chance import Chances
from archdsl.words.data.changes import Augmentation, Crop, Flip


def augment(
    images: Tensor,
    words: tuple[Augmentation, ...],
    chances: Chances,
    step: int,
    total: int | None = None,
    start: int = 0,
) -> Tensor:
    """The batch (N, C, H, W) after all augmentations, in their order; shape, type and device stay."""
    for word in words:
        chance = chances.at(word.name, step, len(images), total, start)
        match word:
            case Flip(p=p):
                images = flip(images, chance.uniform() < p)
            case Crop(pad=pad):
                images = crop(images, pad, chance.integers(2 * pad + 1), chance.integers(2 * pad + 1))
            case _:
                pass
    return images


def flip(images: Tensor, chosen: Tensor) -> Tensor:
    """The images mirrored left to right where ``chosen`` (N,) is true."""
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def crop(images: Tensor, pad: int, top: Tensor, left: Tensor) -> Tensor:
    """Windows of the images' own size out of the images with ``pad`` zeros on each side.

    Args:
        images: (N, C, H, W).
        pad: zeros on each side.
        top, left: (N,) int64 in [0, 2·pad], each window's corner in the padded image.
    """
    count, channels, height, width = images.shape
    padded = functional.pad(images, (pad, pad, pad, pad)).flatten(2)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    index = (rows[:, :, None] * (width + 2 * pad) + columns[:, None, :]).flatten(1)
    window = padded.gather(2, index[:, None].expand(count, channels, height * width))
    return window.unflatten(2, (height, width))
