"""Batches on their way to the device.

A feed has a length, and gives the images and labels of one batch after the other. ``Resident`` keeps the
whole set on the device; ``datasets.stream.Streamed`` decodes pictures as they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from archdsl.data.arrays import Arrays


class Feed(Protocol):
    """Images (N, C, H, W) uint8, or vectors (N, D) float32, with labels (N,) int64."""

    def __len__(self) -> int: ...

    def batches(self, order: Sequence[Tensor], device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """The images and labels of each batch of ``order`` (int64 indices), on ``device``."""
        ...


@dataclass(frozen=True, eq=False)
class Resident:
    """Images and labels that stay on the device for the whole run."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, order: Sequence[Tensor], device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Gathered on the device; the order of all batches is moved there once."""
        if not order:
            return
        for index in torch.cat(list(order)).to(device).split([len(part) for part in order]):
            # Whole images are copied; `images[index]` goes value by value on a CPU.
            yield self.images.index_select(0, index), self.labels.index_select(0, index)


def resident(arrays: Arrays, device: torch.device) -> Resident:
    """The arrays on the device. On the CPU they are not copied: a cached set stays mapped from its file."""
    images = arrays.images if arrays.images.flags.writeable else np.array(arrays.images)
    return Resident(torch.from_numpy(images).to(device), torch.from_numpy(arrays.labels).to(device))


def in_order(count: int, size: int, start: int = 0, stop: int | None = None) -> list[Tensor]:
    """The indices ``start`` to ``stop`` (by default all ``count``) one after the other, in batches of ``size``."""
    return list(torch.arange(start, count if stop is None else stop).split(size))


def shuffled(count: int, size: int, seed: int, wanted: int = 0) -> list[Tensor]:
    """All indices in a random order, in batches. The last one is smaller; where it would be one single
    image, that image joins the batch before: batch norm cannot train on one value a channel, and no image is
    left out. The rule does not ask whether the net has batch norm, so that two nets of an ablation take the
    same steps.

    Args:
        wanted: how many of the order are taken, at least two of them; 0: all.
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return batches(order[: max(wanted, 2)] if wanted else order, size)


def batches(order: Tensor, size: int) -> list[Tensor]:
    """The order cut into batches, as ``shuffled`` says."""
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1 and size > 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def steps_per_epoch(images: int, size: int) -> int:
    """How many batches ``batches`` makes."""
    whole, rest = divmod(images, size)
    joined = rest == 1 and whole > 0 and size > 1
    return whole + (rest > 0) - joined
