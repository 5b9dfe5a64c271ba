"""Operations drawn for each image of a batch: RandAugment, TrivialAugment, AutoAugment. One call for each operation.

Operations, magnitudes and their directions are those of torchvision's classes of these names. Magnitudes are numbers of
bins: 0 to 30, of AutoAugment 0 to 9. Each image draws for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from archdsl.data.augment import colour
from archdsl.data.augment.draws import Draw
from archdsl.data.augment.each import by_number
from archdsl.data.augment.geometry import affine
from archdsl.data.augment.policies import POLICIES

BINS, AUTO_BINS = 31, 10
Operation = Callable[[Tensor, Tensor], Tensor]


def _sheared(images: Tensor, value: Tensor, across: bool) -> Tensor:
    angle = torch.rad2deg(torch.atan(value))
    return affine(images, shear=(angle, 0.0) if across else (0.0, angle), corner=True, nearest=True)


# Name → what it does to images by a number each.
OPERATIONS: dict[str, Operation] = {
    "identity": lambda x, v: x,
    "shear-x": lambda x, v: _sheared(x, v, True),
    "shear-y": lambda x, v: _sheared(x, v, False),
    "translate-x": lambda x, v: affine(x, move=(v.trunc(), 0.0), nearest=True),
    "translate-y": lambda x, v: affine(x, move=(0.0, v.trunc()), nearest=True),
    "rotate": lambda x, v: affine(x, angle=-v, nearest=True),
    "brightness": lambda x, v: colour.brightness(x, 1 + v),
    "color": lambda x, v: colour.saturation(x, 1 + v),
    "contrast": lambda x, v: colour.contrast(x, 1 + v),
    "sharpness": lambda x, v: colour.sharpness(x, 1 + v),
    "posterize": colour.posterize,
    "solarize": colour.solarize,
    "autocontrast": lambda x, v: colour.autocontrast(x),
    "equalize": lambda x, v: colour.equalize(x),
    "invert": lambda x, v: colour.invert(x),
}
NAMES = tuple(OPERATIONS)
DRAWN = len(NAMES) - 1  # RandAugment and TrivialAugment draw all but the negative
# Those with a direction → their largest magnitude, as published and as the wide ranges of TrivialAugment have it.
DIRECTED = {
    "shear-x": (0.3, 0.99),
    "shear-y": (0.3, 0.99),
    "translate-x": (150 / 331, 32),
    "translate-y": (150 / 331, 32),
    "rotate": (30.0, 135.0),
    "brightness": (0.9, 0.99),
    "color": (0.9, 0.99),
    "contrast": (0.9, 0.99),
    "sharpness": (0.9, 0.99),
}


@cache
def magnitudes(name: str, size: int, bins: int = BINS, wide: bool = False) -> tuple[float, ...]:
    """The numbers of an operation by bin, for images of ``size`` pixels along its axis."""
    top = bins - 1
    if name in DIRECTED:
        largest = DIRECTED[name][wide] * (size if name.startswith("translate") and not wide else 1)
        return tuple(largest * m / top for m in range(bins))
    if name == "posterize":
        return tuple(float(8 - round(m / (top / (6 if wide else 4)))) for m in range(bins))
    if name == "solarize":
        return tuple(255 * (1 - m / top) for m in range(bins))
    return (0.0,) * bins


def randaugment(images: Tensor, n: int, m: int, draw: Draw) -> Tensor:
    """The batch of bytes after ``n`` operations for each image, at magnitude ``m`` of 30."""
    for _ in range(n):
        drawn, signs = draw.integers(DRAWN), draw.signs()
        images = _grouped(images, drawn, signs, torch.full_like(drawn, m))
    return images


def trivialaugment(images: Tensor, draw: Draw) -> Tensor:
    """The batch of bytes after one operation for each image, at a magnitude of its own from the wide ranges."""
    drawn, signs, m = draw.integers(DRAWN), draw.signs(), draw.integers(BINS)
    return _grouped(images, drawn, signs, m, wide=True)


def autoaugment(images: Tensor, policy: str, draw: Draw) -> Tensor:
    """The batch of bytes after one pair of operations of the policy for each image."""
    pairs = _pairs(policy, images.device)
    taken = pairs[draw.integers(len(pairs))]  # (N, 2, 3)
    for place in (0, 1):
        number, tenths, m = taken[:, place].unbind(1)
        chosen = draw.uniform() * 10 < tenths
        images = _grouped(images, torch.where(chosen, number, 0), draw.signs(), m, AUTO_BINS)
    return images


@cache
def _pairs(policy: str, device: torch.device) -> Tensor:
    """(P, 2, 3): the number of each operation, its probability in tenths, its bin; copied to the device once."""
    rows = [[(NAMES.index(name), tenths, m) for name, tenths, m in pair] for pair in POLICIES[policy]]
    return torch.tensor(rows, device=device)


def _grouped(images: Tensor, drawn: Tensor, signs: Tensor, m: Tensor, bins: int = BINS, wide: bool = False) -> Tensor:
    """Each image after the operation ``drawn`` (N,) for it, at its bin ``m`` (N,), in the direction ``signs`` (N,)."""
    return by_number(images, drawn, [partial(_applied, name, signs, m, bins, wide) for name in NAMES])


@cache
def _table(name: str, size: int, bins: int, wide: bool, device: torch.device) -> Tensor:
    """``magnitudes`` where the images are; copied there once, as a step must not wait for a copy."""
    return torch.tensor(magnitudes(name, size, bins, wide), device=device)


def _applied(name: str, signs: Tensor, m: Tensor, bins: int, wide: bool, images: Tensor, rows: Any) -> Tensor:
    size = images.shape[2] if name == "translate-y" else images.shape[3]
    value = _table(name, size, bins, wide, images.device)[m[rows]]
    return apply(name, images, value * signs[rows] if name in DIRECTED else value)


def apply(name: str, images: Tensor, value: Tensor) -> Tensor:
    """One operation with a number (N,) for each of the images (N, C, H, W)."""
    return OPERATIONS[name](images, value)
