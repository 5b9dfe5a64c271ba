"""A net whose modules can be swapped while the net itself stays as it is."""

from __future__ import annotations

from typing import Any

from torch import fx, nn


def copied(model: fx.GraphModule) -> tuple[fx.Graph, nn.Module, dict[str, Any]]:
    """Its graph, a holder of its modules that takes more of them, and its modules by name."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(model.graph, {}))
    holder = nn.Module()
    holder.__dict__.update(model.__dict__)
    holder._modules = dict(model._modules)
    return graph, holder, dict(model.named_modules())
