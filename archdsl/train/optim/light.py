"""torch's optimisers without torch's compiler.

Their constructors and every step import ``torch._dynamo``, to keep it from tracing them: 1.2 s of a process that compiles
nothing, as much as torch itself. What we compile is a net, never its optimiser.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import torch


@cache
def light(kind: type[torch.optim.Optimizer]) -> type[Any]:
    """A class of the same name, arithmetic and hooks, whose steps keep no gradients; for steps outside of torch.compile."""
    add = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {"add_param_group": add, "step": step, "__module__": kind.__module__})
