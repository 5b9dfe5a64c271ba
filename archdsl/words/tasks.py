"""What the output of a network is for: the task. A task says which shape the output has, and how it is compared with targets.

A data set has a task; a text without one states it (`task segmentation`). To add a task, derive from ``Task`` here. Methods
that compute get tensors and use their methods alone, so that this file imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from archdsl.registry.value import Value, setting

if TYPE_CHECKING:
    from archdsl.registry.types import Shape

IGNORED = -1  # the label of a pixel or token that counts neither in the loss nor in a score


@setting
class Task(Value):
    """A task. What a class does not declare, it does not get: no default head, no mixed images, no accuracy.

    name: what `task` takes.
    item: what the loss is a mean over, and what an accuracy counts.
    headed: a network that ends in an image or in tokens gets the head ``gap linear(classes)``.
    counted: each item has one class, so that there is an accuracy.
    whole: an item is an image or row as a whole; else it is one of its places.
    simple: what is made for one class an image applies: mixed images, averaged views, seeds trained as one net, captured
        steps, a record of which images were classified correctly.
    trained: there are data sets for it.
    ahead: targets are later parts of the input, which the network must not see.
    metric: that a study compares.
    reported: the metrics that a finished run reports in a line.
    predicts: what a prediction is, a kind of ``archdsl.cli.support.predictions``; empty: there are none.
    """

    name: ClassVar[str] = ""
    item: ClassVar[str] = "image"
    headed: ClassVar[bool] = False
    counted: ClassVar[bool] = False
    whole: ClassVar[bool] = True
    simple: ClassVar[bool] = False
    trained: ClassVar[bool] = True
    ahead: ClassVar[bool] = False
    metric: ClassVar[str] = "test_loss"
    reported: ClassVar[tuple[str, ...]] = ("test_accuracy",)
    predicts: ClassVar[str] = ""
    ends: ClassVar[str] = ""  # a remedy: how a network for it ends
    outputs: ClassVar[str] = "classes"  # what the numbers at a place of the output are

    def output(self, input: Shape, classes: int) -> Shape | None:
        """The shape that the network has to give, without the batch; None for any."""
        return (classes,)

    def wanted(self, input: Shape, classes: int) -> str:
        """The same in words."""
        return f"there are {classes} {self.outputs}"

    @property
    def unit(self) -> float:
        """What a difference of two outputs is multiplied by to have the unit of the targets."""
        return 1.0

    def rows(self, output: Any) -> Any:
        """The output (N, *shape) with an item a row: (M, classes)."""
        return output

    def items(self, output: Any, targets: Any) -> tuple[Any, Any]:
        """Output and targets with an item a row: (M, classes), and (M,) or (M, classes).

        Args:
            output: (N, *shape of ``output``).
            targets: (N,) int64 for images as a whole, (N, *places) int64 for places, (N, classes) float32 for numbers.
        """
        return self.rows(output), targets


@setting
class Classification(Task):
    """Each image or row has one class; the network gives a vector of one logit a class."""

    name: ClassVar[str] = "classification"
    predicts: ClassVar[str] = "class"
    headed: ClassVar[bool] = True
    counted: ClassVar[bool] = True
    simple: ClassVar[bool] = True
    metric: ClassVar[str] = "test_accuracy"
    ends: ClassVar[str] = "end it with `linear(classes)`"


@setting
class Regression(Task):
    """Each row has one number or several; the network gives one value for each. Targets are standardised for training.

    mean, std: of the training targets, in their own units; a value of the network is (target - mean) / std.
    """

    name: ClassVar[str] = "regression"
    predicts: ClassVar[str] = "numbers"
    item: ClassVar[str] = "row"
    headed: ClassVar[bool] = True
    metric: ClassVar[str] = "test_r2"
    reported: ClassVar[tuple[str, ...]] = ("test_r2", "test_rmse", "test_mae")
    ends: ClassVar[str] = "end it with `linear(classes)`, where `classes` is the number of targets"
    outputs: ClassVar[str] = "numbers to predict"

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def unit(self) -> float:
        """What a difference of standardised values is multiplied by: the standard deviation of a single target; 1 where there
        are several, whose units differ."""
        return self.std[0] if len(self.std) == 1 else 1.0


@setting
class Places(Task):
    """Each place of an example has a class of its own."""

    counted: ClassVar[bool] = True
    whole: ClassVar[bool] = False
    metric: ClassVar[str] = "test_accuracy"

    def items(self, output: Any, targets: Any) -> tuple[Any, Any]:
        """A place a row; those that are ignored are left in."""
        return self.rows(output), targets.flatten()


@setting
class Segmentation(Places):
    """Each pixel of an image has a class; the network gives an image of one channel a class, as high and wide as its input."""

    name: ClassVar[str] = "segmentation"
    predicts: ClassVar[str] = "mask"
    item: ClassVar[str] = "pixel"
    metric: ClassVar[str] = "test_miou"
    reported: ClassVar[tuple[str, ...]] = ("test_miou", "test_accuracy")
    ends: ClassVar[str] = "end it with `conv(classes, 1)`, at the size of its input"

    def output(self, input: Shape, classes: int) -> Shape | None:
        """(classes, height, width) of the input."""
        return (classes, *input[1:])

    def wanted(self, input: Shape, classes: int) -> str:
        """In words."""
        return f"each pixel of {'x'.join(map(str, input[1:]))} has one of {classes} classes"

    def rows(self, output: Any) -> Any:
        """A pixel a row."""
        return output.flatten(2).transpose(1, 2).flatten(0, 1)


@setting
class Tokens(Places):
    """Each token of a sequence has a class, the token that follows; the network gives one vector a token."""

    name: ClassVar[str] = "tokens"
    predicts: ClassVar[str] = "continuation"
    item: ClassVar[str] = "token"
    ahead: ClassVar[bool] = True
    metric: ClassVar[str] = "test_loss"
    reported: ClassVar[tuple[str, ...]] = ("test_loss", "test_perplexity", "test_accuracy")
    ends: ClassVar[str] = "end it with `linear(classes)`"

    def output(self, input: Shape, classes: int) -> Shape | None:
        """(length, classes)."""
        return (input[0], classes)

    def wanted(self, input: Shape, classes: int) -> str:
        """In words."""
        return f"each of {input[0]} tokens has one of {classes} classes"

    def rows(self, output: Any) -> Any:
        """A token a row."""
        return output.flatten(0, 1)


@setting
class Features(Task):
    """The output is used elsewhere, and may have any shape: a backbone, an embedding. Nothing trains it here."""

    name: ClassVar[str] = "features"
    trained: ClassVar[bool] = False

    def output(self, input: Shape, classes: int) -> Shape | None:
        """Any shape."""
        return None


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
        return Several(tuple(HeadTask(h.name, TASKS[h.task.name], h.classes) for h in self.heads))

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
