"""Scores on images: how often, how sure and how well calibrated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from archdsl.registry import metric_word, setting
from archdsl.words.metrics.base import Metric, OfPart, RunFigures, Score, Unit, likelihood, stored
from archdsl.words.tasks import Several, Task

BINS = 15  # of Guo et al. 2017
TOP = 5
OF_ITEMS = ("classification", "segmentation", "tokens")  # tasks whose items have a class each


@metric_word("test_accuracy", "valid_accuracy", "train_accuracy")
@setting
class Accuracy(OfPart):
    """The fraction of the images whose most probable class is theirs.

    `train_accuracy` is the mean over the last epoch, on augmented images, while the weights changed; the others are of the
    weights that the run keeps.
    """

    part: Literal["test", "valid", "train"]
    unit: ClassVar[Unit] = "percent"
    higher: ClassVar[bool] = True
    counted: ClassVar[bool] = True
    alone: ClassVar[str] = "train"

    def chance(self, classes: int) -> float:
        """One of the classes."""
        return 1 / classes


@metric_word("test_loss", "valid_loss", "train_loss")
@setting
class Loss(OfPart):
    """The mean loss of an image, pixel or token in nats; of numbers the squared error in standard deviations.

    `test_loss` and `valid_loss` are the cross-entropy (or squared error) of the weights that the run keeps, of several heads the
    weighted sum; `train_loss` is what was minimised (with label smoothing and mixing), the mean over the last epoch.
    """

    part: Literal["test", "valid", "train"]
    of_heads: ClassVar[bool] = True
    alone: ClassVar[str] = "train"

    def chance(self, classes: int) -> float:
        """The entropy of the uniform distribution."""
        return math.log(classes)

    def chance_in(self, task: Task, classes: int) -> float | None:
        """Of numbers the variance of standardised ones, which is 1; of several heads the sum of theirs."""
        if isinstance(task, Several):
            each = (self.chance_in(head.task, len(head.classes)) or 0.0 for head in task.heads)
            return sum(task.weight(number) * chance for number, chance in enumerate(each))
        return self.chance(classes) if task.counted else 1.0


@metric_word("best_valid_accuracy", name="best_valid_accuracy")
@setting
class BestValidAccuracy(Metric):
    """The largest validation accuracy of all epochs."""

    unit: ClassVar[Unit] = "percent"
    higher: ClassVar[bool] = True
    on: ClassVar[str] = "valid"

    def chance(self, classes: int) -> float:
        """One of the classes."""
        return 1 / classes

    def of(self, run: RunFigures) -> float | None:
        """By the epochs that are logged: runs store the accuracy of their best epoch, which `patience` may choose by the loss."""
        best = stored(run, self.name)
        each = (r.get(self.on + "_accuracy") for r in run.epochs) if best is not None else ()
        return max((float(a) for a in (best, *each) if isinstance(a, int | float)), default=None)


@metric_word("test_nll", "valid_nll")
@setting
class Nll(OfPart):
    """The negative log-likelihood of an image's class, the mean over the images, in nats.

    Runs store it as `test_loss` and `valid_loss`.
    """

    part: Literal["test", "valid"]
    title: ClassVar[str] = "NLL"
    symbol: ClassVar[str] = "nats"

    def chance(self, classes: int) -> float:
        """The entropy of the uniform distribution."""
        return math.log(classes)

    def of(self, run: RunFigures) -> float | None:
        """The cross-entropy that the run has stored; a net of numbers or of several heads has none."""
        return likelihood(run, self.part)


@metric_word("test_brier", "valid_brier", paper="Brier 1950")
@setting
class Brier(Score):
    """The squared distance of the probabilities from the one-hot class, summed over classes; from 0 to 2."""

    part: Literal["test", "valid"]
    tasks: ClassVar[tuple[str, ...]] = OF_ITEMS
    title: ClassVar[str] = "Brier score"

    def chance(self, classes: int) -> float:
        """The distance of the uniform distribution."""
        return 1 - 1 / classes

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """The sum over the images."""
        probs = log_probs.exp()
        own = probs.gather(1, labels[:, None])[:, 0]
        return (probs.square().sum(1) - 2 * own + 1).sum()[None]


@metric_word("test_ece", "valid_ece", paper="Guo et al. 2017, arXiv:1706.04599")
@setting
class Ece(Score):
    """The expected calibration error: the distance of confidence from accuracy.

    It is the mean over 15 bins of equal width of the largest probability, weighted by their images.
    """

    part: Literal["test", "valid"]
    tasks: ClassVar[tuple[str, ...]] = OF_ITEMS
    title: ClassVar[str] = "ECE"
    unit: ClassVar[Unit] = "percent"

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """Confidence less hits of each bin, (15,)."""
        confidence, chosen = log_probs.exp().max(1)
        edges = torch.linspace(0, 1, BINS + 1, dtype=confidence.dtype, device=confidence.device)[1:-1]
        bins = (confidence[:, None] > edges).sum(1)  # a NaN falls into the first bin
        inside = bins[:, None] == torch.arange(BINS, device=bins.device)
        over = confidence - (chosen == labels).to(confidence.dtype)
        return torch.where(inside, over[:, None], 0).sum(0)

    def figure(self, sums: Sequence[float], images: int) -> float:
        """The mean distance."""
        return sum(map(abs, sums)) / images


@metric_word("test_entropy", "valid_entropy", paper="Gal & Ghahramani 2016, arXiv:1506.02142")
@setting
class Entropy(OfPart):
    """The entropy of the predicted probabilities, the mean over the images, in nats: the whole uncertainty.

    It is measured by an evaluation (`evaluate mc(20)`): of the mean probabilities where there are several passes.
    """

    part: Literal["test", "valid"]
    symbol: ClassVar[str] = "nats"

    def chance(self, classes: int) -> float:
        """The entropy of the uniform distribution."""
        return math.log(classes)


@metric_word("test_information", "valid_information", paper="Houlsby et al. 2011, arXiv:1112.5745")
@setting
class Information(OfPart):
    """The mutual information of the prediction and the weights, the mean over the images, in nats.

    It is the entropy of the mean probabilities less the mean entropy of single passes, and is measured by Monte Carlo dropout
    (`evaluate mc(20)`): the part of the uncertainty that more training data could remove.
    """

    part: Literal["test", "valid"]
    symbol: ClassVar[str] = "nats"


@metric_word("test_top5", "valid_top5")
@setting
class Top5(Score):
    """The fraction of the images whose class is among the five most probable ones; not defined for five classes or fewer."""

    part: Literal["test", "valid"]
    tasks: ClassVar[tuple[str, ...]] = OF_ITEMS
    title: ClassVar[str] = "top-5 accuracy"
    unit: ClassVar[Unit] = "percent"
    higher: ClassVar[bool] = True
    counted: ClassVar[bool] = True

    def chance(self, classes: int) -> float | None:
        """Five of the classes."""
        return TOP / classes if classes > TOP else None

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """Hits, and the images of problems that have five classes or fewer."""
        classes = log_probs.shape[1]
        top = log_probs.topk(min(TOP, classes), 1).indices
        hits = (top == labels[:, None]).any(1).to(log_probs.dtype).sum()
        return torch.stack((hits, hits.new_tensor(len(labels) if classes <= TOP else 0)))

    def figure(self, sums: Sequence[float], images: int) -> float | None:
        """The fraction, where there are more than five classes."""
        return None if sums[1] else sums[0] / images


@metric_word("test_chance")
@setting
class Chance(Score):
    """The fraction of the images that are of the commonest class: the accuracy of an answer that is always the same."""

    part: Literal["test", "valid"]
    tasks: ClassVar[tuple[str, ...]] = OF_ITEMS
    unit: ClassVar[Unit] = "percent"
    higher: ClassVar[bool] = True

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """Images by class."""
        classes = torch.arange(log_probs.shape[1], device=labels.device)
        return (labels[:, None] == classes).sum(0).to(log_probs.dtype)

    def figure(self, sums: Sequence[float], images: int) -> float:
        """The largest fraction."""
        return max(sums) / images


@metric_word("gap", "gap(loss)")
@setting
class Gap(Metric):
    """The generalisation gap: training accuracy less test accuracy, or test loss less training loss.

    The training figures are those of the last epoch, on augmented images, while the weights changed.
    """

    figure: Literal["accuracy", "loss"] = "accuracy"

    @property
    def unit(self) -> Unit:  # type: ignore[override]
        """Percent of accuracies."""
        return "percent" if self.figure == "accuracy" else "float"

    @property
    def name(self) -> str:
        """``gap`` or ``gap(loss)``."""
        return "gap" if self.figure == "accuracy" else "gap(loss)"

    @property
    def label(self) -> str:
        """In words."""
        return "generalisation gap" if self.figure == "accuracy" else "generalisation gap of the loss"

    def of(self, run: RunFigures) -> float | None:
        """The difference of two stored figures."""
        train, test = (stored(run, f"{part}_{self.figure}") for part in ("train", "test"))
        if train is None or test is None:
            return None
        return train - test if self.figure == "accuracy" else test - train
