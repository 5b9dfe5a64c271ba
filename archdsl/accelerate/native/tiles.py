"""3×3 convolutions of stride 1 in bf16 on the tiles of AMX, which Intel's processors have had since 2023; tiles.c says how."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from archdsl.accelerate.native.kernels import at, floats, has_tiles, kernels, loaded

LAST = torch.channels_last
FEWEST = 8  # channels; torch's own kernels do fewer as fast, and others would fill less than a quarter of a tile's row


def granted() -> bool:
    """Whether the processor has such tiles, the kernels for them can be had, and the system lets this process use them."""
    if not has_tiles():
        return False
    lib = kernels("tiles", torch.bfloat16)
    return lib is not None and bool(lib.tiles_granted())


def fits(ins: int, outs: int) -> bool:
    """Whether these channels are worth the tiles."""
    return min(ins, outs) >= FEWEST


def convolve(x: Tensor, weight: Tensor, steps: Any, outs: int, bias: Tensor | None, pad: int, flip: bool) -> Tensor:
    """(N, C, H, W) of bf16 to (N, ``outs``, H + 2·pad − 2, W + 2·pad − 2), without a gradient.

    Args:
        weight: float32, whose ``steps`` are from output to output channel, input to input, row to row, column to column.
        flip: rotate the weights by 180 degrees.
    """
    (n, c, h, w), threads, lib = x.shape, torch.get_num_threads(), loaded("tiles", torch.bfloat16)
    y = torch.empty((n, outs, h + 2 * pad - 2, w + 2 * pad - 2), dtype=x.dtype, device="cpu", memory_format=LAST)
    workspace = floats(lib.tiles_workspace(n, h, w, c, outs, pad, threads))
    sizes = (n, h, w, c, outs, pad, flip)
    lib.tiles_convolve(at(x), at(weight), steps, at(bias), at(y), *sizes, at(workspace), threads)
    return y


def weight_gradient(x: Tensor, dy: Tensor, out: Tensor, steps: ctypes.Array[ctypes.c_long], pad: int) -> None:
    """The gradient of the weights, into ``out``, float32 of the weights' shape."""
    (n, c, h, w), threads, lib = x.shape, torch.get_num_threads(), loaded("tiles", torch.bfloat16)
    sizes = (n, h, w, c, dy.shape[1], pad)
    workspace = floats(lib.tiles_weight_workspace(*sizes, threads))
    lib.tiles_weight(at(x), at(dy), at(out), steps, *sizes, at(workspace), threads)
