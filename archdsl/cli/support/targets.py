"""The files that a command is going to write: what is there is said, and a run is not damaged."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from archdsl.cli.output import say
from archdsl.errors import ArchError
from archdsl.export.target import real
from archdsl.files import spec_path, study_path
from archdsl.runs.run import SPEC
from archdsl.runs.store.remove import EVALUATIONS, is_own
from archdsl.runs.store.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def announce(*files: Path, read: Iterable[str | Path | None] = ()) -> None:
    """Say which of these files are there and will be replaced.

    Args:
        read: what the command reads, where that is a file; it is not replaced.

    Raises:
        ArchError: one is what a run in that folder has written, or what the command reads.
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
            for name in read:
                if name is not None and _is_one(file, name):
                    raise ArchError(
                        f"{file} is what this command reads, and to replace it would lose it", help="give another name"
                    )
            say(f"note: {file} exists and will be replaced")


def _is_one(file: Path, name: str | Path) -> bool:
    """Whether a name, which may also be a text, is that of a file that is there."""
    shipped: list[Path | None] = []
    with suppress(OSError, ValueError):
        shipped = [spec_path(str(name)), study_path(str(name))]  # by their own names
    for place in (name, f"{name}.arch", *shipped):
        with suppress(OSError, ValueError):
            if place is not None and os.path.samefile(file, place):
                return True
    return False
