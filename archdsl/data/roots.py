"""Where data sets are looked for, and where decoded ones are kept."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from archdsl.errors import EnvError
from archdsl.notices import notice
from archdsl.words.data.heads import own_path

# Debian's package `dataset-fashion-mnist` puts the idx files here; nothing is ever written to it.
SYSTEM = Path("/usr/share/datasets")
EMBEDDED = Path(__file__).resolve().parents[1] / "data_embedded"


def user_root() -> Path | None:
    """The per-user folder for data, where downloads go unless an option or ARCHDSL_DATA says otherwise; None for a user
    without a home folder.
    """
    base = _xdg("XDG_DATA_HOME", ".local/share")
    return base / "archdsl" if base is not None else None


def cache_root() -> Path:
    """The per-user folder for decoded copies. Everything in it can be deleted at any time."""
    return cache_base() / "datasets"


def cache_base() -> Path:
    """The per-user folder of all that can be made again. A user without a home folder, as in a container that runs under
    a mere number, has none: a private folder that is gone with this process takes its place.
    """
    base = _xdg("XDG_CACHE_HOME", ".cache")
    return base / "archdsl" if base is not None else _passing()


@cache
def _passing() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="archdsl-"))  # of mode 0700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    notice(
        "this user has no home folder, so nothing is kept from one command to the next: compiled kernels and decoded "
        "data are made again each time; XDG_CACHE_HOME names a folder for them"
    )
    return folder


def data_roots(option: str | Path | None = None) -> tuple[Path, ...]:
    """The folders to search, first one first: the option, ARCHDSL_DATA, the per-user folder, the system's.

    Raises:
        EnvError: a folder that was named by the option or by ARCHDSL_DATA does not exist.
    """
    named = [(own_path(str(option)), "--data-root")] if option is not None else []
    listed = os.environ.get("ARCHDSL_DATA", "").split(os.pathsep)
    named += [(own_path(text), "ARCHDSL_DATA") for text in listed if text]
    for folder, origin in named:
        if not folder.is_dir():
            raise EnvError(f"{origin} names {folder}, which is not a folder", help="create it, or name another")
    own = user_root()
    return (*(folder for folder, _ in named), *([own] if own is not None else []), SYSTEM)


def download_root(option: str | Path | None = None) -> Path:
    """The folder that a missing data set is downloaded into: the first one of ``data_roots`` but the system's.

    Raises:
        EnvError: none is named, and this user has no home folder.
    """
    first = data_roots(option)[0]
    if first == SYSTEM:
        raise EnvError(
            "this user has no home folder to download data into",
            help="name a folder by --data-root, ARCHDSL_DATA or XDG_DATA_HOME",
        )
    return first


def _xdg(variable: str, default: str) -> Path | None:
    """A base folder of the XDG specification, which says to ignore a relative one; None where there is no home folder."""
    given = Path(os.environ.get(variable, ""))
    if given.is_absolute():
        return given
    try:
        return Path.home() / default
    except RuntimeError:
        return None
