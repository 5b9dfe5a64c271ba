"""The idx format of MNIST: a big-endian header, then unsigned bytes; plain, ``.gz`` or ``.xz``.

Source: http://yann.lecun.com/exdb/mnist/ ("THE IDX FILE FORMAT").
"""

from __future__ import annotations

import gzip
import lzma
import math
import zlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archdsl.data.arrays import Arrays, Split, damaged
from archdsl.data.roots import EMBEDDED

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A part of the set → (images, labels), each without the ending that names the compression.
NAMES: dict[Split, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
ENDINGS = ("", ".gz", ".xz")
UNSIGNED_BYTE = 0x08
MAX_BYTES = 1 << 31  # of one file, unpacked: MNIST has 47 MB; a small file that unpacks to more is not a data set


def find(folder: Path, by_part: dict[Split, tuple[str, str]] = NAMES) -> dict[Split, tuple[Path, Path]] | None:
    """The four files of a set in ``folder``, or None where one is missing."""
    found: dict[Split, tuple[Path, Path]] = {}
    for split, names in by_part.items():
        paths = [next((p for e in ENDINGS if (p := folder / (n + e)).is_file()), None) for n in names]
        if paths[0] is None or paths[1] is None:
            return None
        found[split] = (paths[0], paths[1])
    return found


def read(images: Path, labels: Path) -> Arrays:
    """Images (N, 1, H, W) uint8 and labels (N,) int64 of one part of the set."""
    pixels, targets = read_array(images, 3), read_array(labels, 1)
    if len(pixels) != len(targets):
        raise damaged(labels, f"has {len(targets)} labels, but {images.name} has {len(pixels)} images")
    return Arrays(pixels[:, None], targets.astype(np.int64))


def read_array(path: Path, rank: int) -> NDArray[np.uint8]:
    """The array of one idx file; a file that is cut short, too long or of another rank is an EnvError."""
    raw = _shipped(path) if EMBEDDED in path.parents else _unpacked(path)
    if len(raw) < 4 or raw[:3] != bytes((0, 0, UNSIGNED_BYTE)):
        raise damaged(path, "does not begin like an idx file of unsigned bytes")
    if raw[3] != rank:
        raise damaged(path, f"has {raw[3]} dimensions, expected {rank}")
    start = 4 + 4 * rank
    shape = tuple(int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4))
    expected = start + math.prod(shape)
    if len(raw) != expected:
        raise damaged(path, f"has {len(raw)} bytes unpacked, its header promises {expected}")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


@lru_cache(maxsize=8)
def _shipped(path: Path) -> bytes:
    """An embedded file, kept: to unpack it takes a worker of a study longer than to train a tiny net."""
    return _unpacked(path)


def _unpacked(path: Path) -> bytes:
    """The file's bytes without compression, which is known by its first bytes, not by its name."""
    try:
        with path.open("rb") as file:
            magic = file.read(6)
            file.seek(0)
            if magic[:2] == b"\x1f\x8b":
                with gzip.open(file) as packed:
                    raw = packed.read(MAX_BYTES + 1)
            elif magic == b"\xfd7zXZ\x00":
                with lzma.open(file) as packed_xz:
                    raw = packed_xz.read(MAX_BYTES + 1)
            else:
                raw = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise damaged(path, f"cannot be read ({error})") from error
    if len(raw) > MAX_BYTES:
        raise damaged(path, f"unpacks to more than {MAX_BYTES} bytes")
    return raw
