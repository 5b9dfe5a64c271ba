"""Normalisation of images and of the columns of a table on the device, and the statistics that it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from archdsl.data.arrays import Arrays
from archdsl.emit.normal import coefficients
from archdsl.words.tasks import Regression, Several, Task


@dataclass(frozen=True, eq=False)
class Normalise:
    """Bytes to float32 with mean 0 and standard deviation 1 per channel: one multiplication and one addition. Ids (int64)
    stay as they are.
    """

    scale: Tensor
    shift: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        if images.dtype == torch.int64:
            return images
        return torch.addcmul(self.shift, images.float(), self.scale)


def normalise(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device, top: float = 255) -> Normalise:
    """For images whose channels have this mean and standard deviation as fractions of ``top``; a constant
    channel becomes 0. For the columns of a table ``top`` is 1 and the shape (D,).
    """
    scale, shift = coefficients(mean, std, top)
    shape = (1, -1, 1, 1) if top == 255 else (1, -1)
    scale, shift = (t.float().to(device).view(shape) for t in (scale, shift))
    return Normalise(scale, shift)


def fitted(task: Task, arrays: Arrays) -> Task:
    """The task with mean and standard deviation of the targets (N, T) of the training part, where they are numbers; a
    constant target has the standard deviation 1. Of several heads, that of each.
    """
    if isinstance(task, Several):
        own = (Arrays(arrays.images, arrays.labels[:, n : n + 1]) for n in range(len(task.heads)))
        return replace(
            task, heads=tuple(replace(h, task=fitted(h.task, o)) for h, o in zip(task.heads, own, strict=True))
        )
    if not isinstance(task, Regression):
        return task
    targets = arrays.labels.astype(np.float64)
    # The mean of equal numbers is rounded, so that their deviation need not be 0.
    std = np.where(np.ptp(targets, 0) > 0, targets.std(0), 1.0)
    return replace(task, mean=tuple(targets.mean(0).tolist()), std=tuple(std.tolist()))


def standardised(task: Task, arrays: Arrays) -> Arrays:
    """The same examples with targets (N, T) of mean 0 and standard deviation 1 in the training part, as float32; other
    targets as they are, those of several heads as float32.
    """
    if isinstance(task, Several):
        columns = [
            standardised(h.task, Arrays(arrays.images, arrays.labels[:, n : n + 1])).labels
            for n, h in enumerate(task.heads)
        ]
        return Arrays(arrays.images, np.concatenate(columns, 1).astype(np.float32))
    if not isinstance(task, Regression):
        return arrays
    mean, std = (np.array(values) for values in (task.mean, task.std))
    return Arrays(arrays.images, ((arrays.labels.astype(np.float64) - mean) / std).astype(np.float32))


def measured(arrays: Arrays) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation over all images of each channel in [0, 1], or of each column of a table: for
    sets that publish none. Of ids 0 and 1.
    """
    if arrays.images.dtype == np.int64:
        return (0.0,), (1.0,)
    if arrays.images.ndim == 2:
        rows = arrays.images.astype(np.float64)
        return tuple(rows.mean(0).tolist()), tuple(rows.std(0).tolist())
    total, square, count = np.zeros(arrays.images.shape[1]), np.zeros(arrays.images.shape[1]), 0
    for first in range(0, len(arrays), 1000):
        part = arrays.images[first : first + 1000].astype(np.float64)
        part /= 255
        total = total + part.sum((0, 2, 3))
        part *= part
        square, count = square + part.sum((0, 2, 3)), count + part[:, 0].size
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean**2, 0))
    return tuple(mean.tolist()), tuple(std.tolist())
