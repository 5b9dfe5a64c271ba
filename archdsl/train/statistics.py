"""The statistics of a run's training data: of its inputs, and of targets that are numbers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data import Arrays, Splits
from archdsl.data.measured import streamed
from archdsl.data.normalise import fitted, measured, standardised
from archdsl.data.targets import listed
from archdsl.emit.normal import coefficients
from archdsl.errors import StoreError
from archdsl.report.numbers import many
from archdsl.settings.experiment import DataSettings, TrainSettings
from archdsl.settings.task_checks import weighed
from archdsl.words.data.tables import Table
from archdsl.words.tasks import IGNORED, Task, task_of
from archdsl.words.train.kinds import Loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archdsl.runs.run import Run

    Floats = tuple[float, ...]


def targets(data: DataSettings, settings: TrainSettings, splits: Splits) -> tuple[Task, Splits]:
    """The task, and the splits with targets as the net is to give them."""
    task = weighed(task_of(data.dataset), settings)
    if not isinstance(splits.train, Arrays):
        return task, splits
    task = fitted(task, splits.train)
    train, test = (standardised(task, p) if isinstance(p, Arrays) else p for p in (splits.train, splits.test))
    valid = standardised(task, splits.valid) if isinstance(splits.valid, Arrays) else splits.valid
    return task, replace(splits, train=train, valid=valid, test=test)


def with_counts(settings: TrainSettings, labels: NDArray[Any], names: tuple[str, ...]) -> tuple[TrainSettings, str]:
    """The settings with a loss that knows how many training items each class has, where it asks, and a note on it.

    Args:
        labels: (N,) or (N, *places), of the training part.
        names: of the classes.
    """
    slot, loss = next(((s, w) for s, w in settings.words() if isinstance(w, Loss) and w.counts), ("", None))
    if loss is None:
        return settings, ""
    numbers = np.bincount(labels[labels != IGNORED], minlength=len(names))
    counted = loss.counted(tuple(numbers.tolist()))
    return replace(settings, **{slot: counted}), counted.said(names)  # type: ignore[arg-type]


def statistics(data: DataSettings, splits: Splits, begun: Run | None = None) -> tuple[Floats, Floats, str]:
    """Mean and standard deviation that the set publishes, else measured on the training part; and a note on them.

    Args:
        begun: the run that is resumed; it keeps its own.

    Raises:
        EnvError: a picture does not decode.
    """
    mean, std = getattr(data.dataset, "mean", None), getattr(data.dataset, "std", None)
    if mean and std:
        return mean, std, ""
    if not isinstance(splits.train, Arrays):
        found = _recorded(begun) or streamed(splits.train, data.fingerprint)
        return *found, "the pictures do not fit into memory: each is read when it is needed"
    mean, std = _recorded(begun) or measured(splits.train)
    return mean, std, _lost(data.dataset, splits.train, mean, std)


def _recorded(begun: Run | None) -> tuple[Floats, Floats] | None:
    """What a run has recorded; None where there is none, or its settings are damaged and will be written again."""
    with suppress(StoreError):
        return (begun.facts.mean, begun.facts.std) if begun is not None else None
    return None


def _lost(dataset: object, train: Arrays, mean: Floats, std: Floats) -> str:
    """A warning of columns that vary, and too little to be standardised."""
    if not isinstance(dataset, Table):
        return ""
    flat = (coefficients(mean, std, 1)[0] == 0).numpy() & (np.ptp(train.images, axis=0) > 0)
    names = [dataset.head.features[place] for place in np.flatnonzero(flat)]
    if not names:
        return ""
    which = many(len(names), "feature varies", "features vary")
    why = "by less than a millionth of the mean, which counts as constant, so that the network sees 0"
    return f"warning: {which} {why}; subtract a constant: {listed(names)}"
