"""What each kind of metric is: its traits, as class attributes, and how its figure is found, as a method.

A metric reads what a run has recorded. What a run has not recorded has no figure (None), and is never guessed: the report
names such runs. What needs torch is given to the method that needs it, so that no word imports it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, ClassVar, Literal, Protocol

from archdsl.registry import Setting, gives, is_figure, is_number
from archdsl.words.tasks import Task

Unit = Literal["percent", "float", "count", "seconds"]


class RunFigures(Protocol):
    """What a metric may look at."""

    @property
    def result(self) -> Mapping[str, Any]:
        """The figures that the run has stored at its end, by name."""

    @property
    def totals(self) -> Mapping[str, int]:
        """Of the network: ``params``, ``macs``, ``flops``, ``layers``, ``depth``, ``activations``."""

    @property
    def epochs(self) -> Sequence[Mapping[str, Any]]:
        """One record an epoch, in order: ``epoch`` (from 1), ``step``, ``seconds`` of its training, ``loss`` and
        ``accuracy`` of training, ``valid_loss`` and ``valid_accuracy``; accuracies in [0, 1].
        """

    def measured(self, metric: OfNet) -> float | None:
        """A figure of the net that the run has trained; None where it has none, or cannot be measured here."""


class Metric(Setting):
    """A figure of a run. ``unit``: a percentage is stored as a fraction. ``higher``: whether more is better. ``on``: the
    images that it is measured on, ``test``, ``valid`` or ``train``; empty where it is not of images. ``counted``: it is a number
    of images divided by all images. ``title``: what tables and figures call the word, where that is not its name.
    ``symbol``: the unit that axes show, where ``unit`` does not say it.
    """

    __slots__ = ()
    unit: ClassVar[Unit] = "float"
    higher: ClassVar[bool] = False
    on: ClassVar[str] = ""
    counted: ClassVar[bool] = False
    title: ClassVar[str] = ""
    symbol: ClassVar[str] = ""

    @gives("a number, or None", is_figure)
    def chance(self, classes: int) -> float | None:
        """The figure of a net that gives each of so many classes the same probability; None where that is not known. A run
        that diverged counts so."""
        return None

    def chance_in(self, task: Task, classes: int) -> float | None:
        """The figure of a net that has learnt nothing, in a task: of numbers one that gives their means."""
        return self.chance(classes) if task.counted else None

    @property
    def name(self) -> str:
        """What a text writes for it, the same for every way to write it: ``steps_to(94%)``."""
        given = [f for f in fields(self) if getattr(self, f.name) != f.default or f.default is MISSING]  # type: ignore[arg-type]
        texts = [f"{f.name}={_text(getattr(self, f.name))}" for f in given]
        return f"{self.word}({', '.join(texts)})" if texts else self.word

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return self.name.replace(self.word, self.title or self.word, 1).replace("_", " ")

    @property
    def needs_validation(self) -> bool:
        """Whether images must be set aside for it."""
        return self.on == "valid"

    @property
    def needs_evaluation(self) -> bool:
        """Whether the test images must be looked at while a run trains (`evaluate_every`)."""
        return False

    @gives("a number, or None where the run has none", is_figure)
    def of(self, run: RunFigures) -> float | None:
        """The figure of a finished run; None where the run has none."""
        return stored(run, self.name)


class OfPart(Metric):
    """A figure of the images of one part, written ``test_NAME``, ``valid_NAME`` or ``train_NAME``: its class has the field
    ``part``, whose choices are the parts that it is measured on. ``alone``: the part that the bare name meant in earlier
    versions. ``of_heads``: a network with several heads has it as a whole, besides that of each head.
    """

    __slots__ = ()
    alone: ClassVar[str] = ""
    of_heads: ClassVar[bool] = False
    part: str

    @property
    def on(self) -> str:  # type: ignore[override]
        """Its part."""
        return self.part

    @property
    def name(self) -> str:
        """The part before the word."""
        return f"{self.part}_{self.word}"


class Score(OfPart):
    """A figure that a run computes from its predictions after the last step, in one pass over the test and the validation
    images, and stores under its name: a function of sums over images. ``tasks``: of nets for which it is computed.
    ``units``: the power of the targets' unit that the figure has, where targets are numbers.
    """

    __slots__ = ()
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    units: ClassVar[int] = 0

    @gives("a tensor (K,), what a batch adds", lambda sums, *_: getattr(sums, "ndim", None) == 1)
    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """What a batch adds, a tensor (K,).

        Args:
            torch: the package.
            log_probs: (N, classes), logarithms of the predicted probabilities; of numbers (N, T) the predictions,
                standardised.
            labels: (N,) int64; of numbers (N, T) the targets, standardised.
        """
        raise NotImplementedError

    @gives("a number, or None where it is not defined", is_figure)
    def figure(self, sums: Sequence[float], images: int) -> float | None:
        """The figure for the sums over all images; None where it is not defined."""
        return sums[0] / images


class OfWeights(Metric):
    """A figure that a run computes from the weights that it keeps, and stores under its name."""

    __slots__ = ()

    @gives("a number", is_number)
    def measure(self, torch: Any, weights: Sequence[Any]) -> float:
        """The figure of all tensors of two or more dimensions: weights of layers, and scales and positions of that shape."""
        raise NotImplementedError


class OfNet(Metric):
    """A figure of the trained net that no run stores: it is computed from the weights that a run keeps when a study asks for it,
    once, and kept beside the result. ``images``: how many test images it takes; 0 for none.
    """

    __slots__ = ()
    images: ClassVar[int] = 0

    def of(self, run: RunFigures) -> float | None:
        """Measured on the finished run."""
        return run.measured(self)

    @gives("a number, or None where the net has none", is_figure)
    def measure(self, torch: Any, model: Any, images: Any) -> float | None:
        """The figure; None where the net has none.

        Args:
            torch: the package; no gradients are kept.
            model: the trained module in eval mode, on the CPU.
            images: (N, C, H, W) float32, normalised; None where ``images`` of the class is 0.
        """
        raise NotImplementedError


def stored(run: RunFigures, name: str) -> float | None:
    """A figure that a run has stored; None where it has none of that name."""
    value = run.result.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def likelihood(run: RunFigures, part: str) -> float | None:
    """The cross-entropy that a run has stored as its loss; None where its loss is another one: a squared error, or the sum of
    several heads.
    """
    others = (k for k in run.result if k.startswith(f"{part}_") and k.endswith("_loss") and k != f"{part}_loss")
    several = next(others, None) is not None
    return stored(run, f"{part}_loss") if stored(run, f"{part}_mse") is None and not several else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
