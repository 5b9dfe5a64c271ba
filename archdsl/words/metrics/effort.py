"""What a run costs: epochs, steps and seconds, in all and to a threshold; the size of the network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from archdsl.errors import ArchError
from archdsl.registry import metric_word, setting
from archdsl.registry.types import Positive
from archdsl.words.metrics.base import Metric, RunFigures, Unit, stored

Followed = Literal["valid_accuracy", "valid_loss", "train_accuracy", "train_loss", "test_accuracy", "test_loss"]


class Reached(Metric):
    """What a run has spent when the figure ``figure`` first reaches ``at``: looked at after each epoch. A run that never does
    has no figure.
    """

    __slots__ = ()
    at: float
    figure: str

    def __post_init__(self) -> None:
        """Refuse an accuracy above 1."""
        if self.figure.endswith("accuracy") and self.at > 1:
            raise ArchError(f"{self.at:g} is not an accuracy: it is a fraction", help=f"{self.word}({self.at:g}%)")

    @property
    def on(self) -> str:  # type: ignore[override]
        """That of the figure that is followed."""
        return self.figure.partition("_")[0]

    @property
    def needs_evaluation(self) -> bool:
        """Whether the test images must be looked at while a run trains."""
        return self.on == "test"

    @property
    def name(self) -> str:
        """``steps_to(94%)``; the figure where it is not the usual one."""
        text = f"{100 * self.at:.10g}%" if self.figure.endswith("accuracy") else f"{self.at:.10g}"
        return f"{self.word}({text})" if self.figure == "valid_accuracy" else f"{self.word}({text}, {self.figure})"

    @property
    def label(self) -> str:
        """In words."""
        return f"{self.word.replace('_', ' ')} {self.name.partition('(')[2][:-1].replace(', ', ' ').replace('_', ' ')}"

    def of(self, run: RunFigures) -> float | None:
        """What was spent until the first epoch that reaches the threshold."""
        key = {"train_accuracy": "accuracy", "train_loss": "loss"}.get(self.figure, self.figure)
        seconds = 0.0
        for record in run.epochs:
            seconds += record.get("seconds") or 0.0
            value = record.get(key)
            if (
                value is not None
                and math.isfinite(value)
                and (value >= self.at if key.endswith("accuracy") else value <= self.at)
            ):
                return self.spent(record, seconds)
        return None

    def spent(self, record: Mapping[str, Any], seconds: float) -> float:
        """The cost up to the end of an epoch."""
        raise NotImplementedError


@metric_word("epochs_to(94%)", "epochs_to(0.5, train_loss)", name="epochs_to")
@setting
class EpochsTo(Reached):
    """Epochs until a figure first reaches a threshold: an accuracy from below, a loss from above.

    It is looked at after each epoch; a test figure after those of `evaluate_every`. A run that never reaches it has no figure.
    """

    at: Positive
    figure: Followed = "valid_accuracy"
    unit: ClassVar[Unit] = "count"

    def spent(self, record: Mapping[str, Any], seconds: float) -> float:
        """Epochs."""
        return float(record["epoch"])


@metric_word("steps_to(94%)", "steps_to(90%, train_accuracy)", name="steps_to")
@setting
class StepsTo(Reached):
    """Steps of the optimiser until a figure first reaches a threshold; as `epochs_to`."""

    at: Positive
    figure: Followed = "valid_accuracy"
    unit: ClassVar[Unit] = "count"

    def spent(self, record: Mapping[str, Any], seconds: float) -> float:
        """Steps."""
        return float(record["step"])


@metric_word("seconds_to(94%)", name="seconds_to")
@setting
class SecondsTo(Reached):
    """Seconds of training until a figure first reaches a threshold; as `epochs_to`. They depend on the machine."""

    at: Positive
    figure: Followed = "valid_accuracy"
    unit: ClassVar[Unit] = "seconds"

    def spent(self, record: Mapping[str, Any], seconds: float) -> float:
        """Seconds."""
        return seconds


@metric_word("epochs")
@setting
class Epochs(Metric):
    """Epochs until the run ended, which `patience` or `converged` make fewer."""

    unit: ClassVar[Unit] = "count"


@metric_word("steps")
@setting
class Steps(Metric):
    """Steps of the optimiser until the run ended."""

    unit: ClassVar[Unit] = "count"

    def of(self, run: RunFigures) -> float | None:
        """Runs store it as ``step``."""
        return stored(run, "step")


@metric_word("grad_norm", name="grad_norm")
@setting
class GradNorm(Metric):
    """The Euclidean norm of the gradient of the last step of the last epoch that `evaluate_every` looks at.

    It is what the optimiser takes, after penalties and clipping. All epochs are in the curves, each parameter's norm is in
    the log of the run.
    """

    @property
    def needs_evaluation(self) -> bool:
        """It is recorded by that word."""
        return True

    def of(self, run: RunFigures) -> float | None:
        """The last one that is recorded."""
        found = [r["grad_norm"] for r in run.epochs if isinstance(r.get("grad_norm"), int | float)]
        return float(found[-1]) if found else None


@metric_word("seconds")
@setting
class Seconds(Metric):
    """Seconds of training, without evaluations. They depend on the machine."""

    unit: ClassVar[Unit] = "seconds"


@metric_word("speed")
@setting
class Speed(Metric):
    """Images a second while training, without evaluations. It depends on the machine."""

    higher: ClassVar[bool] = True
    unit: ClassVar[Unit] = "count"

    @property
    def label(self) -> str:
        """In words."""
        return "images a second"

    def of(self, run: RunFigures) -> float | None:
        """Runs store it as ``images_per_second``."""
        return stored(run, "images_per_second")


@metric_word("evaluations", paper="Chen et al. 2018, arXiv:1806.07366")
@setting
class Evaluations(Metric):
    """How often the functions of the net's `ode` layers are evaluated for one forward pass of the trained net.

    A run counts them on its first batch of test images. A solver that chooses its steps takes them for the whole batch. A net
    without `ode` has no figure.
    """

    unit: ClassVar[Unit] = "count"


class OfNetwork(Metric):
    """A count of the network, the same for every seed."""

    __slots__ = ()
    unit: ClassVar[Unit] = "count"

    def of(self, run: RunFigures) -> float | None:
        """The count, which no training changes."""
        return float(run.totals[self.word]) if self.word in run.totals else None


@metric_word("params")
@setting
class Params(OfNetwork):
    """The parameters of the network."""

    title: ClassVar[str] = "parameters"


@metric_word("macs")
@setting
class Macs(OfNetwork):
    """The multiply-accumulate operations of the network for one image."""

    title: ClassVar[str] = "MACs"
