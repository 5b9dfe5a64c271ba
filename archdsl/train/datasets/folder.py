"""A tree of pictures, one folder a class (the data words ``folder``, ``imagenet`` and ``imagenette``)."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from archdsl.errors import EnvError
from archdsl.train.datasets import cache
from archdsl.train.datasets.arrays import Arrays, DataParts
from archdsl.train.datasets.memory import resident_limit
from archdsl.train.datasets.pictures import Failure, Refusals, square
from archdsl.train.datasets.stream import MOST_WORKERS, Streamed, cores
from archdsl.words.data.folders import LAYOUT, class_folders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archdsl.words.data.folders import Folder

Picture = tuple[Path, int]  # a file and its label
AT_A_TIME = 64  # pictures, at most, that a thread decodes before it asks for more: small ones take less than the asking
ONE_IN = 5  # of a single tree, one picture in five is for the test


def read(folder: Folder) -> DataParts:
    """Both parts, images (N, 3, size, size); labels count the sorted class folders from 0."""
    train_tree, test_tree = folder.trees()
    return read_trees(train_tree, test_tree, folder.size, folder.path)


def read_trees(train_tree: Path, test_tree: Path | None, size: int, source: str) -> DataParts:
    """Both parts of these trees; without a test tree, a fifth of each class of the only one. They are decoded into
    memory, or ``Streamed`` where that would take more than ``resident_limit``.
    """
    train, test = listed(train_tree, test_tree)
    if (len(train) + len(test)) * 3 * size * size > resident_limit():
        return DataParts(_streamed(train, size), _streamed(test, size), source)
    return DataParts(
        _decoded("folder-train", train, size, train_tree.parent),
        _decoded("folder-test", test, size, train_tree.parent),
        source,
    )


def listed(train_tree: Path, test_tree: Path | None) -> tuple[list[Picture], list[Picture]]:
    """The files of both parts with their labels; no picture is read.

    Raises:
        EnvError: the trees hold different classes, a class is empty, or a file in it is no picture.
    """
    names = class_folders(train_tree)
    pictures = _listed(train_tree, names)
    if test_tree is None:
        return _divided(train_tree, pictures)
    if class_folders(test_tree) != names:
        raise EnvError(f"{test_tree} and {train_tree} do not hold the same classes", help=LAYOUT)
    return pictures, _listed(test_tree, names)


def _streamed(pictures: list[Picture], size: int) -> Streamed:
    return Streamed([path for path, _ in pictures], np.array([label for _, label in pictures], np.int64), size)


def _listed(tree: Path, names: Sequence[str]) -> list[Picture]:
    """Every picture, by class and then by name. A file that Pillow has no reader for is an error, not
    skipped.
    """
    known = Image.registered_extensions()
    pictures: list[Picture] = []
    for label, name in enumerate(names):
        try:
            files = sorted(_files(str(tree / name)), key=lambda p: p.split(os.sep))
        except OSError as error:
            raise EnvError(f"{error.filename} cannot be read: {error.strerror}",
                           help="let this user read it, or move it out of the class folders") from error  # fmt: skip
        strange = [p for p in files if os.path.splitext(p)[1].lower() not in known]
        if strange:
            raise EnvError(f"{strange[0]} is not a picture ({len(strange)} such files in {tree / name})",
                           help="move files that are not pictures out of the class folders")  # fmt: skip
        if not files:
            raise EnvError(f"the class folder {tree / name} is empty", help=LAYOUT)
        pictures += [(Path(p), label) for p in files]
    return pictures


def _files(folder: str) -> Iterator[str]:
    """What lies in a folder and below it, hidden files and linked folders left out. A set has so many files that a Path
    and a question to the system for each would take longer than to map what was decoded before.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            elif not entry.name.startswith(".") and entry.is_file():
                yield entry.path


def _divided(tree: Path, pictures: list[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Training and test pictures of one tree. The hash of the name decides, the same on every machine and
    for every seed, so that runs with several seeds are tested on the same pictures.
    """

    def rank(picture: Picture) -> bytes:
        return hashlib.sha256(picture[0].relative_to(tree).as_posix().encode("utf-8", "surrogateescape")).digest()

    chosen: set[Path] = set()
    for label in {label for _, label in pictures}:
        mine = sorted((p for p in pictures if p[1] == label), key=rank)
        if len(mine) < 2:
            raise EnvError(f"the class folder {mine[0][0].parent} has one picture, too few to train and test",
                           help="add pictures, or make train/ and test/ folders")  # fmt: skip
        chosen |= {path for path, _ in mine[: max(1, len(mine) // ONE_IN)]}
    return [p for p in pictures if p[0] not in chosen], [p for p in pictures if p[0] in chosen]


def _decoded(name: str, pictures: list[Picture], size: int, root: Path) -> Arrays:
    labels = np.array([label for _, label in pictures], dtype=np.int64)

    def decode() -> Arrays:
        images = np.empty((len(pictures), 3, size, size), np.uint8)

        def fill(first: int) -> list[tuple[int, Exception]]:
            bad: list[tuple[int, Exception]] = []
            for row in range(first, min(first + some, len(pictures))):
                try:
                    images[row] = square(pictures[row][0], size)
                except Failure as error:
                    bad.append((row, error))
            return bad

        refused, threads = Refusals(root), min(MOST_WORKERS, cores())
        some = max(1, min(AT_A_TIME, len(pictures) // (4 * threads)))
        with ThreadPoolExecutor(threads) as pool:  # Pillow lets go of the interpreter as it decodes
            try:
                for bad in pool.map(fill, range(0, len(pictures), some)):
                    for row, error in bad:
                        refused.add(str(pictures[row][0]), error)
            except BaseException:
                pool.shutdown(cancel_futures=True)  # an interrupt does not wait for the rest
                raise
        refused.settle()
        return Arrays(images, labels)

    return cache.decoded(name, [p for p, _ in pictures], decode, f"{size} {labels.tolist()}")
