"""Blocks of a 1×1 convolution that widens, a depthwise 3×3 one and a 1×1 one that narrows, for passes without gradients:
MobileNet V2's (Sandler et al. 2018, arXiv:1801.04381). What is between the ends of a block never leaves the cache; separable.c
says how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import torch
from torch import Tensor, fx, nn

from archdsl.accelerate.native.answering import plain
from archdsl.accelerate.native.chains import Chain, Chains, added
from archdsl.accelerate.native.conv import LAST
from archdsl.accelerate.native.kernels import at, floats, lanes, loaded
from archdsl.accelerate.native.known import cuts, depthwise, filled, in_strips, in_turn, pointwise, taps
from archdsl.accelerate.packed import top_of


class AnsweringSeparable(nn.Module):
    """The block, a skip that is added, and the gates. The weights must stay as they are.

    Args:
        widen: the 1×1 convolution before the depthwise one.
        middle: the depthwise one.
        narrow: the 1×1 convolution behind it.
        gates: behind each of the three; None where there is none.
    """

    def __init__(
        self, widen: nn.Conv2d, middle: nn.Conv2d, narrow: nn.Conv2d, gates: tuple[nn.Module | None, ...]
    ) -> None:
        super().__init__()
        self.widen, self.middle, self.narrow = widen, middle, narrow
        self.first, self.second, self.last = gates
        self.stride, self.outs = int(middle.stride[0]), narrow.out_channels
        self.tops = torch.tensor([top_of(gate) for gate in gates], dtype=torch.float32)
        self._held: tuple[Tensor, ...] | None = None

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W) to (N, K, ⌈H/stride⌉, ⌈W/stride⌉), which is the shape of a skip."""
        n, c, h, w = x.shape
        shape = (n, self.outs, (h - 1) // self.stride + 1, (w - 1) // self.stride + 1)
        fits = plain(x) and (skip is None or (plain(skip) and skip.shape == shape))
        if not fits or c != self.widen.in_channels:
            return self._by_torch(x, skip)
        if self._held is None:
            self._held = self._packed()
        lib, threads = loaded("separable"), torch.get_num_threads()
        y = torch.empty(shape, dtype=torch.float32, device="cpu", memory_format=LAST)
        room = floats(lib.separable_workspace(n, h, w, self.outs, self.stride, threads))
        sizes = (n, h, w, c, self.middle.in_channels, self.outs, self.stride)
        lib.separable(at(x), *map(at, self._held), at(skip), at(y), *sizes, at(self.tops), at(room), threads)
        return y

    def _by_torch(self, x: Tensor, skip: Tensor | None) -> Tensor:
        return in_turn((self.widen, self.first, self.middle, self.second, self.narrow), x, skip, self.last)

    @torch.no_grad()
    def _packed(self) -> tuple[Tensor, ...]:
        """Weights and biases as the kernel reads them, with zeros where the narrow channels fill no vector."""
        block, (narrowing, bias) = 2 * lanes(), filled(self.narrow)  # (E, K)
        strips = torch.cat([part.reshape(-1) for rows in narrowing.split(block) for part in rows.split(block, 1)])
        return *in_strips(self.widen), *taps(self.middle), strips, bias


def separables(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> Iterator[Chain]:
    """The blocks of a graph that the kernel knows."""
    chains = Chains(modules)
    for node in list(graph.nodes):
        middle = chains.module(node)
        if not depthwise(middle):
            continue
        gated, first = chains.ahead(node, cuts)
        before, widen = chains.ahead(gated, pointwise)
        after, second = chains.behind(node, cuts)
        end, narrow = chains.behind(after, pointwise)
        if widen is None or narrow is None:
            continue
        up, middle, down = (cast("nn.Conv2d", m) for m in (widen, middle, narrow))
        if middle.in_channels <= max(up.in_channels, down.out_channels):
            continue  # the block does not widen, so that no memory is saved
        summed, skip = added(end)
        last, third = chains.behind(summed, cuts)
        form = AnsweringSeparable(up, middle, down, (first, second, third))
        nodes = (before, gated, node, after, end, summed, last)
        yield Chain(tuple(dict.fromkeys(nodes)), cast("fx.Node", before.args[0]), skip, form)
