"""What a data set holds, as one hash: part of what a run is. Loads no torch.

The fingerprint is the SHA-256 over the sorted (name, size, SHA-256) of every file that the training or the test part is
read from. Names begin with the part (``train/cat/1.png``), so the folder's own place and name are not in it. Files in the
idx format count by their unpacked bytes: the same set as ``.gz`` and plain is one set.

A second look at unchanged files hashes nothing: see ``remembered``.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from archdsl import unchanged
from archdsl.data import folder, idx, remembered
from archdsl.data.load import located
from archdsl.data.own import kind_of
from archdsl.data.walk import unreadable, walked
from archdsl.errors import InternalError
from archdsl.words.data.values import Own

if TYPE_CHECKING:
    from archdsl.words.data.values import Dataset

    Data = Dataset | Own

FORM = "archdsl data 1"  # begins what is hashed; raise the number when the same files give another fingerprint
AT_A_TIME = 64  # files that a thread takes before it asks for more
MOST_THREADS = 8
DIGITS = 8  # of a fingerprint, where people read it


class File(NamedTuple):
    """A file of a data set, and the name under which it counts; ``unpack``: by its unpacked bytes."""

    name: str
    path: str
    unpack: bool = False


def fingerprint(dataset: Data, root: str | Path | None = None, fetch: bool = False) -> str:
    """The fingerprint of a data set, 64 hex digits; "" where a published set is not on this machine, or data of
    one's own is gone and runs say what it held (``kept``).

    Args:
        root: searched before the other data roots.
        fetch: download a published set that is not there.

    Raises:
        EnvError: a folder or table of one's own is not there, a file cannot be read, or a set cannot be fetched.
    """
    if isinstance(dataset, Own) and dataset.kept is not None and not fetch:
        return ""
    if isinstance(dataset, Own):
        kind = kind_of(dataset)
        if kind.files is not None:
            return _of_files([File(name, str(path)) for name, path in kind.files(dataset)])
        if kind.trees is not None:
            return _of_trees(*kind.trees(dataset))
        raise InternalError(f"nothing says which files {dataset.name} has")
    found = located(dataset, root, fetch)
    if found is None:
        return ""
    if found.trees is not None:
        return _of_trees(*found.trees)
    return _of_files([_idx_or_plain(name, path) for name, path in found.files])


def short(value: str) -> str:
    """A fingerprint as people read it."""
    return value[:DIGITS] if value else "unknown"


def _idx_or_plain(name: str, path: Path) -> File:
    return File(name, str(path), unpack=name.endswith("-ubyte"))


def _of_files(files: Sequence[File]) -> str:
    listing = remembered.Listing()
    ordered = sorted(files)
    listing.add("", [f.name for f in ordered], array("q", [n for f in ordered for n in _about(f.path)]))
    place = "\0".join(sorted(os.path.realpath(f.path) for f in files))
    return _looked_up(place, listing, lambda: files)


def _of_trees(train: Path, test: Path | None) -> str:
    """Of trees of pictures: one walk over all that is in them finds whether anything has changed."""
    seen = walked(train, test)
    return _looked_up(seen.place, seen.listing, lambda: _pictures(train, test))


def _pictures(train: Path, test: Path | None) -> list[File]:
    """The files of both parts, as they are read: a picture of a single tree counts to the part that it falls to."""
    parts = zip(("train", "test"), folder.listed(train, test), (train, test or train), strict=True)
    found: list[File] = []
    for part, pictures, tree in parts:
        above = 0 if tree == Path() else len(os.path.join(tree, ""))  # what is found below "." does not begin with it
        found += [File(f"{part}/{path[above:].replace(os.sep, '/')}", path) for path in (str(p) for p, _ in pictures)]
    return found


About = unchanged.About


def _about(path: str) -> About:
    try:
        return unchanged.about(os.stat(path))
    except OSError as error:
        raise unreadable(path, error) from error


def _looked_up(place: str, listing: remembered.Listing, files: Callable[[], Sequence[File]]) -> str:
    """The fingerprint that was found before for these very files; else they are hashed."""
    entry = remembered.Entry(place)
    if (known := entry.fingerprint(listing)) is not None:
        return known
    wanted = files()
    hashed = _hashed(wanted, entry)
    found = combined((f.name, *h) for f, h in zip(wanted, hashed, strict=True))
    entry.keep(listing, found)
    return found


def combined(parts: Iterable[tuple[str, int, str]]) -> str:
    """One hash of (name, size, hash) in any order."""
    whole = hashlib.sha256(FORM.encode())
    for name, size, digest in sorted(parts):
        whole.update(b"\0" + name.encode("utf-8", "surrogateescape") + f"\0{size}\0{digest}".encode())
    return whole.hexdigest()


def _hashed(files: Sequence[File], entry: remembered.Entry) -> list[tuple[int, str]]:
    """Size and hash of each file; those that were hashed before and are unchanged are not read."""
    found: list[tuple[int, str]] = [(0, "")] * len(files)

    def some(first: int) -> None:
        for number in range(first, min(first + AT_A_TIME, len(files))):
            found[number] = _digest(files[number], entry)

    threads = min(MOST_THREADS, os.cpu_count() or 1)
    if len(files) <= AT_A_TIME:
        some(0)
        return found
    with ThreadPoolExecutor(threads) as pool:
        try:
            for _ in pool.map(some, range(0, len(files), AT_A_TIME)):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found


def _digest(file: File, entry: remembered.Entry) -> tuple[int, str]:
    about = _about(file.path)
    if (known := entry.known(file.path, about)) is not None:
        return known
    try:
        if file.unpack:
            data = idx._unpacked(Path(file.path))
            return entry.learn(file.path, about, len(data), hashlib.sha256(data).hexdigest())
        with open(file.path, "rb") as stream:
            about = unchanged.about(os.fstat(stream.fileno()))
            return entry.learn(file.path, about, about[0], hashlib.file_digest(stream, "sha256").hexdigest())
    except OSError as error:
        raise unreadable(file.path, error) from error
