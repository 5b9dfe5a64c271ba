"""Which device a run takes, and the images that live on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from archdsl.emit.normal import coefficients
from archdsl.errors import ArchError, EnvError
from archdsl.train.datasets.arrays import Arrays


def choose_device(wish: str = "auto", local: int | None = None) -> tuple[torch.device, str]:
    """The device for ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``, and a note on what was taken. Of several
    processes on this machine each takes the GPU of its number, ``local``.

    Raises:
        EnvError: this machine has no such device.
        ArchError: that is no device.
    """
    kind, _, number = wish.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (number and (kind != "cuda" or not number.isdecimal())):
        raise ArchError(f"there is no device {wish!r}", help="one of auto, cpu, cuda, cuda:NUMBER, mps")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    if kind == "cuda":
        number = number or str(local or 0)
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number) >= count:
            raise EnvError(f"--device {wish}: torch sees {count} CUDA devices here",
                           help="take --device auto or cpu, or install a CUDA build of torch")  # fmt: skip
        device = torch.device("cuda", int(number))
        return device, f"device: {device}, {torch.cuda.get_device_name(device)}"
    if kind == "mps" and not _has_mps():
        raise EnvError(f"--device {wish}: this machine has no Metal device", help="take --device auto or cpu")
    why = ", as there is no GPU" if wish == "auto" and kind == "cpu" else ""
    threads = f", {torch.get_num_threads()} threads" if kind == "cpu" else ""
    return torch.device(kind), f"device: {kind}{threads}{why}"


def wide(device: torch.device) -> torch.dtype:
    """The type of sums. Metal has no float64; float32 sums of some thousand losses are good to about six digits."""
    return torch.float32 if device.type == "mps" else torch.float64


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


@dataclass(frozen=True, eq=False)
class Normalise:
    """Bytes to float32 with mean 0 and deviation 1 per channel: one multiplication and one addition."""

    scale: Tensor
    shift: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        return torch.addcmul(self.shift, images.float(), self.scale)


def normalise(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device, top: float = 255) -> Normalise:
    """For images whose channels have this mean and standard deviation as shares of ``top``; a constant
    channel becomes 0. For the columns of a table ``top`` is 1 and the shape (D,).
    """
    scale, shift = coefficients(mean, std, top)
    shape = (1, -1, 1, 1) if top == 255 else (1, -1)
    scale, shift = (t.float().to(device).view(shape) for t in (scale, shift))
    return Normalise(scale, shift)


def measured(arrays: Arrays) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation over all images of each channel in [0, 1], or of each column of a table: for
    sets that publish none.
    """
    if arrays.images.ndim == 2:
        rows = arrays.images.astype(np.float64)
        return tuple(rows.mean(0).tolist()), tuple(rows.std(0).tolist())
    total, square, count = np.zeros(arrays.images.shape[1]), np.zeros(arrays.images.shape[1]), 0
    for first in range(0, len(arrays), 1000):
        part = arrays.images[first : first + 1000].astype(np.float64) / 255
        total, square = total + part.sum((0, 2, 3)), square + (part**2).sum((0, 2, 3))
        count += part[:, 0].size
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean**2, 0))
    return tuple(mean.tolist()), tuple(std.tolist())
