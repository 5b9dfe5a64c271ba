"""A package of one file: three metrics that archdsl lacks, one of predictions, one of weights, one of the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from archdsl.registry import metric_word
from archdsl.registry.types import Positive
from archdsl.words.metrics.base import Metric, OfWeights, RunFigures, Score


@metric_word("test_margin", "valid_margin")
@dataclass(frozen=True, slots=True)
class Margin(Score):
    """The probability of the class less the largest of the others, the mean over the images."""

    part: Literal["test", "valid"]
    higher: ClassVar[bool] = True

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        """The sum over the images."""
        probs = log_probs.exp()
        own = probs.gather(1, labels[:, None])
        return (own - probs.scatter(1, labels[:, None], -1.0).max(1, keepdim=True).values).sum()[None]


@metric_word("largest_weight", name="largest_weight")
@dataclass(frozen=True, slots=True)
class LargestWeight(OfWeights):
    """The largest absolute weight."""

    def measure(self, torch: Any, weights: Any) -> float:
        """The largest of all tensors."""
        return max(float(w.abs().max()) for w in weights)


@metric_word("drop(2)")
@dataclass(frozen=True, slots=True)
class Drop(Metric):
    """How far the training loss falls in the first epochs."""

    epochs: Positive
    higher: ClassVar[bool] = True

    def of(self, run: RunFigures) -> float | None:
        """The difference of two losses of the log."""
        losses = [e["loss"] for e in run.epochs]
        return losses[0] - losses[int(self.epochs) - 1] if len(losses) >= self.epochs else None
