"""Operations of weights and numbers alone, which are run on the numbers of the entries; what an operation is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn

from archdsl.importer.modules import Param
from archdsl.importer.ops import OF_KIND
from archdsl.importer.ops.chance import CHANCE, NOISE, Drawn, Masked
from archdsl.importer.steps import Inexpressible, Steps
from archdsl.importer.tables import Computed, Table
from archdsl.importer.trace import BATCH
from archdsl.importer.views import View

DISPATCHED: dict[Any, str] = {
    nn.functional.max_pool1d: "max_pool1d",
    nn.functional.max_pool2d: "max_pool2d",
    nn.functional.adaptive_max_pool2d: "adaptive_max_pool2d",
}


def of_weights(name: str, given: Any) -> bool:
    """Whether an operation is one of weights and numbers alone, and draws nothing."""
    bare = name.rstrip("_")
    return (
        bare not in CHANCE
        and bare not in NOISE
        and not any(isinstance(v, (View, Drawn, Masked, *(kind for kind, _, _ in OF_KIND))) for v in flat(given))
    )


def run(node: fx.Node, args: Any, named: Any, steps: Steps) -> Any:
    """What an operation gives for weights and numbers. The batch of the example is not an axis of weights."""
    function: Any = node.target
    if node.op == "call_method":
        function = lambda x, *more, **other: getattr(x, str(node.target))(*more, **other)  # noqa: E731
    computed = Computed(steps.sizes, function, (args, named))
    if any(isinstance(v, Computed) for v in flat((args, named))):
        return computed
    try:
        value = steps.ledger.run(function, args, named)
    except (RuntimeError, TypeError, IndexError, ValueError):
        return computed
    if isinstance(value, Computed):
        return computed
    spread = name_of(node.target) in ("expand", "repeat", "expand_as") and steps.sizes[:1] == (BATCH,)
    if spread and isinstance(args[0], Param | Table) and args[0].shape[:1] == (1,):
        return steps.ledger.run(lambda x: x[:1], (value,), {})
    return value


def of_module(module: nn.Module, path: str, args: Any, named: Any, steps: Steps) -> Computed:
    """What a module gives for what is computed of weights alone."""
    if type(module).__name__ == "Dropout" and module.training and float(getattr(module, "p", False)):
        raise Inexpressible("dropout of what is computed of weights alone")
    own = {n: steps.weight(f"{path}.{n}", p) for n, p in (*module.named_parameters(), *module.named_buffers())}

    def called(given: Any, more: Any, weights: Any) -> Any:
        return torch.func.functional_call(module, weights, given, more)

    return Computed(steps.sizes, called, ((tuple(args), named, own), {}))


def state(written: Param) -> Param:
    """A weight or buffer that the forward pass writes to; batch normalisation counts its batches."""
    if written.name.rpartition(".")[2] != "num_batches_tracked":
        raise Inexpressible(f"changes `{written.name}`; no word but batch normalisation keeps a state")
    return written


def name_of(target: Any) -> str:
    """What an operation of a graph is called."""
    if isinstance(target, str):
        return target
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name.split("::")[1])
    return DISPATCHED.get(target) or str(getattr(target, "__name__", target))


def flat(value: Any) -> Iterator[Any]:
    """What is in lists and dictionaries, however deep."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list) and not isinstance(value, Param):
        for item in value:
            yield from flat(item)
    else:
        yield value
