"""Small data for the laws of words of training and data."""

from __future__ import annotations

import numpy as np
import torch

from archdsl.data import Arrays


def stripes(count: int, seed: int = 0) -> Arrays:
    """Pictures 1x12x12 of two classes, easy to tell: the bright half is on the left or on the right."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = rng.integers(0, 80, (count, 1, 12, 12), np.uint8)
    for row, label in enumerate(labels):
        images[row, :, :, 6 * label : 6 * label + 6] += 120
    return Arrays(images, labels)


def halves(count: int, seed: int = 0) -> Arrays:
    """Colour pictures 3x12x12 of two classes: the bright half is at the top or at the bottom."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = rng.integers(0, 70, (count, 3, 12, 12), np.uint8)
    for row, label in enumerate(labels):
        images[row, :, 6 * label : 6 * label + 6] += np.uint8(110)
    return Arrays(images, labels)


def bars(count: int, seed: int = 0) -> Arrays:
    """Colour pictures 3x12x12 of two classes, which no mirror exchanges: bright rows or bright columns, four pixels apart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = rng.integers(0, 70, (count, 3, 12, 12), np.uint8)
    images[labels == 0, :, ::4] += np.uint8(150)
    images[labels == 1, :, :, ::4] += np.uint8(150)
    return Arrays(images, labels)


def pictures(count: int) -> torch.Tensor:
    """Random pictures 3x20x17 as bytes; one of each six has few bytes, and one a single colour."""
    found = torch.randint(0, 256, (6, 3, 20, 17), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found[0] = torch.arange(17, dtype=torch.uint8) * 5
    found[1] = 77
    return found.repeat(count // 6 + 1, 1, 1, 1)[:count].clone()
