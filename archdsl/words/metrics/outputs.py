"""Scores of outputs that are not one class an image: numbers, pixels, tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from archdsl.registry import metric_word, setting
from archdsl.words.metrics.base import OfPart, RunFigures, Score, Unit, likelihood
from archdsl.words.tasks import Task


class OfNumbers(Score):
    """A score of predicted numbers. With several targets it is the mean over them, each in its standard deviations."""

    __slots__ = ()
    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def chance_in(self, task: Task, classes: int) -> float | None:
        """That of the means of the targets."""
        return self.chance(classes)


class OfSquares(OfNumbers):
    """A score made of the squared errors."""

    __slots__ = ()

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """The sum of the squares over the rows."""
        return (log_probs - labels).square().mean(1).sum()[None]


@metric_word("test_mse", "valid_mse")
@setting
class Mse(OfSquares):
    """The mean squared error, in the squared unit of the target; with several targets in their standard deviations."""

    part: Literal["test", "valid"]
    title: ClassVar[str] = "MSE"
    units: ClassVar[int] = 2


@metric_word("test_rmse", "valid_rmse")
@setting
class Rmse(OfSquares):
    """The root of the mean squared error, in the unit of the target; with several targets in their standard deviations."""

    part: Literal["test", "valid"]
    title: ClassVar[str] = "RMSE"
    units: ClassVar[int] = 1

    def figure(self, sums: Sequence[float], images: int) -> float:
        """The root of the mean."""
        return math.sqrt(sums[0] / images)


@metric_word("test_mae", "valid_mae")
@setting
class Mae(OfNumbers):
    """The mean absolute error, in the unit of the target; with several targets in their standard deviations."""

    part: Literal["test", "valid"]
    title: ClassVar[str] = "MAE"
    units: ClassVar[int] = 1

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """The sum over the rows."""
        return (log_probs - labels).abs().mean(1).sum()[None]


@metric_word("test_r2", "valid_r2", unpublished="the coefficient of determination")
@setting
class R2(OfNumbers):
    """The coefficient of determination: 1 less the squared error divided by the variance of the target in this part.

    A prediction without error has 1, the mean of the part 0. With several targets it is the mean over them. It is not defined
    where a target is constant.
    """

    part: Literal["test", "valid"]
    title: ClassVar[str] = "R²"
    higher: ClassVar[bool] = True

    def chance(self, classes: int) -> float:
        """That of the mean."""
        return 0.0

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """Of each target the squared errors, the values and their squares, (3·T,)."""
        labels = labels.to(log_probs.dtype)  # the spread is a small difference of large sums
        return torch.cat(((log_probs - labels).square().sum(0), labels.sum(0), labels.square().sum(0)))

    def figure(self, sums: Sequence[float], images: int) -> float | None:
        """The mean over the targets."""
        count = len(sums) // 3
        errors, values, squares = sums[:count], sums[count : 2 * count], sums[2 * count :]
        spread = [square - value * value / images for value, square in zip(values, squares, strict=True)]
        if min(spread) <= 1e-12 * max(1.0, *squares):
            return None
        return sum(1 - error / whole for error, whole in zip(errors, spread, strict=True)) / count


@metric_word("test_miou", "valid_miou", paper="Everingham et al. 2010; Long et al. 2015, arXiv:1411.4038")
@setting
class Miou(Score):
    """The intersection over union of a class, the mean over the classes.

    Of each class it is the pixels of it that are found, divided by those that are of the class, predicted as it, or both. Classes
    that are neither in the images nor in the predictions do not count.
    """

    part: Literal["test", "valid"]
    title: ClassVar[str] = "mIoU"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    unit: ClassVar[Unit] = "percent"
    higher: ClassVar[bool] = True

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """Of each class the pixels that are found, of the class, and predicted as it, (3·classes,)."""
        chosen, classes = log_probs.argmax(1), log_probs.shape[1]
        counts = [torch.bincount(v, minlength=classes) for v in (labels[chosen == labels], labels, chosen)]
        return torch.cat(counts).to(log_probs.dtype)

    def figure(self, sums: Sequence[float], images: int) -> float | None:
        """The mean over the classes."""
        count = len(sums) // 3
        found = zip(sums[:count], sums[count : 2 * count], sums[2 * count :], strict=True)
        each = [hits / (own + chosen - hits) for hits, own, chosen in found if own + chosen]
        return sum(each) / len(each) if each else None


@metric_word("test_perplexity", "valid_perplexity", paper="Jelinek et al. 1977")
@setting
class Perplexity(OfPart):
    """The exponential of the mean negative log-likelihood of an item: of a token, for a language model."""

    part: Literal["test", "valid"]

    def chance(self, classes: int) -> float:
        """The number of classes."""
        return float(classes)

    def of(self, run: RunFigures) -> float | None:
        """From the cross-entropy that the run has stored; a net of numbers or of several heads has none."""
        loss = likelihood(run, self.part)
        return math.exp(min(loss, 700.0)) if loss is not None else None
