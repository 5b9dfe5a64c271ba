"""Which parameters of a trained net are the weights of its layers. Knows no torch: a module is known by the names of its
classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# What these hold is added to the values or scales them, whatever its shape: norms, learnt factors and shifts, tokens, positions.
NO_WEIGHTS = frozenset(
    (
        *("_NormBase", "LayerNorm", "GroupNorm", "RMSNorm", "StdNorm", "GlobalResponseNorm"),
        *("LayerScale", "Offset", "ClassToken", "PositionEmbedding", "AxesPosition"),
    )
)
# So are these, of layers that have weights besides: gains, scales of attention, relative positions.
NAMES = frozenset(("gain", "factor", "temperature", "relpos", "rows", "columns"))


def layer_weights(model: Any) -> Iterator[tuple[Any, Any]]:
    """The weights of layers, each once, with the module that holds it: parameters of two or more dimensions by which a layer
    multiplies. No biases, norms, scales, gains, tokens and positions; those that are not trained are among them.
    """
    seen = set[int]()
    for module in model.modules():
        if any(kind.__name__ in NO_WEIGHTS for kind in type(module).__mro__):
            continue
        for name, value in module.named_parameters(recurse=False):
            if value.ndim > 1 and name not in NAMES and id(value) not in seen:
                seen.add(id(value))
                yield module, value


def filters(module: Any, weight: Any) -> Any:
    """A weight of a layer as rows, one for each output channel or unit: (out, numbers of a filter)."""
    return by_output(weight, module.groups if getattr(module, "transposed", False) else 0).flatten(1)


def by_output(weight: Any, groups: int) -> Any:
    """A weight with its output channels first: (out, in/groups, …). ``groups``: 0, or those of a transposed convolution, whose
    weight is (in, out/groups, …).
    """
    return weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1) if groups else weight
