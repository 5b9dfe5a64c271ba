"""Many arms of one space, counted one after the other; what does not change between them is worked out once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.expand.settle import settle
from archdsl.expand.statements import expand
from archdsl.ir.cost import cost

if TYPE_CHECKING:
    from archdsl.expand.graph import Graph
    from archdsl.ir.cost import Cost
    from archdsl.syntax import ast


class Sweep:
    """Call it with an arm: what it costs.

    Raises:
        SpecError: the arm is no network.
    """

    def __call__(self, arm: ast.File) -> tuple[Graph, Cost]:
        graph = expand(arm)
        return graph, cost(settle(graph).trace)
