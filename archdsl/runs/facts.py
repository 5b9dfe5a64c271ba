"""What a run's net was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.registry.shapes import Ids
from archdsl.words.tasks import CLASSIFICATION, Task, recorded


@dataclass(frozen=True)
class Facts:
    """What a run's net was given: the shape of an image, the names of the classes, and the mean and standard deviation of each
    channel (of pictures: of the pixels as numbers from 0 to 1). Of a table also the columns in their order and the one of
    the classes; None in runs of older versions.
    """

    input: tuple[int, ...]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    columns: tuple[str, ...] | None = None
    target: str | None = None
    task: Task = CLASSIFICATION


def facts_of(settings: Mapping[str, Any]) -> Facts:
    """The facts in the recorded settings of a run.

    Raises:
        KeyError, TypeError, ValueError: the settings do not say them.
    """
    mean, std = (tuple(float(v) for v in settings["normalise"][k]) for k in ("mean", "std"))
    columns = settings.get("columns")
    shape, vocabulary = tuple(int(v) for v in settings["data"]["input"]), settings["data"].get("vocabulary")
    return Facts(
        Ids(shape[0], int(vocabulary)) if vocabulary is not None else shape,
        tuple(str(c) for c in settings["classes"]),
        mean,
        std,
        tuple(str(c) for c in columns) if columns is not None else None,
        settings.get("target"),
        recorded(settings.get("task")),
    )
