"""Mean and standard deviation of pictures that are read while a net trains: a pass over them, of which the result is kept."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archdsl.atomic import write_whole
from archdsl.data.roots import cache_root
from archdsl.errors import ArchError
from archdsl.locks import alone
from archdsl.trust import distrust

if TYPE_CHECKING:
    from archdsl.data.stream import Streamed

    Statistics = tuple[tuple[float, ...], tuple[float, ...]]

FOLDER = "statistics"
AT_A_TIME = 64  # pictures that are decoded together
PATIENCE = 86_400.0  # seconds for another process that measures the same; a lock ends with its process


def streamed(part: Streamed, fingerprint: str) -> Statistics:
    """Mean and standard deviation of each channel in [0, 1] over all pictures of a part: those that ``measured`` gives of the
    same pictures in memory, up to rounding. Of processes that ask at the same time one reads them.

    Args:
        fingerprint: of the data set; with "" nothing is kept.

    Raises:
        EnvError: a picture does not decode.
    """
    if not fingerprint:
        return _of_counts(_counted(part))
    place = cache_root() / FOLDER / f"{_key(part, fingerprint)}.json"
    with ExitStack() as stack:
        with suppress(OSError):  # no permission, or no locks: then each of them reads
            stack.enter_context(alone(place.with_suffix(".lock"), PATIENCE))
        found = _kept(place)
        if found is None:
            found = _of_counts(_counted(part))
            with suppress(OSError, ArchError):
                place.parent.mkdir(parents=True, exist_ok=True)
                write_whole(place, json.dumps(found).encode())
    return found


def _key(part: Streamed, fingerprint: str) -> str:
    """Which pictures they are: of one place, one content and one size."""
    whole = hashlib.sha256(f"{fingerprint}\0{part.size}".encode())
    for path in part.paths:
        whole.update(b"\0" + str(path).encode("utf-8", "surrogateescape"))
    return whole.hexdigest()[:24]


def _kept(place: Path) -> Statistics | None:
    if distrust(place):
        return None
    try:
        mean, std = (tuple(float(v) for v in values) for values in json.loads(place.read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return (mean, std) if len(mean) == len(std) == 3 and all(map(math.isfinite, (*mean, *std))) else None


def _counted(part: Streamed) -> list[list[int]]:
    """How often each value occurs in each channel, (3, 256)."""
    import torch

    counts = np.zeros((3, 256), np.int64)
    for images, _ in part.batches(list(torch.arange(len(part)).split(AT_A_TIME)), torch.device("cpu")):
        for own, channel in zip(counts, images.numpy().swapaxes(0, 1), strict=True):
            own += np.bincount(channel.ravel(), minlength=256)
    found: list[list[int]] = counts.tolist()
    return found


def _of_counts(counts: list[list[int]]) -> Statistics:
    """Whole numbers of any size lose nothing, so that the order of the pictures does not matter."""
    mean, std = [], []
    for own in counts:
        pixels = sum(own)
        total = sum(value * count for value, count in enumerate(own))
        square = sum(value * value * count for value, count in enumerate(own))
        mean.append(total / (255 * pixels))
        std.append(math.sqrt((pixels * square - total * total) / (255 * pixels) ** 2))
    return tuple(mean), tuple(std)
