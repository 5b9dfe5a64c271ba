"""The text that a run recorded, used as a spec again: which run it is, and what that is called. Loads no torch."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from archdsl.atomic import read_object
from archdsl.errors import ArchError
from archdsl.syntax.locate import RUN_SPEC

SETTINGS = "settings.json"
_FOLDER = re.compile(r"(.+)-[0-9a-f]{8}-s\d+(-\d+)?")  # how the folder of a run is called


def folder_of(spec: str) -> Path | None:
    """The run whose recorded text a spec is, given as its folder or as the file in it; None for every other spec."""
    folder = Path("." if spec == RUN_SPEC else spec.removesuffix(f"{os.sep}{RUN_SPEC}"))
    with suppress(OSError, ValueError):  # a text that no path can be
        if (
            spec
            and (folder / RUN_SPEC).is_file()
            and ((folder / SETTINGS).is_file() or _FOLDER.fullmatch(_called(folder)))
        ):
            return folder
    return None


def runs_beside(spec: str) -> Path:
    """The folder of runs that a spec means where none is given: that which its run lies in, else ``runs``."""
    folder = folder_of(spec)
    if folder is None:
        return Path("runs")
    return folder.parent if folder.name not in ("", "..") else folder / ".."


def _called(folder: Path) -> str:
    return folder.name or folder.resolve().name


def recorded_name(spec: str) -> str:
    """What that run is called, by its folder where its settings cannot be read; "" of every other spec."""
    folder = folder_of(spec)
    if folder is not None:
        with suppress(ArchError, OSError, ValueError, KeyError):
            return str(read_object(folder / SETTINGS)["name"])
        if found := _FOLDER.fullmatch(_called(folder)):
            return found[1]
    return ""
