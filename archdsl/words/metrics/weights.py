"""Figures of the weights that a run keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from archdsl.registry import metric_word, setting
from archdsl.words.metrics.base import OfWeights, Unit


@metric_word("weight_norm", name="weight_norm")
@setting
class WeightNorm(OfWeights):
    """The Euclidean norm over all parameters of two or more dimensions.

    These are the weights of layers, and what is learnt of scales, tokens and positions in that shape; biases and most norms have
    one dimension.
    """

    def measure(self, torch: Any, weights: Sequence[Any]) -> float:
        """The root of the sum of squares."""
        return math.sqrt(math.fsum(float(w.double().square().sum()) for w in weights))


@metric_word("zeros")
@setting
class Zeros(OfWeights):
    """The fraction of all parameters of two or more dimensions that are exactly 0; see `weight_norm`."""

    unit: ClassVar[Unit] = "percent"
    higher: ClassVar[bool] = True

    def measure(self, torch: Any, weights: Sequence[Any]) -> float:
        """The fraction."""
        zeros, count = sum(int((w == 0).sum()) for w in weights), sum(int(w.numel()) for w in weights)
        return zeros / max(count, 1)
