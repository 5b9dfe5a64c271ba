"""The folder of runs that a study means where none is given. Loads no torch."""

from __future__ import annotations

import os
from pathlib import Path

from archdsl.study.execute.looks import STUDIES
from archdsl.study.execute.select import STUDY


def runs_of(study: str, runs: Path | None) -> Path:
    """The folder of runs that is given; else, where a study is given by its own folder, the one that this folder is in."""
    given = Path(study)
    if runs is not None or not study or not os.path.isfile(given / STUDY):
        return runs or Path("runs")
    folder, near = given.resolve(), given.parent.parent
    if folder.parent.name != STUDIES:
        return Path("runs")
    return near if near.resolve() == folder.parent.parent else folder.parent.parent  # a link, or `.` in the folder
