"""Blocks around a depthwise 3×3 convolution, for passes without gradients: MobileNets' (Howard et al. 2017, arXiv:1704.04861;
Sandler et al. 2018, arXiv:1801.04381). What is between the ends of a block never leaves the cache; separable.c says how.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from archdsl.accelerate.native.answering import plain
from archdsl.accelerate.native.conv import LAST
from archdsl.accelerate.native.kernels import at, floats, kernels, lanes, loaded
from archdsl.accelerate.packed import top_of

MOST, FEWEST = 64, 4  # channels of a block that does not widen, and images, beyond which oneDNN is faster


class AnsweringSeparable(nn.Module):
    """The block, a skip that is added, and the gates. The weights must stay as they are.

    Args:
        widen: the 1×1 convolution before the depthwise one, if there is one.
        depthwise: the depthwise one.
        narrow: the 1×1 convolution behind it.
        gates: behind each of the three; None where there is none.
        each: the layers with their gates, for what the kernel does not take or is slower at; the last one takes the skip.
    """

    def __init__(
        self,
        widen: nn.Conv2d | None,
        depthwise: nn.Conv2d,
        narrow: nn.Conv2d,
        gates: tuple[nn.Module | None, ...],
        each: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.each = nn.ModuleList(each)
        self.layers = nn.ModuleList([layer for layer in (widen, depthwise, narrow) if layer is not None])
        self.first, self.second, self.last = gates
        self.widens, self.stride, self.outs = widen is not None, int(depthwise.stride[0]), narrow.out_channels
        self.tops = torch.tensor([top_of(gate) for gate in gates])
        self._held: tuple[Tensor | None, ...] | None = None

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W) to (N, K, ⌈H/stride⌉, ⌈W/stride⌉), which is the shape of a skip."""
        n, c, h, w = x.shape
        rows, columns = (h - 1) // self.stride + 1, (w - 1) // self.stride + 1
        shape = (n, self.outs, rows, columns)
        fits = plain(x) and (skip is None or (plain(skip) and skip.shape == shape))
        if not fits or kernels("separable") is None or c != self.layers[0].in_channels or self._is_slower(n, c):
            return self._by_each(x, skip) if self.each else self._by_torch(x, skip)
        if self._held is None:
            self._held = self._packed()
        lib, threads = loaded("separable"), torch.get_num_threads()
        wide, k = cast("Tensor", self._held[2]).shape[1], self.outs
        y = torch.empty(shape, dtype=torch.float32, device="cpu", memory_format=LAST)
        room = floats(lib.separable_workspace(n, h, w, c, k, self.stride, self.widens, threads))
        sizes = (n, h, w, c, wide, k, self.stride)
        lib.separable(at(x), *map(at, self._held), at(skip), at(y), *sizes, at(self.tops), at(room), threads)
        return y

    def _is_slower(self, images: int, channels: int) -> bool:
        """Where nothing widens, little memory is saved; of many channels and images oneDNN's products are faster."""
        return bool(self.each) and not self.widens and channels > MOST and images > FEWEST

    def _by_each(self, x: Tensor, skip: Tensor | None) -> Tensor:
        *before, last = self.each
        for layer in before:
            x = layer(x)
        made: Tensor = last(x) if skip is None else last(x, skip)
        return made

    def _by_torch(self, x: Tensor, skip: Tensor | None) -> Tensor:
        gates = (self.first, self.second) if self.widens else (self.second,)
        for layer, gate in zip(self.layers, (*gates, None), strict=True):
            x = layer(x)
            x = x if gate is None else gate(x)
        x = x if skip is None else x + skip
        return x if self.last is None else cast("Tensor", self.last(x))

    @torch.no_grad()
    def _packed(self) -> tuple[Tensor | None, ...]:
        """Weights and biases as the kernel reads them, with zeros where the narrow channels fill no vector."""
        *before, depthwise, narrow = cast("list[nn.Conv2d]", list(self.layers))
        many, block = lanes(), 2 * lanes()

        def filled(t: Tensor) -> Tensor:
            return functional.pad(t, (0, -t.shape[-1] % many))

        def bias(layer: nn.Conv2d) -> Tensor:
            return filled(floats(layer.out_channels).zero_() if layer.bias is None else layer.bias).contiguous()

        weight = depthwise.weight.flatten(1).t().contiguous()  # (9, E)
        down = filled(narrow.weight.flatten(1).t())  # (E, K)
        strips = (part.reshape(-1) for rows in down.split(block) for part in rows.split(block, 1))
        first: tuple[Tensor | None, ...] = (None, None)
        if before:
            up = before[0].weight.flatten(1).t()  # (C, E)
            first = (torch.cat([part.reshape(-1) for part in up.split(block, 1)]), bias(before[0]))
        return (*first, weight, bias(depthwise), torch.cat(list(strips)), bias(narrow))


