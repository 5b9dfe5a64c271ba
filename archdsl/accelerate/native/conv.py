"""3×3 convolutions of stride 1, by minimal filtering: 36 products where the sum over the window takes 144.

The arithmetic of a net like VGG or ResNet is almost all there. Lavin & Gray 2016 (arXiv:1509.09308); winograd.c says how.
Under autocast images are bf16, as torch has them, while weights and all arithmetic stay fp32, which torch rounds too.
On a processor with AMX its tiles do those of bf16, with weights that are rounded, by all products; tiles.c says how.
Whatever does not fit (another window, type or layout, channels that do not fill the processor's vectors) is torch's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Iterable
from functools import cache
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable

from archdsl.accelerate.native import tiles
from archdsl.accelerate.native.holder import bare, copied, free
from archdsl.accelerate.native.kernels import Part, at, available, compile_if_free, floats, kernels, lanes, loaded

LAST = torch.channels_last
WIDE = 16  # lanes of the widest vectors, of which half is worth a form of its own
SMALLEST = 3  # pixels of an output's side from which a tile of 4×4 saves anything


class _Conv(torch.autograd.Function):
    """(N, C, H, W) to (N, K, H + 2·pad − 2, W + 2·pad − 2), of the images' type."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, pad: int, amx: bool) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x, weight)
        ctx.pad, ctx.biased, ctx.amx = pad, bias is not None, amx
        return _made(x, weight, bias, pad, amx)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        dy = dy.contiguous(memory_format=LAST)
        need_x, need_weight, need_bias, *_ = ctx.needs_input_grad
        dx = _made(dy, weight, None, 2 - ctx.pad, ctx.amx, flip=True) if need_x else None
        dweight = _weight_gradient(x, dy, weight, ctx.pad, ctx.amx) if need_weight else None
        return dx, dweight, dy.sum((0, 2, 3), dtype=weight.dtype) if ctx.biased and need_bias else None, None, None


def _made(x: Tensor, weight: Tensor, bias: Tensor | None, pad: int, amx: bool, flip: bool = False) -> Tensor:
    if not amx:
        return convolve(x, weight, bias, pad, flip)
    return tiles.convolve(x, weight, steps_of(weight, flip), weight.shape[1 if flip else 0], bias, pad, flip)


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pad: int,
    flip: bool = False,
    ready: Tensor | None = None,
    top: float = -1.0,
    skip: Tensor | None = None,
) -> Tensor:
    """The convolution alone, without a gradient.

    Args:
        weight: (K, C, 3, 3), with ``flip`` (C, K, 3, 3), which is then rotated by 180 degrees.
        ready: what the filter transform made of the weights.
        top: the output is cut off to 0 … top; below 0 it is not.
        skip: what is added before that, of the output's shape, type and layout.
    """
    (n, c, h, w), threads, k = x.shape, torch.get_num_threads(), weight.shape[1 if flip else 0]
    lib = loaded(*library(c, k, x.dtype))
    y = torch.empty((n, k, h + 2 * pad - 2, w + 2 * pad - 2), dtype=x.dtype, device="cpu", memory_format=LAST)
    workspace = floats(lib.winograd_workspace(w, c, k, threads))
    steps = steps_of(weight, flip)
    own = (at(x), at(weight), steps, at(bias), at(skip), at(y), n, h, w, c, k, pad, flip, at(ready), top)
    lib.winograd(*own, at(workspace), threads)
    return y


def _weight_gradient(x: Tensor, dy: Tensor, weight: Tensor, pad: int, amx: bool) -> Tensor:
    (n, c, h, w), threads, k = x.shape, torch.get_num_threads(), dy.shape[1]
    out = torch.empty_like(weight)
    if amx:
        tiles.weight_gradient(x, dy, out, steps_of(out), pad)
        return out
    lib = loaded("conv", x.dtype, bool(narrow(c, k)))
    workspace = floats(lib.winograd_weight_workspace(w, c, k, threads))
    lib.winograd_weight(at(x), at(dy), at(out), steps_of(out), n, h, w, c, k, pad, at(workspace), threads)
    return out


