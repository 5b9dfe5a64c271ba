"""How large the values of a net can be, layer by layer, for images up to a size: where that is known, no value is a NaN.

Interval arithmetic on magnitudes: a layer's outputs are at most the largest sum of the absolute weights of a row, times the
largest input, plus the largest absolute bias.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from archdsl.emit.layers import GlobalAvgPool2d, PixelLinear

IMAGES = 1e4  # the largest absolute value of an image for which the bounds are found
MOST = 1e30  # beyond, sums on the way could be larger than float32 holds

Bound = Callable[[Any, float], float]  # the module, and the largest absolute value that arrives


def _rows(layer: Any, most: float) -> float:
    return float(layer.weight.detach().abs().flatten(1).sum(1).max()) * most + _largest(layer.bias)


def _norm(norm: Any, most: float) -> float:
    if norm.running_mean is None or norm.running_var is None:
        return math.inf
    over = (norm.running_var.double() + norm.eps).rsqrt()
    factor = over if norm.weight is None else over * norm.weight.detach().double().abs()
    return float((factor * (most + norm.running_mean.double().abs())).max()) + _largest(norm.bias)


def _largest(weights: Tensor | None) -> float:
    return float(weights.detach().abs().max()) if weights is not None and weights.numel() else 0.0


def _same(_: Any, most: float) -> float:
    return most


BOUNDS: dict[type[nn.Module], Bound] = {
    **dict.fromkeys((nn.Conv2d, nn.Linear, PixelLinear), _rows),
    **dict.fromkeys((nn.ReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Identity, nn.Flatten), _same),
    **dict.fromkeys((nn.Dropout, nn.Dropout2d, nn.MaxPool2d, nn.AvgPool2d, GlobalAvgPool2d), _same),
    **dict.fromkeys((nn.Sigmoid, nn.Tanh, nn.Hardsigmoid), lambda *_: 1.0),
    nn.ReLU6: lambda _, most: min(most, 6.0),
    nn.LeakyReLU: lambda m, most: most * max(1.0, abs(m.negative_slope)),
    nn.BatchNorm2d: _norm,
}
FUNCTIONS: dict[Any, Callable[[list[float]], float]] = {operator.add: sum, operator.mul: math.prod, torch.cat: max}


def bounds(net: fx.GraphModule) -> dict[fx.Node, float]:
    """The largest absolute value of each node in eval mode, for images up to ``IMAGES``; without the nodes whose values may be
    infinite or NaN, as those of layers that are not known here may.
    """
    found: dict[fx.Node, float] = {}
    for node in net.graph.nodes:
        most = IMAGES if node.op == "placeholder" else _bound(net, node, found)
        if most is not None and most < MOST:  # a NaN is not
            found[node] = most
    return found


def _bound(net: fx.GraphModule, node: fx.Node, found: dict[fx.Node, float]) -> float | None:
    operands = node.args[0] if node.target is torch.cat and node.args else node.args
    if not isinstance(operands, list | tuple):
        return None
    known: list[float] = []
    for operand in operands:  # each counts, also where two are one value
        most = found.get(operand) if isinstance(operand, fx.Node) else None
        if most is None:  # unknown, or not a value of the net
            return None
        known.append(most)
    if node.op == "call_module" and len(known) == 1:
        layer = net.get_submodule(str(node.target))
        rule = BOUNDS.get(type(layer))
        return None if rule is None else rule(layer, known[0])
    function = FUNCTIONS.get(node.target) if node.op == "call_function" else None
    return None if function is None else function(known)


def within(images: Tensor) -> bool:
    """Whether the bounds hold for these images: none is larger, and none is a NaN."""
    return bool(images.numel()) and all(abs(float(end)) <= IMAGES for end in torch.aminmax(images))
