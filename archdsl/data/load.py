"""From the name of a data set to its images."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.data import cifar, digits, download, imagenette, parquet, stl10, svhn
from archdsl.data.arrays import Arrays, DataParts, check_count, damaged
from archdsl.data.own import kind_of
from archdsl.data.roots import EMBEDDED, cache_root, data_roots, download_root
from archdsl.locks import alone
from archdsl.words.data.values import Own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archdsl.words.data.values import Dataset

PATIENCE = 3600.0  # seconds for another process that downloads the same


@dataclass(frozen=True, slots=True)
class Located:
    """A published set where it is: its folder, what reads it, and what it is read from: ``files`` by the names that say
    what they are for, or the ``trees`` of pictures of the training and the test part.
    """

    place: Path
    read: Callable[[], DataParts]
    files: tuple[tuple[str, Path], ...] = ()
    trees: tuple[Path, Path] | None = None


def load(dataset: Dataset | Own, root: str | Path | None = None) -> DataParts:
    """Training and test part of a data set, decoded; ``root`` is searched before the other data roots.

    A set that is nowhere is downloaded into ``root``, else into the first folder of ARCHDSL_DATA, else into
    the per-user folder. Pictures of folders that would not fit into memory are ``Streamed``.

    Raises:
        EnvError: the data is missing, damaged or cannot be fetched.
    """
    if isinstance(dataset, Own):
        return kind_of(dataset).read(dataset)
    found = located(dataset, root, fetch=True)
    if found is None:
        place = EMBEDDED if dataset.name == "fashion-mini" else download_root(root)
        raise damaged(place / dataset.name, "lacks a file of the set")
    return _checked(dataset, found.read())


def _first(dataset: Dataset, roots: Sequence[Path]) -> Located | None:
    """The set under the first root that has it; the authors' files before a Parquet copy."""
    return next((found for root in roots if (found := _reader(dataset, root)) is not None), None)


def _reader(dataset: Dataset, root: Path) -> Located | None:
    """The set under ``root``, found by the names of its files."""
    name, size = dataset.name, dataset.input[-1]
    if name == "imagenette":
        place = imagenette.find(root, size)
        if place is None:
            return None
        return Located(place, partial(imagenette.read, place, size), trees=(place / "train", place / "val"))
    if name in cifar.LAYOUTS and (place := cifar.find(name, root)) is not None:
        layout = cifar.LAYOUTS[name]
        return Located(place, partial(cifar.read, name, place), _named(place, *layout.train, layout.test))
    if name == "svhn" and (place := svhn.find(root)) is not None:
        return Located(place, partial(svhn.read, place), _named(place, *svhn.FILES))
    if name == "stl10" and (place := stl10.find(root)) is not None:
        return Located(place, partial(stl10.read, place), _named(place, *stl10.FILES))
    if (found := digits.find(dataset, root)) is not None:
        names = digits.names_of(name)
        files = tuple(pair for part in found for pair in zip(names[part], found[part], strict=True))
        return Located(found["train"][0].parent, partial(digits.read, dataset, found), files)
    if (place := parquet.find(name, root)) is not None:
        shards = [path.name for part in ("train", "test") for path in place.glob(f"{part}-*.parquet")]
        return Located(place, partial(parquet.read, dataset, place), _named(place, *shards))
    return None


def _named(place: Path, *names: str) -> tuple[tuple[str, Path], ...]:
    return tuple((name, place / name) for name in names)


def located(dataset: Dataset, root: str | Path | None = None, fetch: bool = False) -> Located | None:
    """The published set that ``load`` would read; None where it would be downloaded, unless ``fetch`` does so.

    Raises:
        EnvError: it cannot be fetched.
    """
    if dataset.name == "fashion-mini":
        return _first(dataset, [EMBEDDED])
    found = _first(dataset, data_roots(root))
    if found is None and fetch:
        found = _fetched(dataset, download_root(root))
    return found


def _fetched(dataset: Dataset, target: Path) -> Located | None:
    """The set, downloaded into a folder. Of processes that ask at the same time one downloads it."""
    key = download.key(dataset)
    with ExitStack() as stack:
        with suppress(OSError):  # no permission, or the other one takes very long: then both download
            stack.enter_context(alone(_lock_of(target, key), PATIENCE))
        if (found := _first(dataset, [target])) is not None:
            return found
        download.download(key, target)
    return _first(dataset, [target])


def _lock_of(target: Path, key: str) -> Path:
    place = os.path.join(os.path.realpath(target), key)
    digest = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return cache_root() / f"download-{digest}.lock"


def locate(dataset: Dataset, root: str | Path | None = None) -> Path | None:
    """The folder that ``load`` would read; None where the set would be downloaded."""
    found = located(dataset, root)
    return found.place if found is not None else None


def _checked(dataset: Dataset, parts: DataParts) -> DataParts:
    """The same parts, if they are whole and their images have the shape that the net was checked against."""
    for name, part in (("train", parts.train), ("test", parts.test)):
        check_count(dataset, name, len(part), parts.source)
        if isinstance(part, Arrays) and part.images.shape[1:] != dataset.input:
            shape = "x".join(map(str, part.images.shape[1:]))
            raise damaged(parts.source, f"has images of {shape}, expected those of {dataset.title}")
    return parts
