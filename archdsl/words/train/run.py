"""Length, batches and end of a run: how long, how much at once, from which seed, and what ends it."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from archdsl.registry import setting, train_word
from archdsl.registry.types import Count, Natural, NonNegative, Positive
from archdsl.words.train.kinds import TrainWord


@train_word("adam epochs(20)", slot="epochs", unpublished="a length")
def epochs(count: Count) -> int:
    """How many times every training image is seen (10 by default)."""
    return count


@train_word("adam steps(1000)", slot="steps", unpublished="a length")
def steps(count: Count) -> int:
    """Ends the run after so many steps; schedules run over these. Beside `epochs`, whichever is shorter."""
    return count


@train_word("adam batch(128)", slot="batch", unpublished="a size")
def batch(size: Count) -> int:
    """How many images a batch takes (128 by default).

    The last batch of an epoch is smaller; where it would be one single image, that image joins the batch
    before.
    """
    return size


@train_word("adam evalbatch(1000)", slot="evalbatch", unpublished="a size")
def evalbatch(size: Count) -> int:
    """How many images a batch of validation and test takes (500 by default); changes time and memory alone."""
    return size


@train_word("adam epochs(20) evaluate_every(1)", slot="evaluate_every", unpublished="a way to look at a run")
def evaluate_every(epochs: Count = 1) -> int:
    """After each so many epochs, loss and accuracy on the test images and on the training images without augmentation.

    They are in the log of the run and in its curves (`archdsl report STUDY --curves`): `test_loss`, `test_accuracy`,
    `train_eval_loss`, `train_eval_accuracy`; and `grad_norm`, that of the gradient of the epoch's last step after penalties and
    clipping, in the log also by parameter. Nothing is decided by them, and the weights are those of a run without this word.
    Seeds are trained one by one.
    """
    return epochs


@train_word("sgd(0.1) batch(64) accumulate(4)", slot="accumulate", unpublished="arithmetic: the gradient of a sum")
def accumulate(batches: Count) -> int:
    """A step takes the gradient of so many batches, for batches that do not fit the memory at once.

    `batch(64) accumulate(4)` steps as `batch(256)` does, but for batch norm, which sees 64 images.
    """
    return batches


@train_word("adam seed(1)", slot="seed", unpublished="a number")
def seed(number: Natural) -> int:
    """The seed of the run (0 by default).

    Weights, order, augmentation, dropout and the validation split follow from it, each by a stream of its
    own.
    """
    return number


@train_word(
    "adam epochs(100) patience(5)",
    "adam patience(10, delta=0.001)",
    "adam patience(5, on=accuracy)",
    slot="patience",
    paper="Prechelt 1998, Early stopping - but when?",
)
@setting
class Patience(TrainWord):
    """Early stopping: ends after so many epochs without a better validation loss, and restores the best weights.

    Better means lower by more than `delta` (of the accuracy, a fraction: higher). Needs images for validation, such as
    `valid(10%)` in the data statement. As many epochs as the run has keep the best weights and stop nothing.
    """

    epochs: Count = 5
    delta: NonNegative = 0.0
    on: Literal["loss", "accuracy"] = "loss"
    needs_validation: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def better(self, figures: tuple[float, float], best: tuple[float, float]) -> bool:
        """Whether an epoch is better than the best one before: each a validation loss and accuracy. Before the first epoch
        the best loss is infinite, and the best accuracy below 0.
        """
        if self.on == "accuracy":
            return figures[1] > best[1] + (self.delta if best[1] >= 0 else 0.0)
        return figures[0] < best[0] - self.delta


@train_word(
    "adam epochs(100) converged(1e-3)",
    "adam epochs(100) converged(1e-6, squared)",
    slot="converged",
    unpublished="the lecture's own criterion",
)
def converged(eps: Positive = 1e-3, squared: bool = False) -> float:
    """Ends when the mean training loss changes by less than `eps` from one epoch to the next.

    With `squared` the square of the change is compared: `converged(1e-6, squared)` and `converged(1e-3)` are one experiment.
    """
    return math.sqrt(eps) if squared else eps


@train_word("adam timelimit(3600)", slot="timelimit", unpublished="a length")
def timelimit(seconds: Positive) -> float:
    """Stops the run once it has trained for so many seconds in all; its outcome is `timeout`, and `--time-limit` trains it on."""
    return seconds
