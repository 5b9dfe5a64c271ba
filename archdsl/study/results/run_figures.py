"""What the metrics may look at of a run of a study, and whether it trained at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import exp, isfinite, lgamma, log, log1p
from pathlib import Path
from typing import Any

from archdsl.errors import EnvError, SpecError, StoreError
from archdsl.notices import notice
from archdsl.runs.measured import keep_measured, read_measured
from archdsl.runs.store.log import read_events
from archdsl.words.metrics.base import Metric, OfNet, OfWeights, Score, stored
from archdsl.words.metrics.heads import figures_of
from archdsl.words.tasks import CLASSIFICATION, Several, Task

UNTRAINED = "did not train"
LEVEL = 0.005  # of the tail of the binomial distribution: the upper end of the two-sided 99 % interval


def logged(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """The events of a run. A log that is damaged has none, and that is noted: the figures of the run are in its result."""
    try:
        return tuple(read_events(folder))
    except StoreError as error:
        notice(f"what happened in {folder} is left out: {error.message}; {error.help}")
        return ()


def epochs_of(events: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Those that end an epoch."""
    return tuple(e for e in events if e.get("event") == "epochdone")


@dataclass(frozen=True)
class RunFigures:
    """A finished run: its result, the totals of its network, and the log in its folder."""

    result: Mapping[str, Any]
    totals: Mapping[str, int]
    folder: Path | None = None

    @cached_property
    def epochs(self) -> tuple[Mapping[str, Any], ...]:
        """One record an epoch; none where the log is damaged."""
        return epochs_of(self._events)

    @cached_property
    def _events(self) -> tuple[Mapping[str, Any], ...]:
        return logged(self.folder) if self.folder is not None else ()

    def measured(self, metric: OfNet) -> float | None:
        """A figure of the trained net: the one that is kept, else measured now and kept. None where the net has none, or where
        its weights or its data are not here. An arm that evaluates has none: its net is not the one that the run keeps.
        """
        if self.folder is None or "evaluation" in self.result:
            return None
        known = read_measured(self.folder, self.result)
        if metric.name in known:
            return known[metric.name]
        from archdsl.evaluate.measured import measure  # imports torch

        try:
            value = measure(self.folder, metric)
        except (EnvError, StoreError, SpecError):
            return None
        keep_measured(self.folder, self.result, metric.name, value)
        return value

    def trained(self, classes: int, task: Task = CLASSIFICATION, part: str = "test") -> bool:
        """False where neither the training accuracy of the last epoch nor the test accuracy is above chance: both are at most
        the upper end of the 99 % binomial interval of chance on as many images as the test part has. Chance is the fraction of
        the commonest class of the test part; 1/classes for a run that has not stored it. Of numbers: where R² is not above 0.
        Of several heads: where that is so of each.

        Args:
            part: ``valid`` for the figures of the validation part in the place of those of the test part.
        """
        if not task.whole:
            return True  # the places of one image depend on each other, so that the binomial test is not valid
        if isinstance(task, Several):
            return any(self._of_head(h.name).trained(len(h.classes), h.task, part) for h in task.heads)
        if not task.counted:
            return (stored(self, f"{part}_r2") or 0.0) > 0
        accuracies = [stored(self, name) for name in (f"{part}_accuracy", "train_accuracy")]
        best = max((a for a in accuracies if a is not None), default=1.0)
        chance = stored(self, f"{part}_chance") or 1 / classes
        if best <= chance:
            return False
        started: Mapping[str, Any] = next((e for e in self._events if e.get("event") == "started"), {})
        images = started.get(f"{part}_images") or 0
        return not images or tail(round(best * images), images, chance) <= LEVEL

    def _of_head(self, name: str) -> RunFigures:
        """What the run says of one of several heads; its log is that of all."""
        return RunFigures(figures_of(name, self.result), self.totals, self.folder)


def figure_of(word: Metric, run: RunFigures) -> float | None:
    """The figure of a finished run; None where it has none, or none that is a number."""
    value = word.of(run)
    return value if value is not None and isfinite(value) else None


def is_no_number(word: Metric, run: RunFigures) -> bool:
    """Whether the figure of a run was NaN or infinite, for which a file has null. What is computed at the end of a run and is
    not defined for it is not in the file at all.
    """
    value = word.of(run)
    lost = isinstance(word, Score | OfWeights) and word.name in run.result and run.result[word.name] is None
    return lost or (value is not None and not isfinite(value))


def tail(hits: int, images: int, chance: float) -> float:
    """The probability of at least so many hits among so many images, where each is one with probability ``chance``."""
    if not 0 < chance < 1:
        return 1.0
    term = exp(
        lgamma(images + 1)
        - lgamma(hits + 1)
        - lgamma(images - hits + 1)
        + hits * log(chance)
        + (images - hits) * log1p(-chance)
    )
    total = 0.0
    for k in range(hits, images + 1):
        total += term
        if k > images * chance and term < 1e-9 * total:
            break
        term *= (images - k) / (k + 1) * chance / (1 - chance)
    return total
