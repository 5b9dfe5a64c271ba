"""Where data sets are looked for, and where decoded ones are kept."""

from __future__ import annotations

import os
from pathlib import Path

from archdsl.errors import EnvError

# Debian's package `dataset-fashion-mnist` puts the idx files here; nothing is ever written to it.
SYSTEM = Path("/usr/share/datasets")
EMBEDDED = Path(__file__).resolve().parents[2] / "data_embedded"


def user_root() -> Path:
    """The per-user folder for data, where downloads go unless an option or ARCHDSL_DATA says otherwise."""
    return _xdg("XDG_DATA_HOME", ".local/share") / "archdsl"


def cache_root() -> Path:
    """The per-user folder for decoded copies. Everything in it can be deleted at any time."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "archdsl" / "datasets"


def data_roots(option: str | Path | None = None) -> tuple[Path, ...]:
    """The folders to search, first one first: the option, ARCHDSL_DATA, the per-user folder, the system's.

    Raises:
        EnvError: a folder that was named by the option or by ARCHDSL_DATA does not exist.
    """
    named = [(Path(option).expanduser(), "--data-root")] if option is not None else []
    listed = os.environ.get("ARCHDSL_DATA", "").split(os.pathsep)
    named += [(Path(text).expanduser(), "ARCHDSL_DATA") for text in listed if text]
    for folder, origin in named:
        if not folder.is_dir():
            raise EnvError(f"{origin} names {folder}, which is not a folder", help="create it, or name another")
    return (*(folder for folder, _ in named), user_root(), SYSTEM)


def _xdg(variable: str, default: str) -> Path:
    """A base folder of the XDG specification, which says to ignore a relative one."""
    given = Path(os.environ.get(variable, ""))
    return given if given.is_absolute() else Path.home() / default
