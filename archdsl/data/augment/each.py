"""Another operation for each image of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

# Takes some of the images, and an index that picks what belongs to them out of a tensor of the whole batch.
Change = Callable[[Tensor, Any], Tensor]


def by_number(images: Tensor, drawn: Tensor, changes: Sequence[Change]) -> Tensor:
    """Each image of (N, C, H, W) after the change whose number it has drawn (N,).

    On the CPU each change sees the images that drew it. Elsewhere each sees all of them, and an image keeps what it drew:
    to ask which were drawn would wait for the device.
    """
    return (_rows if images.device.type == "cpu" else _masks)(images, drawn, changes)


def _rows(images: Tensor, drawn: Tensor, changes: Sequence[Change]) -> Tensor:
    out = images.clone()
    for number in drawn.unique().tolist():
        rows = (drawn == number).nonzero()[:, 0]
        out[rows] = changes[number](images[rows], rows)
    return out


def _masks(images: Tensor, drawn: Tensor, changes: Sequence[Change]) -> Tensor:
    out = images
    for number, change in enumerate(changes):
        out = torch.where((drawn == number)[:, None, None, None], change(images, slice(None)), out)
    return out
