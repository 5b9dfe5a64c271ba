"""From the name of a data set to its arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.train.datasets import cifar, download, folder, idx, parquet
from archdsl.train.datasets.arrays import DataParts, check_labels, damaged
from archdsl.train.datasets.roots import EMBEDDED, data_roots
from archdsl.words.data.folders import Folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archdsl.words.data.values import Dataset

# Folders of the idx sets under a root: torchvision's first, then the plain name.
IDX_FOLDERS = {
    "mnist": ("MNIST/raw", "mnist"),
    "fashion-mnist": ("FashionMNIST/raw", "fashion-mnist"),
    "fashion-mini": ("fashion-mini",),
}


def load(dataset: Dataset | Folder, root: str | Path | None = None) -> DataParts:
    """Training and test part of a data set, decoded; ``root`` is searched before the other data roots.

    A set that is nowhere is downloaded into ``root``, else into the first folder of ARCHDSL_DATA, else into
    the per-user folder.

    Raises:
        EnvError: the data is missing, damaged or cannot be fetched.
    """
    if isinstance(dataset, Folder):
        return folder.read(dataset)
    if dataset.name == "fashion-mini":
        return _required(dataset, [EMBEDDED])
    roots = data_roots(root)
    found = _found(dataset, roots)
    if found is None:
        target = roots[0]
        download.download(dataset.name, target)
        return _required(dataset, [target])
    return found


def _required(dataset: Dataset, roots: Sequence[Path]) -> DataParts:
    found = _found(dataset, roots)
    if found is None:
        raise damaged(roots[0] / dataset.name, "lacks a file of the set")
    return found


def _found(dataset: Dataset, roots: Sequence[Path]) -> DataParts | None:
    """The set under the first root that has it; the authors' files before a Parquet copy."""
    for root in roots:
        parts = _in_root(dataset, root)
        if parts is not None:
            return _checked(dataset, parts)
    return None


def _in_root(dataset: Dataset, root: Path) -> DataParts | None:
    for place in IDX_FOLDERS.get(dataset.name, ()):
        files = idx.find(root / place)
        # MNIST and Fashion-MNIST have the same file names, so a root itself is taken only by its name.
        if files is None and root.name == dataset.name:
            files = idx.find(root)
        if files is not None:
            parts = {s: check_labels(idx.read(*f), dataset.classes, f[1]) for s, f in files.items()}
            return DataParts(parts["train"], parts["test"], str(files["train"][0].parent))
    if dataset.name in cifar.LAYOUTS:
        if (place_ := cifar.find(dataset.name, root)) is not None:
            return cifar.read(dataset.name, place_)
        if (place_ := parquet.find(dataset.name, root)) is not None:
            return parquet.read(dataset, place_)
    return None


def _checked(dataset: Dataset, parts: DataParts) -> DataParts:
    """The same parts, if their images have the shape that the net was checked against."""
    for arrays in (parts.train, parts.test):
        if arrays.images.shape[1:] != dataset.input:
            shape = "x".join(map(str, arrays.images.shape[1:]))
            raise damaged(parts.source, f"has images of {shape}, expected those of {dataset.title}")
    return parts
