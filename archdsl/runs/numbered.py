"""Folders of runs that share a name: runs on other data, and experiments that share eight digits, have numbers behind it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import count
from pathlib import Path

SETTLED = 2 * 10**9  # nanoseconds after which the time of a folder tells every later change of it
_NUMBERED = re.compile(r"(.+)-([1-9][0-9]{0,8})")


def numbered(stem: Path, files: tuple[str, ...]) -> Iterator[Path]:
    """The folders ``stem``, ``stem-2``, ``stem-3`` … that have one of the files, by their number. One of them may have been
    deleted: those behind it are still there.
    """
    for number in count(1):
        if not _has(path := _with(stem, number), files):
            break
        yield path
    for later in _numbers(stem.parent).get(stem.name, ()):
        if later > number and _has(path := _with(stem, later), files):
            yield path


def unused(stem: Path, files: tuple[str, ...]) -> Path:
    """The first of ``stem``, ``stem-2`` … that has none of the files."""
    return next(path for path in (_with(stem, number) for number in count(1)) if not _has(path, files))


def _with(stem: Path, number: int) -> Path:
    return stem if number == 1 else stem.with_name(f"{stem.name}-{number}")


def _has(folder: Path, files: tuple[str, ...]) -> bool:
    return any(os.path.lexists(folder / name) for name in files)


def _numbers(out: Path) -> Mapping[str, tuple[int, ...]]:
    """The numbers that each name has in a folder. A study asks for each of its runs, so that a folder is listed again only
    where it has changed.
    """
    try:
        about = out.stat()
        if time.time_ns() - about.st_mtime_ns > SETTLED:
            return _kept(out, about.st_dev, about.st_ino, about.st_mtime_ns)
        return _listed(out)
    except OSError:
        return {}


def _listed(out: Path, *state: int) -> Mapping[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for name in os.listdir(out):
        if (parts := _NUMBERED.fullmatch(name)) is not None:
            found.setdefault(parts[1], []).append(int(parts[2]))
    return {stem: tuple(sorted(numbers)) for stem, numbers in found.items()}


_kept = lru_cache(maxsize=4)(_listed)
