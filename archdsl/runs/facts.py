"""What a run's net was given."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.words.tasks import CLASSIFICATION, Task


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
