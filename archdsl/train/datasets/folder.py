"""A tree of pictures, one folder a class (the data word ``folder``)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from archdsl.errors import EnvError
from archdsl.train.datasets import cache
from archdsl.train.datasets.arrays import Arrays, DataParts
from archdsl.train.datasets.pictures import Failure, Refusals, square
from archdsl.words.data.folders import LAYOUT, class_folders

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archdsl.words.data.folders import Folder

Picture = tuple["Path", int]  # a file and its label
ONE_IN = 5  # of a single tree, one picture in five is for the test


def read(folder: Folder) -> DataParts:
    """Both parts, images (N, 3, size, size); labels count the sorted class folders from 0."""
    train_tree, test_tree = folder.trees()
    names = class_folders(train_tree)
    pictures = _listed(train_tree, names)
    if test_tree is None:
        train, test = _divided(train_tree, pictures)
    else:
        if class_folders(test_tree) != names:
            raise EnvError(f"{test_tree} and {train_tree} do not hold the same classes", help=LAYOUT)
        train, test = pictures, _listed(test_tree, names)
    return DataParts(
        _decoded("folder-train", train, folder.size, train_tree.parent),
        _decoded("folder-test", test, folder.size, train_tree.parent),
        folder.path,
    )


def _listed(tree: Path, names: Sequence[str]) -> list[Picture]:
    """Every picture, by class and then by name. A file that Pillow has no reader for is an error, not
    skipped.
    """
    known = Image.registered_extensions()
    pictures: list[Picture] = []
    for label, name in enumerate(names):
        files = sorted(p for p in (tree / name).rglob("*") if p.is_file() and not p.name.startswith("."))
        strange = [p for p in files if p.suffix.lower() not in known]
        if strange:
            raise EnvError(f"{strange[0]} is not a picture ({len(strange)} such files in {tree / name})",
                           help="move files that are not pictures out of the class folders")  # fmt: skip
        if not files:
            raise EnvError(f"the class folder {tree / name} is empty", help=LAYOUT)
        pictures += [(p, label) for p in files]
    return pictures


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
        refused = Refusals(root)
        for row, (path, _) in enumerate(pictures):
            try:
                images[row] = square(path, size)
            except Failure as error:
                refused.add(str(path), error)
        refused.settle()
        return Arrays(images, labels)

    return cache.decoded(name, [p for p, _ in pictures], decode, f"{size} {labels.tolist()}")
