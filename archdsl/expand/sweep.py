"""Many arms of one space, counted one after the other; what does not change between them is worked out once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.expand.settle import settle
from archdsl.expand.statements import expand
from archdsl.ir.cost import cost

if TYPE_CHECKING:
    from archdsl.expand.graph import Graph
    from archdsl.ir.cost import Cost
    from archdsl.ir.layer import Layer
    from archdsl.syntax import ast

MOST = 100_000  # layers that are remembered


class Sweep:
    """Call it with an arm: what it costs. Layers of one word, arguments and shape are asked once for all arms.

    Raises:
        SpecError: the arm is no network.
    """

    def __init__(self) -> None:
        self.memo: dict[Any, Layer] = {}

    def __call__(self, arm: ast.File) -> tuple[Graph, Cost]:
        graph = expand(arm)
        if len(self.memo) > MOST:
            self.memo.clear()
        return graph, cost(settle(graph, memo=self.memo).trace)
