"""The files that a command is going to write: what is there is said, and a run is not damaged."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from archdsl.cli.output import say
from archdsl.errors import ArchError
from archdsl.export.target import real
from archdsl.runs.run import SPEC
from archdsl.runs.store.remove import EVALUATIONS, is_own
from archdsl.runs.store.settings import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path


def refuse_source(target: Path, source: str | Path | None) -> None:
    """Refuse to replace what is read by what is made of it.

    Raises:
        ArchError: they are one file.
    """
    with suppress(OSError, ValueError):  # one of them is not there, or no path
        if source is not None and os.path.samefile(target, source):
            raise ArchError(f"{target} is the source itself, and would be replaced", help="give another name")


def announce(*files: Path) -> None:
    """Say which of these files are there and will be replaced.

    Raises:
        ArchError: one is what a run in that folder has written.
        EnvError: one is a folder or a device.
    """
    for file in files:
        place = real(file)
        run = place.parent.parent if place.parent.name == EVALUATIONS else place.parent
        own = run != place.parent or is_own(place.name)
        if own and all((run / name).is_file() for name in (SPEC, SETTINGS)):
            raise ArchError(
                f"{file} is a file of the run {run} itself, and to replace it would damage the run",
                help="give another name, or name another folder",
            )
    for file in files:
        if file.is_file():
            say(f"note: {file} exists and will be replaced")
