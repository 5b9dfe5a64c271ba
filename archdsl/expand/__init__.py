"""Syntax tree to graph: names resolved, arguments bound, families unfolded, modifiers applied. No sugar left.

``expand(file)`` gives a ``Graph``; ``complete(graph, …)`` traces it with the head and the biases that the text left out.
"""

from __future__ import annotations

from archdsl.expand.complete import Completed, complete
from archdsl.expand.graph import Graph, Setting
from archdsl.expand.statements import expand

__all__ = ["Completed", "Graph", "Setting", "complete", "expand"]
