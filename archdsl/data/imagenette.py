"""Imagenette: ten classes of ImageNet, as folders of pictures whose shorter sides have 160, 320 or more pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.data import folder
from archdsl.data.arrays import DataParts, damaged
from archdsl.words.data.folders import class_folders
from archdsl.words.data.names import IMAGENETTE

if TYPE_CHECKING:
    from pathlib import Path

# The folder of a published version → pixels of the shorter side; the full one has what ImageNet has.
VERSIONS = {"imagenette2-160": 160, "imagenette2-320": 320, "imagenette2": 1 << 30}


def version(size: int) -> str:
    """The smallest version that need not be enlarged to ``size``."""
    return next(name for name, side in VERSIONS.items() if side >= size)


def find(root: Path, size: int) -> Path | None:
    """The folder under ``root`` of the smallest version that is large enough."""
    fitting = [root / name for name, side in VERSIONS.items() if side >= size]
    return next((f for f in fitting if (f / "train").is_dir() and (f / "val").is_dir()), None)


def read(place: Path, size: int) -> DataParts:
    """Both parts, images (N, 3, size, size)."""
    if class_folders(place / "train") != tuple(IMAGENETTE):
        raise damaged(place / "train", "does not hold the ten class folders of Imagenette")
    return folder.read_trees(place / "train", place / "val", size, str(place))
