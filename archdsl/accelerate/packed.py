"""Layers by oneDNN for passes without gradients: weights in the layout that it likes, and the gate behind them in one pass.

The operators are those that torch.compile calls when weights do not change. Where a build of torch lacks one, or refuses it, the
layer itself is called.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from archdsl.emit.layers import PixelLinear

Gate = tuple[str, list[float], str]  # oneDNN's name of an element-wise function, its numbers, and its algorithm
NONE: Gate = ("none", [], "")
_GATES: dict[type[nn.Module], Callable[[Any], Gate]] = {
    nn.ReLU: lambda _: ("relu", [], ""),
    nn.ReLU6: lambda _: ("hardtanh", [0.0, 6.0], ""),
    nn.LeakyReLU: lambda m: ("leaky_relu", [float(m.negative_slope)], ""),
    nn.GELU: lambda m: ("gelu", [], str(m.approximate)),
    nn.SiLU: lambda _: ("swish", [], ""),
    nn.Hardswish: lambda _: ("hardswish", [], ""),
    nn.Sigmoid: lambda _: ("sigmoid", [], ""),
    nn.Tanh: lambda _: ("tanh", [], ""),
}


def gate_of(module: nn.Module | None) -> Gate | None:
    """What oneDNN calls the module; None of what it has no name for."""
    make = _GATES.get(type(module)) if module is not None else None
    return make(module) if make is not None else None


def top_of(gate: Gate | None) -> float | None:
    """Where a gate cuts off besides 0; -1 of none, and None of one that does something else."""
    if gate is None:
        return -1.0
    return {"relu": math.inf, "hardtanh": gate[1][-1] if gate[1] else 0.0}.get(gate[0])


class _Packed(nn.Module):
    """Args:
    layer: whose weights must stay as they are.
    follower: the element-wise function behind it, which ``gate_of`` knows; None: there is none.
    """

    def __init__(self, layer: nn.Module, follower: nn.Module | None = None) -> None:
        super().__init__()
        self.layer, self.follower, self.gate = layer, follower, gate_of(follower) or NONE
        self.packed: Tensor | None = None
        self.works = torch.backends.mkldnn.is_available()

    def forward(self, x: Tensor) -> Tensor:
        """What the layer takes, to what the function behind it gives."""
        if self.works and x.dtype is torch.float32 and x.device.type == "cpu" and x.numel():
            try:
                return self.fused(x)
            except (RuntimeError, AttributeError):  # not in this build: the layer will do, or say what is wrong
                self.works = False
        made: Tensor = self.layer(x)
        return made if self.follower is None else cast("Tensor", self.follower(made))

    def fused(self, x: Tensor) -> Tensor:
        """The same in one pass."""
        raise NotImplementedError


class PackedConv(_Packed):
    """A convolution (N, C, H, W) with zeros around the image."""

    def fused(self, x: Tensor) -> Tensor:
        """One call of oneDNN."""
        conv, ops = cast("nn.Conv2d", self.layer), torch.ops.mkldnn
        form = (conv.padding, conv.stride, conv.dilation, conv.groups)
        if self.packed is None:
            self.packed = ops._reorder_convolution_weight(conv.weight, *form, list(x.shape))
        return cast("Tensor", ops._convolution_pointwise(x, self.packed, conv.bias, *form, *self.gate))


class PackedLinear(_Packed):
    """A linear layer of (…, D), or of each pixel (N, C, H, W)."""

    def fused(self, x: Tensor) -> Tensor:
        """One call of oneDNN on the rows."""
        layer, ops = cast("nn.Linear", self.layer), torch.ops.mkldnn
        pixels = isinstance(layer, PixelLinear)
        rows = x.permute(0, 2, 3, 1) if pixels else x
        flat = rows.reshape(-1, layer.in_features)
        if self.packed is None:
            self.packed = ops._reorder_linear_weight(layer.weight, len(flat))
        made = ops._linear_pointwise(flat, self.packed, layer.bias, *self.gate).view(*rows.shape[:-1], -1)
        return cast("Tensor", made.permute(0, 3, 1, 2) if pixels else made)


def packed(layer: nn.Module, follower: nn.Module | None = None) -> _Packed | None:
    """The layer in this form; None where it has none."""
    if type(layer) is nn.Conv2d and layer.padding_mode == "zeros" and not isinstance(layer.padding, str):
        return PackedConv(layer, follower)
    return PackedLinear(layer, follower) if type(layer) in (nn.Linear, PixelLinear) else None
