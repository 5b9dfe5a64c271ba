"""The text that a run recorded, used as a spec again: which run it is, and what that is called. Loads no torch."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from archdsl.atomic import read_object
from archdsl.errors import ArchError
from archdsl.syntax.locate import RUN_SPEC

SETTINGS = "settings.json"


def folder_of(spec: str) -> Path | None:
    """The run whose recorded text a spec is, given as its folder or as the file in it; None for every other spec."""
    folder = spec.removesuffix(f"{os.sep}{RUN_SPEC}")
    there = all(os.path.isfile(os.path.join(folder, name)) for name in (RUN_SPEC, SETTINGS))
    return Path(folder) if there else None


def recorded_name(spec: str) -> str:
    """What that run is called; "" of every other spec, and of a run whose settings cannot be read."""
    folder = folder_of(spec)
    if folder is not None:
        with suppress(ArchError, OSError, ValueError):
            return str(read_object(folder / SETTINGS).get("name", ""))
    return ""
