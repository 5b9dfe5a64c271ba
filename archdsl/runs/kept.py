"""Data of one's own that is gone: what the runs on it have recorded, so that their results can be shown. Loads no torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.errors import ArchError
from archdsl.runs.run import SETTINGS, Run, load_run, read_settings
from archdsl.words.data.heads import own_path
from archdsl.words.data.values import Kept, Own
from archdsl.words.tasks import Several

if TYPE_CHECKING:
    from archdsl.expand.graph import Setting
    from archdsl.runs.facts import Facts
    from archdsl.words.data.values import Dataset, Own


def gone(path: Path) -> bool:
    """Whether nothing is at the path of a data set, or an empty folder."""
    return not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir()))


def kept(data: Iterable[Setting], runs: Path) -> tuple[Setting, ...]:
    """The words of a ``data`` statement, where a data set that is gone has what the runs in a folder recorded of it; the
    same words where it is there, or where no run knows it.
    """
    return tuple(
        replace(word, value=recorded(word.value, runs)) if isinstance(word.value, Own) else word for word in data
    )


def recorded(dataset: Own, runs: Path) -> Own:
    """The data set with what most of its runs have recorded, where it is gone. Runs on data of the same place count before
    those on data of the same name elsewhere.
    """
    if not gone(own_path(dataset.path)):
        return dataset
    found = _most(dataset, runs, runs.stat().st_mtime_ns) if runs.is_dir() else None
    return replace(dataset, kept=found) if found is not None else dataset  # type: ignore[type-var]


@lru_cache(maxsize=8)  # a study asks for each of its arms
def _most(dataset: Own, runs: Path, changed: int) -> Kept | None:
    counts = Counter(_held(run.facts) for run in of_place(dataset, list(_on(dataset, runs))))
    return counts.most_common(1)[0][0] if counts else None


def _held(facts: Facts) -> Kept:
    return Kept(facts.input, facts.classes, facts.task.unfitted if isinstance(facts.task, Several) else None)


def of_place(dataset: Dataset | Own, runs: Sequence[Run]) -> Sequence[Run]:
    """Of runs on data of one's own, those whose data was at the place of this data set; all of them where none was."""
    if not isinstance(dataset, Own):
        return runs
    place = os.path.abspath(own_path(dataset.path))
    return [run for run in runs if run.settings.get("place") == place] or runs


def _on(dataset: Own, runs: Path) -> Iterable[Run]:
    """The finished runs on data of this name that say what it held."""
    for settings in sorted(runs.glob(f"*/{SETTINGS}")):
        with suppress(ArchError, OSError, ValueError):
            data = read_settings(settings.parent).get("data")
            if isinstance(data, dict) and data.get("dataset") == dataset.name:
                run = load_run(settings.parent)
                if run.done and run.fingerprint and run.declared is not None:
                    yield run
