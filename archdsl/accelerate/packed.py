"""Layers by oneDNN for passes without gradients: weights in the layout that it likes, and the function behind them in one pass.

The operators are those that torch.compile calls when weights do not change. Where a build of torch lacks one, or refuses it, the
layer itself is called. oneDNN's ReLU makes 0 of a NaN; so ReLU and ReLU6 are torch's, in place, but where there can be no NaN.
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
# A call of oneDNN takes 25 to 50 µs before it does anything; a linear layer of few outputs is done by torch in less.
FEWEST_OUTPUTS = 16
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
_CUTS: dict[type[nn.Module], Gate] = {nn.ReLU: ("relu", [], ""), nn.ReLU6: ("hardtanh", [0.0, 6.0], "")}


class Guard:
    """Whether the images of a pass are within the bounds for which layers know that they see no NaN."""

    __slots__ = ("holds",)

    def __init__(self) -> None:
        self.holds = False


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
    guard: what comes to the function is no NaN where it holds; None: nobody knows.
    """

    def __init__(self, layer: nn.Module, follower: nn.Module | None = None, guard: Guard | None = None) -> None:
        super().__init__()
        self.layer, self.follower, self.top = layer, follower, top_of(follower)
        make = _GATES.get(type(follower)) if follower is not None else None
        self.gate = make(follower) if make is not None else NONE
        self.guard, self.cut = guard, None if follower is None else _CUTS.get(type(follower))
        self.packed: Tensor | None = None
        self.works = torch.backends.mkldnn.is_available()
        self.tried = False

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """What the layer takes, to what the function behind it gives for its sum with the skip.

        Raises:
            EnvError: memory does not suffice.
        """
        if not (self.works and x.dtype is torch.float32 and x.device.type == "cpu" and x.numel()):
            return self._plain(x, skip)
        cut = self.cut if self.guard is not None and self.guard.holds else None
        try:
            made = self.fused(x, skip, cut or self.gate)
        except (RuntimeError, AttributeError) as error:
            check_memory(error)
            if self.tried:
                raise
            self.works = False  # not in this build of torch: the layer will do, or say what is wrong
            return self._plain(x, skip)
        self.tried = True
        return made if cut or self.top is None or self.top < 0 else made.clamp_(0, self.top)

    def _plain(self, x: Tensor, skip: Tensor | None) -> Tensor:
        made: Tensor = self.layer(x)
        made = made if skip is None else made + skip
        return made if self.follower is None else cast("Tensor", self.follower(made))

    def fused(self, x: Tensor, skip: Tensor | None, gate: Gate) -> Tensor:
        """The layer, the sum and the gate in one pass."""
        raise NotImplementedError


class PackedConv(_Packed):
    """A convolution (N, C, H, W) with zeros around the image."""

    def fused(self, x: Tensor, skip: Tensor | None, gate: Gate) -> Tensor:
        """One call of oneDNN; two where the skip has another shape."""
        conv, ops = cast("nn.Conv2d", self.layer), torch.ops.mkldnn
        form = (conv.padding, conv.stride, conv.dilation, conv.groups)
        if self.packed is None:
            self.packed = ops._reorder_convolution_weight(conv.weight, *form, list(x.shape))
        if skip is None:
            return cast("Tensor", ops._convolution_pointwise(x, self.packed, conv.bias, *form, *gate))
        if skip.shape != _made(conv, x):
            return self._plain(x, skip)
        last = "relu" if gate[0] == "relu" else None  # the one function that it takes behind a sum
        made: Tensor = ops._convolution_pointwise.binary(
            x, skip, self.packed, conv.bias, *form, "add", 1.0, last, [], None
        )
        if last or gate is NONE or self.follower is None:
            return made
        return cast("Tensor", self.follower(made)) if self.top is None else made.clamp_(0, self.top)


def _made(conv: nn.Conv2d, x: Tensor) -> tuple[int, ...]:
    """The shape of what a convolution gives."""
    pads = cast("tuple[int, ...]", conv.padding)
    forms = zip(x.shape[2:], pads, conv.dilation, conv.kernel_size, conv.stride, strict=True)
    sides = ((side + 2 * pad - d * (k - 1) - 1) // step + 1 for side, pad, d, k, step in forms)
    return (len(x), conv.out_channels, *sides)


class PackedLinear(_Packed):
    """A linear layer of (…, D), or of each pixel (N, C, H, W)."""

    def fused(self, x: Tensor, skip: Tensor | None, gate: Gate) -> Tensor:
        """One call of oneDNN on the rows."""
        layer, ops = cast("nn.Linear", self.layer), torch.ops.mkldnn
        pixels = isinstance(layer, PixelLinear)
        rows = x.permute(0, 2, 3, 1) if pixels else x
        flat = rows.reshape(-1, layer.in_features)
        if self.packed is None:
            # A layout for one row takes 1.3 to 2.5 times as long for more, and one for two is as fast for one.
            self.packed = ops._reorder_linear_weight(layer.weight, max(2, len(flat)))
        made = ops._linear_pointwise(flat, self.packed, layer.bias, *gate).view(*rows.shape[:-1], -1)
        return cast("Tensor", made.permute(0, 3, 1, 2) if pixels else made)


def convolves(layer: nn.Module | None) -> bool:
    """Whether this is a convolution that oneDNN takes, also with a sum behind it."""
    return type(layer) is nn.Conv2d and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def packed(layer: nn.Module, follower: nn.Module | None = None, guard: Guard | None = None) -> _Packed | None:
    """The layer in this form; None where it has none."""
    if convolves(layer):
        return PackedConv(layer, follower, guard)
    if type(layer) is nn.Linear and follower is None and layer.out_features < FEWEST_OUTPUTS:
        return None
    return PackedLinear(layer, follower, guard) if type(layer) in (nn.Linear, PixelLinear) else None
