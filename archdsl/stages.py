"""The stages as functions: text → tree → graph → rows → counts, module or source. torch is imported by ``build`` alone.

>>> rows = trace(expand(parse("conv(8) bn relu")), (3, 32, 32), 10)
>>> cost(rows).params
322
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.emit.source import source
from archdsl.expand import Graph, complete, expand, given
from archdsl.ir.cost import cost
from archdsl.ir.trace import Trace
from archdsl.syntax.format import format
from archdsl.syntax.parse import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

__all__ = ["build", "cost", "expand", "format", "parse", "source", "trace"]


def trace(graph: Graph, input: int | Sequence[int] | None = None, classes: int | None = None) -> Trace:
    """Rows with every shape, for an input (c, h, w), (n, d) or (d,) without a batch; what is not given is the text's.

    Raises:
        ArchError: the input is not a shape, or the number of classes not a positive whole number.
        SpecError: a shape does not fit; with the place, the shapes that led there and the trail.
    """
    return complete(graph, given.input_shape(input), given.classes_number(classes)).trace


def build(rows: Trace) -> nn.Module:
    """The network of a trace: takes (N, *input), gives (N, classes). Each block can be hooked and replaced."""
    from archdsl.emit.build import build as built

    return built(rows, whole=False)
