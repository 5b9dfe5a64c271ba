"""Decoded pictures kept as plain arrays that the next run maps instead of decoding again.

One folder per decoded part of a set, named by what it was decoded from (path, size and times of change of
each file, that of its inode too, which no program sets back), so that a changed file is decoded again.
It gets its name only when complete. A cache that cannot be written or is damaged costs time, never a run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archdsl.train.datasets.arrays import Arrays
from archdsl.train.datasets.roots import cache_root

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VERSION = "1"  # raise it when the same files decode to other arrays


def decoded(name: str, files: Sequence[Path], decode: Callable[[], Arrays], how: str = "") -> Arrays:
    """The arrays of ``files``: mapped from the cache, or decoded and put there.

    ``how`` names the settings that ``decode`` depends on besides the files.
    """
    folder = cache_root() / f"{name}-{_key(files, how)}"
    cached = _mapped(folder)
    if cached is not None:
        return cached
    arrays = decode()
    with suppress(OSError):  # no space, no permission: the arrays are in memory all the same
        _store(folder, arrays)
    return arrays


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


def _mapped(folder: Path) -> Arrays | None:
    """The cached arrays, mapped copy on write (torch takes no read-only array); None if absent or damaged."""
    try:
        images = np.load(folder / "images.npy", mmap_mode="c", allow_pickle=False)
        labels = np.load(folder / "labels.npy", allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    sound = images.dtype == np.uint8 and images.ndim == 4 and labels.shape == images.shape[:1]
    return Arrays(images, labels) if sound and labels.dtype == np.int64 else None


def _store(folder: Path, arrays: Arrays) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        for name, array in (("images", arrays.images), ("labels", arrays.labels)):
            with (unfinished / f"{name}.npy").open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        unfinished.rename(folder)  # fails where another process was first, and then its copy is as good
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
