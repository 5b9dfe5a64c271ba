"""A figure of one of several heads of a network: ``test_kind_accuracy`` is the ``test_accuracy`` of the head ``kind``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.registry import setting
from archdsl.words.metrics.base import Metric, OfNet, OfPart, RunFigures, Unit
from archdsl.words.tasks import Several, Task


@setting
class OfHead(Metric):
    """The figure ``inner`` of the head ``head``. It is not registered: its name has the head between part and word."""

    head: str
    inner: OfPart

    @property
    def word(self) -> str:
        """The name of the entry of ``inner``."""
        return self.inner.word

    @property
    def name(self) -> str:
        """The part, the head, and the word."""
        return f"{self.inner.part}_{self.head}_{self.word}"

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return f"{self.inner.part} {self.head} {self.title or self.word}".replace("_", " ")

    @property
    def title(self) -> str:  # type: ignore[override]
        """What tables call the word."""
        return self.inner.title

    @property
    def unit(self) -> Unit:  # type: ignore[override]
        """That of ``inner``, as all that follows."""
        return self.inner.unit

    @property
    def higher(self) -> bool:  # type: ignore[override]
        """Whether more is better."""
        return self.inner.higher

    @property
    def on(self) -> str:  # type: ignore[override]
        """The part of the images."""
        return self.inner.on

    @property
    def counted(self) -> bool:  # type: ignore[override]
        """Whether it is a number of images divided by all images."""
        return self.inner.counted

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """The unit that axes show."""
        return self.inner.symbol

    def chance_in(self, task: Task, classes: int) -> float | None:
        """That of ``inner`` in the task of the head."""
        heads = task.heads if isinstance(task, Several) else ()
        own = next((h for h in heads if h.name == self.head), None)
        return self.inner.chance_in(own.task, len(own.classes)) if own is not None else None

    def of(self, run: RunFigures) -> float | None:
        """What ``inner`` finds among the figures of the head."""
        return self.inner.of(_Head(run, self.head))


def figures_of(head: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a head among those of a run, by the names that a network of this head alone has."""
    starts = {f"{part}_{head}_": f"{part}_" for part in ("test", "valid", "train")}
    return {
        part + name.removeprefix(start): value
        for name, value in result.items()
        for start, part in starts.items()
        if name.startswith(start) and "_" not in name.removeprefix(start)  # not of a head whose name begins alike
    }


def never_has(metric: Metric, task: Task) -> tuple[str, str] | None:
    """Why a network for a task never has a figure, as far as heads are concerned, and the remedy; None where it may have it."""
    heads = list(task.sizes) if isinstance(task, Several) else []
    if isinstance(metric, OfHead):
        remedy = f"the heads are {', '.join(heads)}" if heads else "take a metric of the one output"
        return None if metric.head in heads else (f"is of the head {metric.head}", remedy)
    if heads and isinstance(metric, OfPart) and not metric.of_heads:
        named = f"name the head, as in {metric.part}_{heads[0]}_{metric.word}"
        return "is of one output", f"{named}, or take {metric.part}_loss"
    return None


@dataclass(frozen=True)
class _Head:
    """A run as one of its heads sees it: ``test_kind_accuracy`` is its ``test_accuracy``, and there is nothing else."""

    run: RunFigures
    head: str

    @property
    def result(self) -> Mapping[str, Any]:
        return figures_of(self.head, self.run.result)

    @property
    def totals(self) -> Mapping[str, int]:
        return self.run.totals

    @property
    def epochs(self) -> Sequence[Mapping[str, Any]]:
        return ()

    def measured(self, metric: OfNet) -> float | None:
        return None
