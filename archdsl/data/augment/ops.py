"""The functions that ``Augmentation.apply`` gets as ``ops``: all on batches (N, C, H, W) of bytes, with a number or a choice
(N,) for each image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from archdsl.data.augment.colour import (
    autocontrast,
    blur,
    brighten,
    brightness,
    contrast,
    equalize,
    grey,
    hue,
    invert,
    posterize,
    saturation,
    sharpness,
    solarize,
)
from archdsl.data.augment.draws import Draw
from archdsl.data.augment.each import by_number
from archdsl.data.augment.geometry import affine, boxes, crop, flip, resized, windows
from archdsl.data.augment.rand import autoaugment, randaugment, trivialaugment

__all__ = [
    "affine",
    "autoaugment",
    "autocontrast",
    "blur",
    "boxes",
    "brighten",
    "brightness",
    "choose",
    "contrast",
    "crop",
    "equalize",
    "flip",
    "grey",
    "hue",
    "in_any_order",
    "invert",
    "posterize",
    "randaugment",
    "resized",
    "saturation",
    "sharpness",
    "solarize",
    "torch",
    "trivialaugment",
    "windows",
]


def choose(chosen: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    """The changed image where ``chosen`` (N,) is true. All were changed, so that nothing waits for the device."""
    return torch.where(chosen[:, None, None, None], changed, images)


def in_any_order(
    images: Tensor, changes: Sequence[tuple[Callable[[Tensor, Tensor], Tensor], Tensor]], draw: Draw
) -> Tensor:
    """The images after all changes, each with its numbers (N,), in an order drawn for each image, all as likely."""
    order = torch.stack([draw.uniform() for _ in changes]).argsort(0)
    for place in order:
        images = by_number(images, place, [partial(_rows, change, by) for change, by in changes])
    return images


def _rows(change: Callable[[Tensor, Tensor], Tensor], by: Tensor, images: Tensor, rows: Any) -> Tensor:
    return change(images, by[rows])
