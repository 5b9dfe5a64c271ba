"""The files that a command is going to write: what is there is said, and a run is not damaged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archdsl.cli.output import say
from archdsl.errors import ArchError
from archdsl.export.target import real
from archdsl.runs.run import SPEC
from archdsl.runs.store.remove import EVALUATIONS, is_own
from archdsl.runs.store.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def announce(*files: Path, read: Iterable[str | Path | None] = ()) -> None:
    """Say which of these files are there and will be replaced.

    Args:
        read: what the command reads, where that is a file.

    Raises:
        ArchError: one is what a run in that folder has written, or what is read.
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
    sources = [source for source in read if source is not None and os.path.isfile(source)]
    for file in files:
        if file.is_file() and any(os.path.samefile(file, source) for source in sources):
            raise ArchError(
                f"{file} is read by this command, and to write the result there would lose it",
                help="give another name, or name another folder",
            )
    for file in files:
        if file.is_file():
            say(f"note: {file} exists and will be replaced")
