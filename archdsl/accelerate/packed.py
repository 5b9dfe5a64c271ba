"""Layers by oneDNN for passes without gradients: weights in the layout that it likes, and the function behind them in one pass.

The operators are those that torch.compile calls when weights do not change. Where a build of torch lacks one, or refuses it, the
layer itself is called. oneDNN's ReLU makes 0 of a NaN; so ReLU and ReLU6 are torch's, in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from archdsl.emit.layers import PixelLinear
from archdsl.emit.memory import check_memory

Gate = tuple[str, list[float], str]  # oneDNN's name of an element-wise function, its numbers, and its algorithm
NONE: Gate = ("none", [], "")
_GATES: dict[type[nn.Module], Callable[[Any], Gate]] = {
    nn.LeakyReLU: lambda m: ("leaky_relu", [float(m.negative_slope)], ""),
    nn.GELU: lambda m: ("gelu", [], str(m.approximate)),
    nn.SiLU: lambda _: ("swish", [], ""),
    nn.Hardswish: lambda _: ("hardswish", [], ""),
    nn.Sigmoid: lambda _: ("sigmoid", [], ""),
    nn.Tanh: lambda _: ("tanh", [], ""),
}
_TOPS = {nn.ReLU: math.inf, nn.ReLU6: 6.0}


def known(module: nn.Module | None) -> bool:
    """Whether this is a function that a layer before it can take in."""
    return type(module) in _GATES or type(module) in _TOPS


def top_of(module: nn.Module | None) -> float | None:
    """Where a function cuts off besides 0; -1 where there is none, and None of one that does something else."""
    return -1.0 if module is None else _TOPS.get(type(module))


class _Packed(nn.Module):
    """Args:
    layer: whose weights must stay as they are.
    follower: the function behind it, which is ``known``; None: there is none.
    """

    def __init__(self, layer: nn.Module, follower: nn.Module | None = None) -> None:
        super().__init__()
        self.layer, self.follower, self.top = layer, follower, top_of(follower)
        make = _GATES.get(type(follower)) if follower is not None else None
        self.gate = make(follower) if make is not None else NONE
        self.packed: Tensor | None = None
        self.works = torch.backends.mkldnn.is_available()
        self.tried = False

    def forward(self, x: Tensor) -> Tensor:
        """What the layer takes, to what the function behind it gives.

        Raises:
            EnvError: memory does not suffice.
        """
        if not (self.works and x.dtype is torch.float32 and x.device.type == "cpu" and x.numel()):
            return self._plain(x)
        try:
            made = self.fused(x)
        except (RuntimeError, AttributeError) as error:
            check_memory(error)
            if self.tried:
                raise
            self.works = False  # not in this build of torch: the layer will do, or say what is wrong
            return self._plain(x)
        self.tried = True
        return made if self.top is None or self.top < 0 else made.clamp_(0, self.top)

    def _plain(self, x: Tensor) -> Tensor:
        made: Tensor = self.layer(x)
        return made if self.follower is None else cast("Tensor", self.follower(made))

    def fused(self, x: Tensor) -> Tensor:
        """The layer and its gate in one pass."""
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
