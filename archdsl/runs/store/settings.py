"""The settings of a run: the file that says which run a folder is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archdsl.atomic import read_object
from archdsl.errors import StoreError
from archdsl.runs.store.remedy import remedy

SETTINGS = "settings.json"
FORMAT = 1  # of the files in a run folder; raise it when an older archdsl would misread them


class NewerRun(StoreError):
    """A newer archdsl wrote it."""


def damaged_run(folder: Path, error: Exception) -> StoreError:
    """What is said of a run one of whose files is damaged or missing."""
    why = str(error)
    if isinstance(error, FileNotFoundError):
        why = f"{Path(error.filename).name} is not there"
    elif isinstance(error, UnicodeDecodeError):  # JSON says so itself
        why = "spec.arch is not UTF-8 text"
    return StoreError(f"the run {folder} is damaged ({why})", help=remedy(folder))


def read_settings(folder: Path) -> dict[str, Any]:
    """What a run's settings file says.

    Raises:
        OSError, ValueError: it is not a regular file, or holds no object.
        EnvError: the system does not let it be read.
        StoreError: it has another format than ours.
    """
    found = read_object(folder / SETTINGS)
    number = found.get("format")
    if number != FORMAT:
        newer = isinstance(number, int) and number > FORMAT
        raise (NewerRun if newer else StoreError)(
            f"the run {folder} has the format {number}, and this archdsl reads {FORMAT}",
            help="use the newer archdsl that wrote it" if newer else remedy(folder),
        )
    return found
