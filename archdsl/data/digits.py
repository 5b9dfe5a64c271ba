"""Where the sets in idx files are, and what is done to those of EMNIST so that they read like the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data import idx
from archdsl.data.arrays import Arrays, DataParts, check_labels

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.words.data.values import Dataset

# Folders under a root: torchvision's first, then the plain name.
FOLDERS = {
    "mnist": ("MNIST/raw", "mnist"),
    "fashion-mnist": ("FashionMNIST/raw", "fashion-mnist"),
    "fashion-mini": ("fashion-mini",),
    "kmnist": ("KMNIST/raw", "kmnist"),
}
EMNIST_FOLDERS = ("EMNIST/raw", "emnist", "EMNIST/raw/gzip", "gzip")  # the last: as the authors' archive unpacks


def is_emnist(name: str) -> bool:
    """Whether a set is a split of EMNIST."""
    return name.startswith("emnist-")


def names_of(name: str) -> dict[idx.Split, tuple[str, str]]:
    """The files of a set, by part: images and labels, each without the ending that names the compression."""
    if not is_emnist(name):
        return idx.NAMES
    return {
        "train": (f"{name}-train-images-idx3-ubyte", f"{name}-train-labels-idx1-ubyte"),
        "test": (f"{name}-test-images-idx3-ubyte", f"{name}-test-labels-idx1-ubyte"),
    }


def find(dataset: Dataset, root: Path) -> dict[idx.Split, tuple[Path, Path]] | None:
    """The files of the set under ``root``, images and labels by part; None where no folder has them."""
    emnist = is_emnist(dataset.name)
    places = EMNIST_FOLDERS if emnist else FOLDERS.get(dataset.name, ())
    # MNIST and its kin have the same file names, so a root itself is taken only by its name.
    itself = [root] if places and root.name == ("emnist" if emnist else dataset.name) else []
    found = (idx.find(folder, names_of(dataset.name)) for folder in (*(root / place for place in places), *itself))
    return next((files for files in found if files is not None), None)


def read(dataset: Dataset, files: dict[idx.Split, tuple[Path, Path]]) -> DataParts:
    """Both parts of the set, images (N, 1, 28, 28)."""
    parts = {split: _part(dataset, *pair) for split, pair in files.items()}
    return DataParts(parts["train"], parts["test"], str(files["train"][0].parent))


def _part(dataset: Dataset, images: Path, labels: Path) -> Arrays:
    arrays = idx.read(images, labels)
    if is_emnist(dataset.name):  # its images are on their side, mirrored: rows and columns are exchanged
        first = 1 if dataset.name == "emnist-letters" else 0  # its letters count from 1
        pixels: Any = arrays.images
        arrays = Arrays(np.ascontiguousarray(pixels.swapaxes(2, 3)), arrays.labels - first)
    return check_labels(arrays, dataset.classes, labels)
