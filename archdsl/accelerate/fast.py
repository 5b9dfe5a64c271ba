"""The faster form of a built net."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import fx, nn

from archdsl.accelerate.memory import keep_pages
from archdsl.accelerate.native import compile_ahead, fuse
from archdsl.accelerate.pool import pool_first

if TYPE_CHECKING:
    from archdsl.accelerate.plan import Plan


def fast(model: fx.GraphModule, plan: Plan) -> nn.Module:
    """The net in the form that the plan asks for; the model itself where no rewriting fits.

    The result has the model's own modules, so a step on the one trains the other, and ``model.train()`` and
    ``model.eval()`` set the mode of both. With ``plan.fused`` the process also keeps the memory that it frees;
    with ``plan.native`` too, convolutions, and batch norm and what follows it, run in our own kernels.
    """
    if not plan.fused:
        return model
    keep_pages()
    net = pool_first(model)
    return fuse(net, plan.precision, plan.by_torch, plan.amx) if plan.native else net


def ahead(model: nn.Module, plan: Plan | None) -> None:
    """What ``fast`` will compile for a plan that is known before the data has been read, unless another process compiles it."""
    if plan is not None and plan.fused and plan.native and not plan.amx:
        compile_ahead(model, plan.precision)
