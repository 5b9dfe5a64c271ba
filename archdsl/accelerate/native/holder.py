"""A net whose modules can be swapped while the net itself stays as it is."""

from __future__ import annotations

from itertools import count
from typing import Any

from torch import fx, nn


def bare(module: nn.Module) -> bool:
    """Whether its forward is all that happens to it: no hooks, and no weights made again from others, as pruning does."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    made = [name for name in ("weight", "bias") if hasattr(module, name) and name not in module._parameters]
    return not any(hooks) and not made


def free(holder: nn.Module, stem: str) -> str:
    """A name that nothing in the holder has: a label of the network may be any word."""
    return next(name for number in count() if not hasattr(holder, name := f"{stem}{number}"))


def copied(model: fx.GraphModule) -> tuple[fx.Graph, nn.Module, dict[str, Any]]:
    """Its graph, a holder of its modules that takes more of them, and its modules by name."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(model.graph, {}))
    holder = nn.Module()
    holder.__dict__.update(model.__dict__)
    holder._modules = dict(model._modules)
    return graph, holder, dict(model.named_modules())
