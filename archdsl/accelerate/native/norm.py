"""Batch norm with what follows it, in two passes over the memory instead of torch's five and more.

A training step of a small net on a CPU waits for memory, not for arithmetic: batch norm, ReLU and pooling took
half of it. Here the normalised values before the gate are never written, and the gradient of the gate, of the
pooling and of the normalisation is one pass. In eval mode, and for whatever does not fit (another type or
layout, odd sides before a pooling), torch's own functions are taken.
"""

from __future__ import annotations

import operator
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from archdsl.accelerate.native.holder import bare, copied, free
from archdsl.accelerate.native.kernels import BLOCKS, at, floats, kernels, loaded

LAST = torch.channels_last
# Channels, or channels × width before a pooling: a thread keeps up to five arrays of so many floats on its stack.
WIDEST = 16384


class _Norm(torch.autograd.Function):
    """(N, C, H, W) to the same shape, or with ``pool`` to (N, C, H/2, W/2). ``averages``: the moving mean and variance, in place,
    and the weight of the batch in them; None: there are none.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        x: Tensor,
        skip: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
        relu: bool,
        pool: bool,
        averages: tuple[Tensor | None, Tensor | None, float],
    ) -> Tensor:
        (n, c, h, w), lib = x.shape, loaded("norm", x.dtype)
        shape = (n, c, h // 2, w // 2) if pool else (n, c, h, w)
        y = torch.empty(shape, dtype=x.dtype, device="cpu", memory_format=LAST)
        place = torch.empty(shape, dtype=torch.uint8, device="cpu", memory_format=LAST) if pool else None
        kept = floats(4, c)
        sums = torch.empty(BLOCKS * 2 * c, dtype=torch.float64, device="cpu")
        mean, var, momentum = averages
        images, numbers = map(at, (x, skip, y, place)), (at(weight), at(bias), eps, relu)
        moving = (at(mean), at(var), momentum)
        lib.norm_forward(*images, n, h, w, c, *numbers, at(kept), *moving, at(sums), torch.get_num_threads())
        # y is the gate where there is a skip. Without a gate it is not kept: what follows may change it in place.
        gate = y if skip is not None and (relu or not pool) else None
        ctx.save_for_backward(x, gate, place, kept)
        ctx.gate, ctx.skips = relu, skip is not None
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, y, place, kept = ctx.saved_tensors
        (n, c, h, w), lib = x.shape, loaded("norm", x.dtype)
        dy = dy.contiguous(memory_format=LAST)
        dx = torch.empty_like(x)
        dskip = torch.empty_like(x) if ctx.skips else None
        dweight, dbias, room = floats(c), floats(c), floats(2, c)
        sums = torch.empty(BLOCKS * 2 * c, dtype=torch.float64, device="cpu")
        images, numbers = map(at, (x, y, dy, place, dx, dskip)), map(at, (kept, dweight, dbias, room, sums))
        lib.norm_backward(*images, n, h, w, c, ctx.gate, *numbers, torch.get_num_threads())
        wanted = ctx.needs_input_grad
        return dx, dskip, dweight if wanted[2] else None, dbias if wanted[3] else None, None, None, None, None


class FusedNorm(nn.Module):
    """A net's batch norm, and then a skip that is added, ReLU, and max-pooling over 2×2, as far as they follow it."""

    def __init__(self, norm: nn.BatchNorm2d, relu: bool = False, pool: nn.MaxPool2d | None = None) -> None:
        super().__init__()
        self.norm, self.relu, self.pool = norm, relu, pool

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W), and a skip of the same shape."""
        if not self._fits(x, skip):
            y = self.norm(x)
            y = y if skip is None else y + skip
            y = y if self.pool is None else self.pool(y)
            return functional.relu(y, inplace=True) if self.relu else y
        norm, pool = self.norm, self.pool is not None
        y = _Norm.apply(x, skip, norm.weight, norm.bias, norm.eps, self.relu, pool, self.averages())
        return cast("Tensor", y)

    def _fits(self, x: Tensor, skip: Tensor | None) -> bool:
        plain = x.device.type == "cpu" and x.is_contiguous(memory_format=LAST)
        return plain and self.fits(tuple(x.shape), x.dtype, skip) and kernels("norm", x.dtype) is not None

    def fits(self, shape: tuple[int, ...], kind: torch.dtype, skip: Tensor | None) -> bool:
        """Whether the kernels do this norm with what follows it, of images (N, C, H, W) as they take them."""
        n, c, h, w = shape
        fits = (
            self.norm.training
            and type(self.norm) is nn.BatchNorm2d  # `syncbn` makes another of it
            and c == self.norm.num_features
            and n * h * w > 1
            and c <= WIDEST
            and all(p is None or p.dtype == torch.float32 for p in self._numbers())
        )
        if fits and skip is not None:
            fits = tuple(skip.shape) == shape and skip.dtype == kind and skip.is_contiguous(memory_format=LAST)
        if fits and self.pool is not None:
            fits = h % 2 == 0 and w % 2 == 0 and c * w <= WIDEST
        return fits

    def _numbers(self) -> tuple[Tensor | None, ...]:
        norm = self.norm
        return norm.weight, norm.bias, norm.running_mean, norm.running_var

    def averages(self) -> tuple[Tensor | None, Tensor | None, float]:
        """The moving averages, and the weight of this batch, which is counted, in them."""
        norm = self.norm
        if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
            return None, None, 0.0
        norm.num_batches_tracked.add_(1)
        momentum = norm.momentum if norm.momentum is not None else 1.0 / float(norm.num_batches_tracked)
        return norm.running_mean, norm.running_var, momentum


def fuse_norms(model: fx.GraphModule) -> fx.GraphModule:
    """The net with each batch norm and what follows it as one module, on the same parameters and buffers."""
    graph, holder, root = copied(model)
    norms = [node for node in graph.nodes if _type(node, root) is nn.BatchNorm2d and len(node.args) == 1]
    for node in norms:
        last, skip, relu, pool = _chain(node, root)
        name = free(holder, "fused")
        holder.add_module(name, FusedNorm(root[str(node.target)], relu, pool))
        with graph.inserting_after(last):
            args = (node.args[0],) if skip is None else (node.args[0], skip)
            made = graph.call_module(name, args)
        last.replace_all_uses_with(made)
        while last is not node:  # from the last of the chain up to the norm
            before = next(a for a in last.all_input_nodes if a is not skip)
            graph.erase_node(last)
            last = before
        graph.erase_node(node)
    graph.lint()
    return fx.GraphModule(holder, graph, type(model).__name__)


def _chain(norm: fx.Node, root: dict[str, Any]) -> tuple[fx.Node, fx.Node | None, bool, nn.MaxPool2d | None]:
    """The last node that the fused module stands for, the skip, and whether there are a ReLU and a pooling."""
    last, skip, pool = norm, None, None
    follower = _only_user(last)
    if follower is not None and follower.op == "call_function" and follower.target is operator.add:
        after = _only_user(follower)
        others = [a for a in follower.args if a is not norm]
        # Only with a ReLU or a pooling behind it: a bare sum is left to torch, which needs no mask for its gradient.
        wanted = after is not None and (_type(after, root) is nn.ReLU or _halves(after, root))
        if not wanted or len(others) != 1 or not isinstance(others[0], fx.Node):
            return last, None, False, None
        skip, last, follower = others[0], follower, after
    if follower is not None and _halves(follower, root):
        pool, last = root[str(follower.target)], follower
        follower = _only_user(last)
    relu = follower is not None and _type(follower, root) is nn.ReLU
    return (follower if relu and follower is not None else last), skip, relu, pool


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _type(node: fx.Node, root: dict[str, Any]) -> type | None:
    """The type of a module that has nothing attached to it."""
    module = root.get(str(node.target)) if node.op == "call_module" else None
    return type(module) if module is not None and bare(module) else None


def _halves(node: fx.Node, root: dict[str, Any]) -> bool:
    """Whether this is a max-pooling over windows of 2×2 that are side by side."""
    if _type(node, root) is not nn.MaxPool2d:
        return False
    pool = root[str(node.target)]
    same = all(v in (2, (2, 2)) for v in (pool.kernel_size, pool.stride))
    return (
        same
        and pool.padding in (0, (0, 0))
        and pool.dilation in (1, (1, 1))
        and not pool.ceil_mode
        and not pool.return_indices
    )
