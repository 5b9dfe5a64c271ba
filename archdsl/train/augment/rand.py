"""RandAugment (Cubuk et al. 2020) for a batch: one call for each operation.

Operations, magnitudes and their directions are those of torchvision's RandAugment, whose 31 magnitudes are used here by
their number. Each image draws its operations and directions for itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from archdsl.train.augment import colour
from archdsl.train.augment.each import by_number
from archdsl.train.augment.geometry import affine
from archdsl.train.chance import Chance

BINS = 31  # magnitudes 0 to 30
Operation = Callable[[Tensor, Tensor], Tensor]


def _sheared(images: Tensor, value: Tensor, across: bool) -> Tensor:
    angle = torch.rad2deg(torch.atan(value))
    return affine(images, shear=(angle, 0.0) if across else (0.0, angle), corner=True, nearest=True)


# Name → what it does to images by a number each; the largest number; whether it has a direction.
OPERATIONS: dict[str, tuple[Operation, Callable[[int, int], float], bool]] = {
    "identity": (lambda x, v: x, lambda m, size: 0.0, False),
    "shear-x": (lambda x, v: _sheared(x, v, True), lambda m, size: 0.3 * m / 30, True),
    "shear-y": (lambda x, v: _sheared(x, v, False), lambda m, size: 0.3 * m / 30, True),
    "translate-x": (lambda x, v: affine(x, move=(v.trunc(), 0.0), nearest=True), lambda m, size: 150 / 331 * size * m / 30, True),
    "translate-y": (lambda x, v: affine(x, move=(0.0, v.trunc()), nearest=True), lambda m, size: 150 / 331 * size * m / 30, True),
    "rotate": (lambda x, v: affine(x, angle=-v, nearest=True), lambda m, size: float(m), True),
    "brightness": (lambda x, v: colour.brightness(x, 1 + v), lambda m, size: 0.9 * m / 30, True),
    "color": (lambda x, v: colour.saturation(x, 1 + v), lambda m, size: 0.9 * m / 30, True),
    "contrast": (lambda x, v: colour.contrast(x, 1 + v), lambda m, size: 0.9 * m / 30, True),
    "sharpness": (lambda x, v: colour.sharpness(x, 1 + v), lambda m, size: 0.9 * m / 30, True),
    "posterize": (colour.posterize, lambda m, size: float(8 - round(m / 7.5)), False),
    "solarize": (colour.solarize, lambda m, size: 255 * (1 - m / 30), False),
    "autocontrast": (lambda x, v: colour.autocontrast(x), lambda m, size: 0.0, False),
    "equalize": (lambda x, v: colour.equalize(x), lambda m, size: 0.0, False),
}  # fmt: skip


def randaugment(images: Tensor, n: int, m: int, chance: Chance) -> Tensor:
    """The batch of bytes after ``n`` operations for each image, at magnitude ``m`` of 30."""
    for _ in range(n):
        drawn, signs = chance.integers(len(OPERATIONS)), chance.signs()
        images = _round(images, drawn, signs, m)
    return images


def _round(images: Tensor, drawn: Tensor, signs: Tensor, m: int) -> Tensor:
    return by_number(images, drawn, [partial(_applied, name, m, signs) for name in OPERATIONS])


def _applied(name: str, m: int, signs: Tensor, images: Tensor, rows: Any) -> Tensor:
    return apply(name, images, m, signs[rows])


def apply(name: str, images: Tensor, m: int, signs: Tensor) -> Tensor:
    """One operation at magnitude ``m``, in the directions ``signs`` (N,), for images (N, C, H, W)."""
    operation, largest, directed = OPERATIONS[name]
    size = images.shape[2] if name == "translate-y" else images.shape[3]
    value = largest(m, size)
    assert math.isfinite(value)
    return operation(images, signs * value if directed else torch.full_like(signs, value))
