"""From the name of a data set to its images."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from archdsl.train.datasets import cifar, digits, download, folder, imagenette, parquet, stl10, svhn, table
from archdsl.train.datasets.arrays import Arrays, DataParts, damaged
from archdsl.train.datasets.roots import EMBEDDED, data_roots, download_root
from archdsl.words.data.folders import Folder
from archdsl.words.data.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from archdsl.words.data.values import Dataset


def load(dataset: Dataset | Folder | Table, root: str | Path | None = None) -> DataParts:
    """Training and test part of a data set, decoded; ``root`` is searched before the other data roots.

    A set that is nowhere is downloaded into ``root``, else into the first folder of ARCHDSL_DATA, else into
    the per-user folder. Pictures of folders that would not fit into memory are ``Streamed``.

    Raises:
        EnvError: the data is missing, damaged or cannot be fetched.
    """
    if isinstance(dataset, Folder):
        return folder.read(dataset)
    if isinstance(dataset, Table):
        return table.read(dataset)
    if dataset.name == "fashion-mini":
        return _required(dataset, [EMBEDDED])
    roots = data_roots(root)
    found = _found(dataset, roots)
    if found is None:
        target = download_root(root)
        download.download(download.key(dataset), target)
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
    found = _reader(dataset, root)
    return found[1]() if found is not None else None


def _reader(dataset: Dataset, root: Path) -> tuple[Path, Callable[[], DataParts]] | None:
    """The folder of the set under ``root`` and what reads it."""
    name, size = dataset.name, dataset.input[-1]
    if name == "imagenette":
        place = imagenette.find(root, size)
        return (place, partial(imagenette.read, place, size)) if place is not None else None
    if name in cifar.LAYOUTS and (place := cifar.find(name, root)) is not None:
        return place, partial(cifar.read, name, place)
    if name == "svhn" and (place := svhn.find(root)) is not None:
        return place, partial(svhn.read, place)
    if name == "stl10" and (place := stl10.find(root)) is not None:
        return place, partial(stl10.read, place)
    if (files := digits.find(dataset, root)) is not None:
        return files["train"][0].parent, partial(digits.read, dataset, files)
    if (place := parquet.find(name, root)) is not None:
        return place, partial(parquet.read, dataset, place)
    return None


def locate(dataset: Dataset, root: str | Path | None = None) -> Path | None:
    """The folder that ``load`` would read, found by the names of its files; None where it would be downloaded."""
    roots = (EMBEDDED,) if dataset.name == "fashion-mini" else data_roots(root)
    found = (_reader(dataset, each) for each in roots)
    return next((reader[0] for reader in found if reader is not None), None)


def _checked(dataset: Dataset, parts: DataParts) -> DataParts:
    """The same parts, if their images have the shape that the net was checked against."""
    for part in (parts.train, parts.test):
        if isinstance(part, Arrays) and part.images.shape[1:] != dataset.input:
            shape = "x".join(map(str, part.images.shape[1:]))
            raise damaged(parts.source, f"has images of {shape}, expected those of {dataset.title}")
    return parts
