"""All that is in trees of pictures, as the system lists it: what tells whether anything in them has changed. No file is read."""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, ST_INO, ST_MODE, ST_SIZE

from archdsl.data.remembered import Listing
from archdsl.errors import EnvError
from archdsl.unchanged import INODE

_BY_HANDLE = os.stat in os.supports_dir_fd and os.listdir in os.supports_fd  # paths are looked up once a folder


@dataclass(frozen=True)
class Walked:
    """What a walk has seen: the real ``place`` of the trees, and every file in them."""

    place: str
    listing: Listing

    @property
    def key(self) -> str | None:
        """Equal where nothing has changed since; None where a change could go unnoticed, as a file is too young."""
        return f"{self.place}\0{self.listing.digest}" if self.listing.settled else None


def walked(train: Path, test: Path | None) -> Walked:
    """A walk through both parts, or through the only tree.

    Raises:
        EnvError: a folder cannot be read.
    """
    listing, trees = Listing(), [("train", train), *([("test", test)] if test is not None else [])]
    for part, tree in trees:
        _walk(str(tree), part, listing)
    return Walked("\0".join(os.path.realpath(tree) for _, tree in trees), listing)


def _walk(tree: str, part: str, listing: Listing) -> None:
    """Add every file below a folder; linked folders are followed, each once."""
    seen: set[tuple[int, int]] = set()
    waiting = [(tree, part)]
    try:
        while waiting:
            place, prefix = waiting.pop()
            names, facts, folders = _looked_at(place)
            for name, where in folders:
                inner = os.path.join(place, name)
                if (where.st_dev, where.st_ino) not in seen or not os.path.islink(inner):
                    waiting.append((inner, f"{prefix}/{name}"))
                seen.add((where.st_dev, where.st_ino))
            listing.add(prefix, names, facts)
    except OSError as error:
        raise unreadable(error.filename or tree, error) from error


def _looked_at(place: str) -> tuple[list[str], array[int], list[tuple[str, os.stat_result]]]:
    """The files of a folder in order, the numbers of ``about`` of each one behind the other, and its folders. One question
    to the system for each, relative to the open folder, as sets have so many files that nothing else matters.
    """
    names, facts, folders = list[str](), list[int](), []
    handle = os.open(place, os.O_RDONLY) if _BY_HANDLE else None
    stat, called, fact = os.stat, names.append, facts.append  # this loop is the cost of a second look
    try:
        for name in sorted(os.listdir(place if handle is None else handle)):
            try:
                found = stat(name if handle is not None else os.path.join(place, name), dir_fd=handle)
            except OSError:  # a broken link, or gone by now: whether that matters, the reader of the tree says
                called(name)
                facts += (0, 0, 0, 0)
                continue
            if S_ISDIR(found[ST_MODE]):
                folders.append((name, found))
                continue
            called(name)
            fact(found[ST_SIZE])
            fact(found.st_mtime_ns)
            fact(found.st_ctime_ns)
            fact(found[ST_INO] & INODE)
    finally:
        if handle is not None:
            os.close(handle)
    return names, array("q", facts), folders


def unreadable(path: str, error: OSError) -> EnvError:
    """What is said of a file or folder of a set that the system does not give."""
    return EnvError(
        f"data file {path} cannot be read: {error.strerror or error}",
        help="let this user read it; is something else moving the data?",
    )
