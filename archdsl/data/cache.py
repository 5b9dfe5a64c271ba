"""Decoded pictures kept as plain arrays that the next run maps instead of decoding again.

One folder per decoded part of a set, named by what it was decoded from (path, size and times of change of
each file, that of its inode too, which no program sets back), so that a changed file is decoded again.
It gets its name only when complete. A cache that cannot be written or is damaged costs time, never a run.
One that another user can write is not read.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archdsl.data.arrays import Arrays
from archdsl.data.roots import cache_root
from archdsl.locks import alone
from archdsl.notices import notice
from archdsl.trust import distrust, make_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

# Raise it when the same files decode to other arrays, or more is said of them; 3 took some BMP files for other ones.
VERSION = "4"

PATIENCE = 600.0  # seconds for another process that decodes the same
MOST_KEYS = 8
_KEYS: dict[tuple[str, str, str], str] = {}


@dataclass(frozen=True, eq=False)
class Decoded:
    """Decoded pictures; how many of them had each thing done to them (``decode.DONE``); and a digest (N,) uint64 of the
    pixels of each.
    """

    arrays: Arrays
    done: Mapping[str, int]
    digests: NDArray[np.uint64]


def digests_of(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A number (N,) for each image, equal for equal pixels; two that differ share one with a chance of 2^-64."""
    hashes = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(hashes), np.uint64)


def decoded(
    name: str, files: Sequence[Path], decode: Callable[[], Decoded], how: str = "", seen: str | None = None
) -> Decoded:
    """The arrays of ``files``: mapped from the cache, or decoded and put there. Of processes that ask at the same time, as
    the workers of a study do, one decodes.

    Args:
        how: names the settings that ``decode`` depends on besides the files.
        seen: the key of a walk that saw these files (see ``walk``); None: each is asked for.
    """
    folder = cache_root() / f"{name}-{_key(files, how) if seen is None else _key_again(name, files, how, seen)}"
    if why := distrust(folder):
        notice(f"decoded data is not kept: {why}")
        return decode()
    cached = _mapped(folder)
    if cached is not None:
        return cached
    with ExitStack() as stack:
        with suppress(OSError):  # no permission, or the other one takes very long: then both decode
            stack.enter_context(alone(folder.with_name(f"{folder.name}.lock"), PATIENCE))
            cached = _mapped(folder)
        if cached is not None:
            return cached
        found = decode()
        with suppress(OSError):  # no space, no permission: the arrays are in memory all the same
            _store(folder, found)
    return found


def _key_again(name: str, files: Sequence[Path], how: str, seen: str) -> str:
    """The key, asked once in this process for what a walk has seen."""
    asked = (name, how, seen)
    if asked not in _KEYS:
        if len(_KEYS) >= MOST_KEYS:
            _KEYS.clear()
        _KEYS[asked] = _key(files, how)
    return _KEYS[asked]


def _key(files: Sequence[Path], how: str) -> str:
    parts, folders = [VERSION, how], dict[str, str]()
    for path in map(os.fspath, files):
        folder, name = os.path.split(path)
        if folder not in folders:  # resolved once, not for each of a hundred thousand files
            folders[folder] = os.path.realpath(folder)
        about, place = os.lstat(path), os.path.join(folders[folder], name)
        if stat.S_ISLNK(about.st_mode):
            about, place = os.stat(path), os.path.realpath(path)
        parts.append(f"{place}|{about.st_size}|{about.st_mtime_ns}|{about.st_ctime_ns}")
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _mapped(folder: Path) -> Decoded | None:
    """What is cached, mapped copy on write (torch takes no read-only array); None if absent or damaged."""
    try:
        images = np.load(folder / "images.npy", mmap_mode="c", allow_pickle=False)
        labels = np.load(folder / "labels.npy", allow_pickle=False)
        digests = np.load(folder / "digests.npy", allow_pickle=False)
        done = json.loads((folder / "done.json").read_text("utf-8"))
        counts = {str(name): int(count) for name, count in done.items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, AttributeError, TypeError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    sound = images.dtype == np.uint8 and images.ndim == 4 and labels.shape == digests.shape == images.shape[:1]
    sound = sound and labels.dtype == np.int64 and digests.dtype == np.uint64
    return Decoded(Arrays(images, labels), counts, digests) if sound else None


def _store(folder: Path, found: Decoded) -> None:
    make_private(folder.parent)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    arrays = {"images": found.arrays.images, "labels": found.arrays.labels, "digests": found.digests}
    try:
        (unfinished / "done.json").write_text(json.dumps(dict(found.done)), "utf-8")
        for name, array in arrays.items():
            with (unfinished / f"{name}.npy").open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        if folder.exists() and _mapped(folder) is None:  # a cleaner of old files has taken some of it
            shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)  # fails where another process was first, and then its copy is as good
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
