"""A convolution on tiles and the batch norm behind it as one, bit for bit; joint.c says how.

A training step waits for memory half of its time. The gradient between the two is as large as the images, and would be written
once and read twice; here it stays in the cache.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable

from archdsl.accelerate.native.conv import LAST, FastConv, steps_of
from archdsl.accelerate.native.holder import copied, free
from archdsl.accelerate.native.kernels import BLOCKS, at, floats, loaded
from archdsl.accelerate.native.norm import FusedNorm


class _Joint(torch.autograd.Function):
    """(N, C, H, W) of bf16 as ``_Conv`` without a bias and then ``_Norm`` have it."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        x: Tensor,
        kernel: Tensor,
        skip: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        pad: int,
        eps: float,
        relu: bool,
        pool: bool,
        averages: tuple[Tensor | None, Tensor | None, float],
    ) -> Tensor:
        (n, c, h, w), outs, threads = x.shape, kernel.shape[0], torch.get_num_threads()
        lib = loaded("tiles", torch.bfloat16)
        rows, columns = h + 2 * pad - 2, w + 2 * pad - 2
        y = _images(x, n, outs, rows, columns)
        shape = (n, outs, rows // 2, columns // 2) if pool else (n, outs, rows, columns)
        z = _images(x, *shape)
        place = torch.empty(shape, dtype=torch.uint8, device="cpu", memory_format=LAST) if pool else None
        kept, sums = floats(4, outs), torch.empty(BLOCKS * 2 * outs, dtype=torch.float64, device="cpu")
        sizes = (n, h, w, c, outs, pad)
        workspace = floats(lib.joint_workspace(*sizes, threads))
        mean, var, momentum = averages
        images = (at(x), at(kernel), steps_of(kernel), at(skip), at(y), at(z), at(place))
        numbers = (at(weight), at(bias), eps, relu, at(kept), at(mean), at(var), momentum)
        lib.joint_forward(*images, *sizes, *numbers, at(sums), at(workspace), threads)
        # As in _Norm: z is the gate where there is a skip.
        gate = z if skip is not None and (relu or not pool) else None
        ctx.save_for_backward(x, kernel, y, gate, place, kept)
        ctx.pad, ctx.relu, ctx.skips = pad, relu, skip is not None
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel, y, gate, place, kept = ctx.saved_tensors
        (n, c, h, w), outs, threads, lib = x.shape, y.shape[1], torch.get_num_threads(), loaded("tiles", torch.bfloat16)
        dz = dz.contiguous(memory_format=LAST)
        wanted = ctx.needs_input_grad
        dx = torch.empty_like(x) if wanted[0] else None
        dkernel, dskip = torch.empty_like(kernel), torch.empty_like(y) if ctx.skips else None
        dweight, dbias, room = floats(outs), floats(outs), floats(2, outs)
        sums = torch.empty(BLOCKS * 2 * outs, dtype=torch.float64, device="cpu")
        sizes = (n, h, w, c, outs, ctx.pad)
        workspace = floats(lib.joint_back_workspace(*sizes, threads))
        kernels = (at(kernel), steps_of(dkernel), steps_of(kernel, flip=True))
        images = (at(x), *kernels, *map(at, (y, gate, dz, place, dx, dkernel, dskip)))
        lib.joint_backward(*images, *sizes, ctx.relu, *map(at, (kept, dweight, dbias, room, sums, workspace)), threads)
        numbers = (dweight if wanted[3] else None, dbias if wanted[4] else None)
        return dx, dkernel if wanted[1] else None, dskip, *numbers, *[None] * 5


def _images(x: Tensor, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=x.dtype, device="cpu", memory_format=LAST)


class JointNorm(nn.Module):
    """A net's convolution and the norm behind it, with what follows that."""

    def __init__(self, conv: FastConv, norm: FusedNorm) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W), and a skip of the convolution's output's shape."""
        if not self._fits(x, skip):
            return cast("Tensor", self.norm(self.conv(x), skip))
        conv, fused = self.conv.conv, self.norm
        norm, pad, pool = fused.norm, int(conv.padding[0]), fused.pool is not None
        own = (norm.weight, norm.bias, pad, norm.eps, fused.relu, pool, fused.averages())
        return cast("Tensor", _Joint.apply(x, conv.weight, skip, *own))

    def _fits(self, x: Tensor, skip: Tensor | None) -> bool:
        conv = self.conv.conv
        if conv.bias is not None or not conv.weight.requires_grad or not self.conv.on_tiles(x):
            return False
        (n, c, h, w), pad, outs = x.shape, int(conv.padding[0]), conv.out_channels
        fits = self.norm.fits((n, outs, h + 2 * pad - 2, w + 2 * pad - 2), x.dtype, skip)
        if not fits:
            return False
        lib = loaded("tiles", x.dtype)
        return bool(lib.joint_fits(n, h, w, c, outs, pad, torch.get_num_threads()))


def join_norms(model: fx.GraphModule) -> fx.GraphModule:
    """The net with each convolution on tiles that only a norm reads, and that norm, as one module on the same parameters."""
    graph, holder, root = copied(model)
    joined = 0
    for node in list(graph.nodes):
        norm = root.get(str(node.target)) if node.op == "call_module" else None
        before = node.args[0] if node.args else None
        if not isinstance(norm, FusedNorm) or not isinstance(before, fx.Node) or before.op != "call_module":
            continue
        conv = root.get(str(before.target))
        if not isinstance(conv, FastConv) or not conv.amx or len(before.users) != 1 or before in node.args[1:]:
            continue
        name = free(holder, "joint")
        holder.add_module(name, JointNorm(conv, norm))
        with graph.inserting_after(node):
            made = graph.call_module(name, (before.args[0], *node.args[1:]))
        node.replace_all_uses_with(made)
        graph.erase_node(node)
        graph.erase_node(before)
        joined += 1
    graph.lint()
    return fx.GraphModule(holder, graph, type(model).__name__) if joined else model
