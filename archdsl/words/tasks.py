"""What the output of a network is for: the task. A task says which shape the output has, and how it is compared with targets.

A data set has a task; a text without one states it (`task segmentation`). To add a task, derive from ``Task`` in
``task_kinds``, and name it in ``TASKS`` here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from archdsl.registry.value import Value, setting
from archdsl.words.task_kinds import IGNORED as IGNORED
from archdsl.words.task_kinds import Classification as Classification
from archdsl.words.task_kinds import Features as Features
from archdsl.words.task_kinds import Places as Places
from archdsl.words.task_kinds import Regression as Regression
from archdsl.words.task_kinds import Segmentation as Segmentation
from archdsl.words.task_kinds import Task as Task
from archdsl.words.task_kinds import Tokens as Tokens

if TYPE_CHECKING:
    from archdsl.registry.types import Shape


@setting
class HeadTask(Value):
    """What one of several heads is for. ``classes`` are the names of its classes, or the name of its number."""

    name: str
    task: Task
    classes: tuple[str, ...]


@setting
class Several(Task):
    """Several heads on one trunk, each with a task of its own (Caruana 1997); the network gives a vector, the values of the
    heads side by side. The loss is the sum of theirs, each times its weight.

    heads: in the order of the vector; empty where nothing says what they are for, as in a text without data.
    weights: of their losses; empty where each is 1.
    """

    name: ClassVar[str] = "heads"
    predicts: ClassVar[str] = "heads"
    item: ClassVar[str] = "example"

    heads: tuple[HeadTask, ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def reported(self) -> tuple[str, ...]:  # type: ignore[override]
        """The loss, and what is reported of each head."""
        each = (name.replace("test_", f"test_{h.name}_", 1) for h in self.heads for name in h.task.reported)
        return ("test_loss", *each)

    @property
    def ends(self) -> str:  # type: ignore[override]
        """The heads that the data has targets for."""
        return f"end it with `heads({' | '.join(f'{h.name}: linear(classes)' for h in self.heads)})`"

    @property
    def sizes(self) -> dict[str, int]:
        """How many values each head gives, by its name."""
        return {h.name: len(h.classes) for h in self.heads}

    @property
    def unfitted(self) -> Several:
        """What the data says by itself: without the weights, means and deviations of a run."""
        return Several(tuple(HeadTask(h.name, type(h.task)(), h.classes) for h in self.heads))

    def wanted(self, input: Shape, classes: int) -> str:
        """In words."""
        each = (f"`{h.name}` ({f'{len(h.classes)} classes' if h.task.counted else 'a number'})" for h in self.heads)
        return f"there are targets for the heads {', '.join(each)}"

    def weight(self, number: int) -> float:
        """Of the loss of a head, by its place."""
        return self.weights[number] if self.weights else 1.0

    def parts(self, output: Any) -> list[Any]:
        """The output (N, classes) cut into that of each head."""
        return list(output.split(list(self.sizes.values()), 1))

    def each(self, output: Any, targets: Any) -> Iterator[tuple[HeadTask, Any, Any]]:
        """Each head with its output (N, C) and its targets: (N,) int64 of classes, (N, 1) of a number.

        Args:
            output: (N, classes).
            targets: (N, heads), a column for each head; labels are whole numbers in it.
        """
        for number, (head, own) in enumerate(zip(self.heads, self.parts(output), strict=True)):
            yield head, own, targets[:, number].long() if head.task.counted else targets[:, number : number + 1]


CLASSIFICATION = Classification()
TASKS: dict[str, Task] = {
    task.name: task for task in (CLASSIFICATION, Regression(), Segmentation(), Tokens(), Several(), Features())
}


def task_of(dataset: object) -> Task:
    """The task of a data set; classification where it says nothing."""
    task = getattr(dataset, "task", CLASSIFICATION)
    return task if isinstance(task, Task) else CLASSIFICATION


def record(task: Task) -> dict[str, Any] | None:
    """The task as plain values, for the record of a run; None for the default."""
    if task == CLASSIFICATION:
        return None
    if isinstance(task, Several):
        heads = [{"name": h.name, "classes": list(h.classes), "task": record(h.task)} for h in task.heads]
        return {"name": task.name, "heads": heads, "weights": list(task.weights)}
    return {"name": task.name, **{f.name: list(getattr(task, f.name)) for f in fields(task)}}


def recorded(values: Any) -> Task:
    """The task in the record of a run.

    Raises:
        ValueError, TypeError, KeyError: it is damaged.
    """
    if values is None:
        return CLASSIFICATION
    task = TASKS[values["name"]]
    if isinstance(task, Several):
        heads = ((h["name"], recorded(h["task"]), tuple(map(str, h["classes"]))) for h in values["heads"])
        return Several(tuple(HeadTask(*h) for h in heads), tuple(map(float, values["weights"])))
    return replace(task, **{f.name: tuple(float(v) for v in values[f.name]) for f in fields(task)})
