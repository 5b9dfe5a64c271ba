"""The tasks of a network with one output. To add one, derive from ``Task`` here, and name it in ``tasks.TASKS``. Methods
that compute get tensors and use their methods alone, so that this file imports no torch.
"""

from __future__ import annotations

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
