"""Folders of runs that share a name: runs on other data, and experiments that share eight digits, have numbers behind it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from pathlib import Path

SETTLED = 2 * 10**9  # nanoseconds after which the time of a folder tells every later change of it
_NUMBERED = re.compile(r"(.+)-([1-9][0-9]{0,8})")
_RUN = re.compile(r".+(-[0-9a-f]{8}-s-?[0-9]+)(?:-[1-9][0-9]{0,8})?")


def numbered(stem: Path, files: tuple[str, ...]) -> Iterator[Path]:
    """The folders ``stem``, ``stem-2``, ``stem-3`` … that have one of the files, by their number. One of them may have been
    deleted: those behind it are still there.
    """
    for number in count(1):
        if not _has(path := _with(stem, number), files):
            break
        yield path
    for later in _names(stem.parent).numbers.get(stem.name, ()):
        if later > number and _has(path := _with(stem, later), files):
            yield path


def unused(stem: Path, files: tuple[str, ...]) -> Path:
    """The first of ``stem``, ``stem-2`` … that has none of the files."""
    return next(path for path in (_with(stem, number) for number in count(1)) if not _has(path, files))


def other_names(stem: Path, end: str, files: tuple[str, ...]) -> Iterator[Path]:
    """The folders beside ``stem`` that have one of the files, and another name before the same digits and seed, ``end``, with
    and without a number behind it; in the order of their names.
    """
    for name in _names(stem.parent).ends.get(end, ()):
        own = name == stem.name or ((parts := _NUMBERED.fullmatch(name)) is not None and parts[1] == stem.name)
        if not own and _has(path := stem.with_name(name), files):
            yield path


def _with(stem: Path, number: int) -> Path:
    return stem if number == 1 else stem.with_name(f"{stem.name}-{number}")


def _has(folder: Path, files: tuple[str, ...]) -> bool:
    return any(os.path.lexists(folder / name) for name in files)


@dataclass(frozen=True)
class _Names:
    """What the names in a folder say: the numbers that each has behind it, and the names with the same digits and seed."""

    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _names(out: Path) -> _Names:
    """A study asks for each of its runs, so that a folder is listed again only where it has changed."""
    try:
        about = out.stat()
        if time.time_ns() - about.st_mtime_ns > SETTLED:
            return _kept(out, about.st_dev, about.st_ino, about.st_mtime_ns)
        return _listed(out)
    except OSError:
        return _Names()


def _listed(out: Path, *state: int) -> _Names:
    numbers: dict[str, list[int]] = {}
    ends: dict[str, list[str]] = {}
    for name in os.listdir(out):
        if (parts := _NUMBERED.fullmatch(name)) is not None:
            numbers.setdefault(parts[1], []).append(int(parts[2]))
        if (run := _RUN.fullmatch(name)) is not None:
            ends.setdefault(run[1], []).append(name)
    return _Names(
        {stem: tuple(sorted(found)) for stem, found in numbers.items()},
        {end: tuple(sorted(found)) for end, found in ends.items()},
    )


_kept = lru_cache(maxsize=4)(_listed)
