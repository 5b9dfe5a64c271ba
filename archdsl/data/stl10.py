"""STL-10 as its authors publish it: bytes without a header, images column by column, labels from 1.

Source: https://cs.stanford.edu/~acoates/stl10/ ("The binary files").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from archdsl.data.arrays import Arrays, DataParts, check_labels, damaged

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIDE = 96
ROW = 3 * SIDE * SIDE
FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
FOLDERS = ("stl10_binary", "stl10", ".")


def find(root: Path) -> Path | None:
    """The folder with the four files: ``root/stl10_binary``, ``root/stl10`` or ``root`` itself."""
    return next((root / f for f in FOLDERS if all((root / f / name).is_file() for name in FILES)), None)


def read(folder: Path) -> DataParts:
    """Both parts, images (N, 3, 96, 96); the unlabelled images stay out."""
    train = _part(folder / FILES[0], folder / FILES[1])
    return DataParts(train, _part(folder / FILES[2], folder / FILES[3]), str(folder))


def _part(images: Path, labels: Path) -> Arrays:
    targets = _bytes(labels).astype(np.int64) - 1
    pixels = _bytes(images)
    if len(pixels) != len(targets) * ROW:
        raise damaged(images, f"has {len(pixels)} bytes, {len(targets)} labels need {len(targets) * ROW}")
    upright = np.ascontiguousarray(pixels.reshape(-1, 3, SIDE, SIDE).swapaxes(2, 3))
    return check_labels(Arrays(upright, targets), 10, labels)


def _bytes(path: Path) -> NDArray[np.uint8]:
    try:
        return np.fromfile(path, np.uint8)
    except OSError as error:
        raise damaged(path, f"cannot be read ({error})") from error
