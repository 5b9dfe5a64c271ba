"""Pictures with several targets each (the data word ``pictures``): the files that a table names, and their targets."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data import cache, targets
from archdsl.data.arrays import Arrays, DataParts
from archdsl.data.decode import merged, said
from archdsl.data.folder import decode_all, equals_said
from archdsl.data.links import real_file
from archdsl.data.memory import resident_limit
from archdsl.data.pictures import squared
from archdsl.data.tree import ONE_IN
from archdsl.errors import EnvError
from archdsl.report.numbers import many
from archdsl.words.data import cells as c
from archdsl.words.data.pictures import named
from archdsl.words.data.sheets import texts
from archdsl.words.data.spelling import is_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archdsl.data.cache import Decoded
    from archdsl.words.data.pictures import Pictures

BYTES = 3  # of a pixel in memory


@dataclass(frozen=True, eq=False)
class Listed:
    """The pictures of a table in its order: their names in it, their files, and their targets (N, heads)."""

    names: list[str]
    files: list[Path]
    targets: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64]) -> Listed:
        """Those of these rows."""
        return Listed([self.names[n] for n in rows], [self.files[n] for n in rows], self.targets[rows])


def read(pictures: Pictures) -> DataParts:
    """Both parts: images (N, 3, size, size) uint8, targets (N, heads) float64.

    Raises:
        EnvError: a picture is missing or damaged or named twice, a cell is not a class or a number, or the pictures do not fit
            into memory.
    """
    parts, notes = _parts(pictures)
    size = pictures.size
    count = sum(len(part.names) for part in parts)
    if count * size**2 * BYTES > resident_limit():
        raise EnvError(
            f"the pictures of {pictures.path} take {count * size**2 * BYTES:,} bytes at {size}x{size}, more than the "
            f"{resident_limit():,} that they may have in memory",
            help=f"a smaller one than size={size}; ARCHDSL_RESIDENT_BYTES sets another limit",
        )
    decoded = [_decoded(name, part, pictures) for name, part in zip(("train", "test"), parts, strict=True)]
    train, test = (Arrays(d.arrays.images, part.targets) for d, part in zip(decoded, parts, strict=True))
    done = merged(*(d.done for d in decoded))
    notes = (
        f"{many(len(train), 'picture')} to train on and {len(test):,} to test",
        *targets.said(train, test, pictures.labels.heads),
        *notes,
        *said(done, count),
        *equals_said(decoded, [part.targets for part in parts], "targets"),
    )
    return DataParts(train, test, pictures.path, notes)


def about(pictures: Pictures) -> dict[str, Any]:
    """What there is to say about pictures with several targets."""
    parts = read(pictures)
    return {
        "title": "pictures of one's own with several targets each",
        "train": len(parts.train),
        "test": len(parts.test),
        "found": list(parts.notes[1:]),
    }


def counts(pictures: Pictures) -> tuple[int, int]:
    """The training and the test pictures."""
    train, test = _parts(pictures)[0]
    return len(train.names), len(test.names)


def files(pictures: Pictures) -> list[tuple[str, Path]]:
    """All files that the set is read from, named by their part and their place in it."""
    tables = zip(("train.csv", "test.csv"), pictures.tables(), strict=True)
    found = [(name, path) for name, path in tables if path is not None]
    for name, part in zip(("train", "test"), _parts(pictures)[0], strict=True):
        found += [(f"{name}/{own}", file) for own, file in zip(part.names, part.files, strict=True)]
    return found


def _parts(pictures: Pictures) -> tuple[tuple[Listed, Listed], tuple[str, ...]]:
    """The pictures of both parts, and what is said about the choice."""
    path, test = pictures.tables()
    labels = pictures.labels
    unused = (f"not used: the columns {', '.join(labels.unused)} of {path}",) if labels.unused else ()
    train = _listed(path, pictures)
    if test is not None:
        return (train, _listed(test, pictures, spread=False)), (
            *labels.notes,
            f"the test pictures are those of {test}",
            *unused,
        )
    if len(train.names) < 2:
        raise EnvError(f"{path} names one picture, too few to train and test", help="add pictures")
    ranks = [hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest() for name in train.names]
    first = sorted(range(len(ranks)), key=ranks.__getitem__)[: max(1, len(ranks) // ONE_IN)]
    chosen = np.zeros(len(ranks), np.bool_)
    chosen[first] = True
    split = "one picture in five, chosen by the hash of its name, is the test part"
    return (train.take(np.flatnonzero(~chosen)), train.take(np.flatnonzero(chosen))), (*labels.notes, split, *unused)


def _listed(path: Path, pictures: Pictures, spread: bool = True) -> Listed:
    """The rows of a table; ``spread``: whether float32 must tell its numbers apart by their own spread, as in training."""
    heads = pictures.labels.heads
    found = named(path, pictures.file)
    lacking = [h.name for h in heads if h.name not in found.names]
    if lacking:
        raise EnvError(f"{path} has no column `{lacking[0]}`", help=f"its columns are {', '.join(found.names)}")
    held = found.columns((pictures.file, *(h.name for h in heads)))
    names = texts(held[pictures.file], path, pictures.file)
    if not names:
        raise EnvError(f"{path} has no row", help="write a row for each picture")
    places, folders = dict[str, int](), dict[str, str]()
    for row, name in enumerate(names):
        _check(path, row, pictures.file, name)
        first = places.setdefault(real_file(str(path.parent / name), folders), row)
        if first != row:
            what = f"{c.shown(name)}, as row {first + 1} has"
            if names[first] != name:
                what = f"{c.shown(name)}, the same file as {c.shown(names[first])} of row {first + 1}"
            raise c.at(path, row, pictures.file, what, "name each picture once")
    return Listed(names, [path.parent / name for name in names], targets.read(held, heads, path, spread=spread))


def _check(path: Path, row: int, column: str, name: str) -> None:
    """Refuse a name that is not the file of a picture, or is outside the folder of the table."""
    what, help = "", ""
    if not name:
        what = "nothing, where the name of a picture is needed"
    elif os.path.isabs(name) or ".." in PurePosixPath(name).parts:
        what = f"{c.shown(name)}, which leads out of the folder of the table"
        help = f"write paths from {path.parent}, so that the data can be moved"
    elif not is_picture(name):
        what, help = f"{c.shown(name)}, which is not a picture", "name files of pictures, such as PNG or JPEG"
    elif not (path.parent / name).is_file():
        what, help = f"{c.shown(name)}, and there is no such file", f"paths are relative to {path.parent}"
    if what:
        raise c.at(path, row, column, what, help)


def _decoded(name: str, part: Listed, pictures: Pictures) -> Decoded:
    size = pictures.size

    def decode() -> Decoded:
        images = np.empty((len(part.files), 3, size, size), np.uint8)
        counts = decode_all(images, part.files, lambda row: squared(part.files[row], size), pictures.path)
        labels = np.zeros(len(part.files), np.int64)  # targets are read from the table each time
        return cache.Decoded(Arrays(images, labels), counts, cache.digests_of(images))

    return cache.decoded(f"pictures-{name}", part.files, decode, str(size))
