"""Layers as the kernels for inference know them: which they take, how they read weights, and the same by torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.accelerate.native.kernels import floats, lanes
from archdsl.accelerate.packed import top_of
from archdsl.emit.layers import LayerScale

Layer = nn.Linear | nn.Conv2d


def in_turn(layers: Iterable[nn.Module | None], x: Tensor, skip: Tensor | None, gate: nn.Module | None) -> Tensor:
    """One layer after the other, the sum with the skip, and the gate, as far as they are there."""
    for layer in layers:
        x = x if layer is None else layer(x)
    x = x if skip is None else x + skip
    return x if gate is None else cast("Tensor", gate(x))


def pointwise(module: nn.Module | None) -> bool:
    """Whether this is a convolution of each pixel by itself."""
    if type(module) is not nn.Conv2d or isinstance(module.padding, str):
        return False
    return (module.kernel_size, module.stride, module.padding, module.groups) == ((1, 1), (1, 1), (0, 0), 1)


def depthwise(module: nn.Module | None) -> bool:
    """Whether this is a depthwise 3×3 convolution that the kernels know."""
    if type(module) is not nn.Conv2d or module.padding_mode != "zeros":
        return False
    form = (module.kernel_size, module.padding, module.dilation) == ((3, 3), (1, 1), (1, 1))
    whole = bool(lanes()) and module.in_channels % lanes() == 0  # vectors; zeros beside them make a NaN of an infinity
    strides = module.stride in ((1, 1), (2, 2))
    return form and strides and whole and module.groups == module.in_channels == module.out_channels


def cuts(module: nn.Module | None) -> bool:
    """Whether this is a gate that cuts off, as all kernels know it."""
    return module is not None and top_of(module) is not None


@torch.no_grad()
def taps(convolution: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """The weights (9, C) of a depthwise convolution and its bias, as the kernels read them."""
    return convolution.weight.flatten(1).t().contiguous(), _bias(convolution)


@torch.no_grad()
def filled(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """The weights (C, K) of a 1×1 convolution and its bias, with zeros up to whole vectors."""
    return _to_vectors(layer.weight.flatten(1).t()), _bias(layer)


def _to_vectors(t: Tensor) -> Tensor:
    return functional.pad(t, (0, -t.shape[-1] % lanes()))


def _bias(layer: nn.Conv2d) -> Tensor:
    bias = layer.bias if layer.bias is not None else floats(layer.out_channels).zero_()
    return _to_vectors(bias).contiguous()


@torch.no_grad()
def in_strips(layer: Layer, norm: nn.LayerNorm | None = None, scale: LayerScale | None = None) -> tuple[Tensor, Tensor]:
    """Weights and bias as the kernel reads them, with the scales of the norm and of the outputs in them."""
    (outs, ins), many, block = layer.weight.shape[:2], lanes(), 2 * lanes()
    weight = layer.weight.flatten(1)
    bias = layer.bias if layer.bias is not None else floats(outs).zero_()
    if norm is not None and norm.bias is not None:
        bias = bias + weight @ norm.bias
    if norm is not None and norm.weight is not None:
        weight = weight * norm.weight
    if scale is not None:
        factor = scale.weight.flatten()
        weight, bias = weight * factor.view(-1, 1), bias * factor
    whole = -(-outs // many) * many
    room, summands = floats(whole * ins).zero_(), floats(whole).zero_()
    summands[:outs] = bias
    for o in range(0, whole, block):
        part = weight[o : o + block]
        room[o * ins :][: min(block, whole - o) * ins].view(ins, -1)[:, : len(part)] = part.t()
    return room, summands