@dataclass(frozen=True)
class Separable:
    """A block in a graph: the nodes that one call replaces, in order; those before the gate of each layer; what arrives, and what
    is added.
    """

    nodes: tuple[fx.Node, ...]
    made: tuple[fx.Node, ...]
    arrives: fx.Node
    skip: fx.Node | None
    layers: tuple[nn.Conv2d | None, nn.Conv2d, nn.Conv2d]
    gates: tuple[nn.Module | None, ...]


def separables(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> Iterator[Separable]:
    """The blocks of a graph that the kernel knows, each of whose values nothing else reads."""

    def module(node: Any) -> nn.Module | None:
        called = isinstance(node, fx.Node) and node.op == "call_module" and len(node.args) == 1
        return modules.get(str(node.target)) if called else None

    def gated(node: fx.Node) -> tuple[fx.Node, nn.Module | None]:
        """What reads a value alone and is a gate, and the gate; else the value itself."""
        user = next(iter(node.users)) if len(node.users) == 1 else None
        gate = module(user)
        return (user, gate) if user is not None and _cuts(gate) else (node, None)

    for node in list(graph.nodes):
        middle = module(node)
        if not _depthwise(middle):
            continue
        before, gate = node.args[0], module(node.args[0])
        alone = len(before.users) == 1
        if _cuts(gate) and alone:
            before, alone = before.args[0], len(before.args[0].users) == 1
        else:
            gate = None
        widen = module(before) if alone else None
        if not _pointwise(widen):
            widen, gate, before = None, None, node
        after, second = gated(node)
        end = next(iter(after.users)) if len(after.users) == 1 else None
        narrow = module(end)
        if end is None or not _pointwise(narrow):
            continue
        summed, skip = added(end)
        last, third = gated(summed)
        nodes = (before, *([node.args[0]] if gate is not None else []), node, after, end, summed, last)
        layers = cast("tuple[nn.Conv2d | None, nn.Conv2d, nn.Conv2d]", (widen, middle, narrow))
        made = (before, node, summed) if widen is not None else (node, summed)
        yield Separable(tuple(dict.fromkeys(nodes)), made, before.args[0], skip, layers, (gate, second, third))


def added(node: fx.Node) -> tuple[fx.Node, fx.Node | None]:
    """The sum of a value and another one, where nothing else reads the value, and that other one; else the value and None."""
    user = next(iter(node.users)) if len(node.users) == 1 else None
    if user is None or user.op != "call_function" or user.target is not operator.add or len(user.args) != 2:
        return node, None
    others = [other for other in user.args if other is not node]
    return (user, others[0]) if len(others) == 1 and isinstance(others[0], fx.Node) else (node, None)


def _pointwise(module: nn.Module | None) -> bool:
    if type(module) is not nn.Conv2d or isinstance(module.padding, str):
        return False
    return (module.kernel_size, module.stride, module.padding, module.groups) == ((1, 1), (1, 1), (0, 0), 1)


def _depthwise(module: nn.Module | None) -> bool:
    if type(module) is not nn.Conv2d or module.padding_mode != "zeros":
        return False
    form = (module.kernel_size, module.padding, module.dilation) == ((3, 3), (1, 1), (1, 1))
    whole = bool(lanes()) and module.in_channels % lanes() == 0  # vectors; zeros beside them make a NaN of an infinity
    strides = module.stride in ((1, 1), (2, 2))
    return form and strides and whole and module.groups == module.in_channels == module.out_channels


def _cuts(module: nn.Module | None) -> bool:
    """Whether this is a gate that the kernel knows."""
    return module is not None and top_of(module) is not None
