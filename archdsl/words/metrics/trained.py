"""Figures of the trained net, computed from the weights that a run keeps when a study first asks for them."""

from __future__ import annotations

import math
import operator
from typing import Any, ClassVar

from archdsl.registry import metric_word, setting
from archdsl.registry.types import NonNegative, Positive
from archdsl.words.layer_weights import filters, layer_weights
from archdsl.words.metrics.base import OfNet, Unit

SEEN = 500  # test images of a figure that depends on them: its spread between images is far below that between nets


class AtThreshold(OfNet):
    """A figure with a threshold ``at``."""

    __slots__ = ()
    at: float

    @property
    def name(self) -> str:
        """``small_weights(0.001)``."""
        return f"{self.word}({self.at:.10g})"


@metric_word("small_weights(0.001)", name="small_weights")
@setting
class SmallWeights(AtThreshold):
    """The fraction of the weights of layers whose size is below a threshold.

    Biases, norms, learnt scales, tokens and positions are left out.
    """

    at: Positive
    unit: ClassVar[Unit] = "percent"
    higher: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return f"weights below {self.at:.10g}"

    def measure(self, torch: Any, model: Any, images: Any) -> float | None:
        """The fraction."""
        weights = [weight for _, weight in layer_weights(model)]
        return sum(int((w.abs() < self.at).sum()) for w in weights) / max(1, sum(int(w.numel()) for w in weights))


@metric_word("groups_off(0)", "groups_off(0.001)", paper="Scardapane et al. 2017, arXiv:1607.00485", name="groups_off")
@setting
class GroupsOff(AtThreshold):
    """The fraction of the filters of layers that are off: each of their weights is 0, or of a size of at most a threshold.

    A filter is the weights of one output channel or unit.
    """

    at: NonNegative
    unit: ClassVar[Unit] = "percent"
    higher: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return f"filters off at {self.at:.10g}"

    def measure(self, torch: Any, model: Any, images: Any) -> float | None:
        """The fraction."""
        largest = [filters(*found).abs().amax(1) for found in layer_weights(model)]
        return sum(int((one <= self.at).sum()) for one in largest) / max(1, sum(len(one) for one in largest))


@metric_word("residual_variance", unpublished="a ratio of two variances", name="residual_variance")
@setting
class ResidualVariance(OfNet):
    """The variance of what a residual branch adds, divided by that of what passes by it, the mean over all residual sums.

    Over 500 test images and all values of an image together. A net without residual sums has no figure.
    """

    images: ClassVar[int] = SEEN

    def measure(self, torch: Any, model: Any, images: Any) -> float | None:
        """The mean ratio; a sum whose skip is constant is left out."""
        if not isinstance(model, torch.fx.GraphModule):
            return None
        sums = {node: _branch_and_skip(node) for node in model.graph.nodes if _adds(node, torch)}
        ratios: list[float] = []

        class Watched(torch.fx.Interpreter):  # type: ignore[misc]
            def run_node(self, n: Any) -> Any:
                if n in sums:
                    branch, skip = (self.env[own].double() for own in sums[n])
                    below = float(skip.var())
                    if below > 0:
                        ratios.append(float(branch.var()) / below)
                return super().run_node(n)

        Watched(model).run(images)
        return math.fsum(ratios) / len(ratios) if ratios else None


def _adds(node: Any, torch: Any) -> bool:
    """Whether a node of the graph is the sum of two values."""
    of_two = len(node.args) == 2 and all(hasattr(a, "op") for a in node.args)
    return of_two and node.op == "call_function" and node.target in (operator.add, operator.iadd, torch.add)


def _branch_and_skip(node: Any) -> tuple[Any, Any]:
    """The values that a sum adds, the one with more layers behind the last common value first: the residual branch."""
    a, b = node.args
    return (a, b) if _length(a, _before(b)) >= _length(b, _before(a)) else (b, a)


def _before(node: Any) -> set[Any]:
    """The node and all that it depends on."""
    seen, waiting = set[Any](), [node]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += one.all_input_nodes
    return seen


def _length(node: Any, other: set[Any]) -> int:
    """The nodes behind a value that the other one does not depend on."""
    return len(_before(node) - other)