@cache
def narrow(ins: int, outs: int) -> bool | None:
    """Whether these channels fill only vectors half as wide as the widest; None where they do not fill those either."""
    widest = lanes()
    if not widest:
        return None
    if ins % widest == outs % widest == 0:
        return False
    return True if widest == WIDE and ins % (widest // 2) == outs % (widest // 2) == 0 else None


def library(ins: int, outs: int, kind: torch.dtype) -> tuple[Part, torch.dtype, bool]:
    """The kernels that convolve these channels."""
    fills = narrow(ins, outs)
    return ("partial", kind, False) if fills is None else ("conv", kind, fills)


def steps_of(weight: Tensor, flip: bool = False) -> Any:
    """From output to output channel, input to input channel, row to row, column to column."""
    a, b, c, d = weight.stride()
    return (ctypes.c_long * 4)(*((b, a, c, d) if flip else (a, b, c, d)))


def layer_name(conv: nn.Conv2d, x: Tensor) -> str:
    """What tells a convolution's speed, but for the size of the batch: ``64 to 128 at 16x16, pad 1``."""
    return f"{conv.in_channels} to {conv.out_channels} at {x.shape[2]}x{x.shape[3]}, pad {conv.padding[0]}"


class FastConv(nn.Module):
    """A net's convolution, on its own parameters.

    Args:
        by_torch: the names of layers that torch does.
        amx: on the tiles of the processor, where the images are bf16.
    """

    def __init__(self, conv: nn.Conv2d, by_torch: Collection[str] = (), amx: bool = False) -> None:
        super().__init__()
        self.conv, self.by_torch, self.amx = conv, by_torch, amx

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W)."""
        conv = self.conv
        if not self._fits(x):
            return cast("Tensor", conv(x))
        amx = self._on_tiles(x)
        return cast("Tensor", _Conv.apply(x, conv.weight, conv.bias, int(conv.padding[0]), amx))

    def on_tiles(self, x: Tensor) -> bool:
        """Whether these images are convolved on tiles."""
        return self._on_tiles(x) and self._fits(x)

    def _on_tiles(self, x: Tensor) -> bool:
        return self.amx and x.dtype is torch.bfloat16

    def _by_filtering(self, x: Tensor) -> bool:
        channels = x.shape[1], self.conv.out_channels
        if self.amx and narrow(*channels) is None:  # tiles take channels whose gradients no others have
            return False
        return kernels(*library(*channels, x.dtype)) is not None

    def _fits(self, x: Tensor) -> bool:
        weight, bias, pad = self.conv.weight, self.conv.bias, int(self.conv.padding[0])
        return (
            x.dtype is (torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32)
            and weight.dtype is torch.float32
            and (bias is None or bias.dtype is torch.float32)
            and x.device.type == weight.device.type == "cpu"
            and x.dim() == 4
            and x.shape[1] == weight.shape[1]
            and x.numel() > 0
            and min(x.shape[2:]) + 2 * pad - 2 >= SMALLEST
            and x.is_contiguous(memory_format=LAST)
            and (self._on_tiles(x) or self._by_filtering(x))
            and not (self.by_torch and layer_name(self.conv, x) in self.by_torch)
        )


def takes(module: nn.Module | None, amx: bool = False) -> bool:
    """Whether this is a convolution that the kernels know, forwards and backwards; with ``amx`` those for tiles."""
    if not shaped(module):
        return False
    channels = module.in_channels, module.out_channels
    return tiles.fits(*channels) if amx else narrow(*channels) is not None


def shaped(module: nn.Module | None) -> TypeGuard[nn.Conv2d]:
    """Whether this is a 3×3 convolution of stride 1, of any channels."""
    if type(module) is not nn.Conv2d or not bare(module):
        return False
    pad, form = module.padding, (module.kernel_size, module.stride, module.dilation, module.groups)
    if isinstance(pad, str) or pad[0] != pad[1] or pad[0] > 2 or module.padding_mode != "zeros":
        return False
    return form == ((3, 3), (1, 1), (1, 1), 1)


def compile_ahead(model: nn.Module, precision: str) -> None:
    """Compile the kernels that ``fuse_convs`` will need besides the usual ones, unless another process is at it: that one ends
    while this one reads its data.
    """
    if _has_narrow(model.modules()):
        compile_if_free("conv", torch.bfloat16 if precision == "bf16" else torch.float32, narrow=True)


def _has_narrow(modules: Iterable[nn.Module]) -> bool:
    return any(takes(m) and narrow(m.in_channels, m.out_channels) for m in modules)


def fuse_convs(
    model: fx.GraphModule, precision: str, by_torch: Collection[str] = (), amx: bool = False
) -> fx.GraphModule:
    """The net with such convolutions in this form, on the same parameters; compiles kernels that have not been yet.

    Args:
        by_torch: the names of layers that torch does all the same.
        amx: on the tiles of the processor.
    """
    graph, holder, root = copied(model)
    if not amx and _has_narrow(root.values()):
        available(precision, narrow=True)
    names: dict[str, str] = {}
    for node in graph.nodes:
        name = str(node.target)
        if node.op == "call_module" and len(node.args) == 1 and takes(root.get(name), amx):
            if name not in names:
                names[name] = free(holder, "fast")
                holder.add_module(names[name], FastConv(root[name], by_torch, amx))
            node.target = names[name]
    graph.lint()
    return fx.GraphModule(holder, graph, type(model).__name__) if names else model
