"""Linear layers and 1×1 convolutions for passes without gradients, with the layer norm or the depthwise convolution before
them, and the learnt scale, the sum with a skip and the gate behind them; dense.c says how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from archdsl.accelerate.native.answering import plain
from archdsl.accelerate.native.chains import Chain, Chains, added
from archdsl.accelerate.native.conv import LAST
from archdsl.accelerate.native.kernels import at, floats, lanes, loaded
from archdsl.accelerate.native.known import Layer, cuts, depthwise, in_strips, in_turn, pointwise, taps
from archdsl.accelerate.packed import top_of
from archdsl.emit.layers import LayerNorm2d, LayerScale, PixelLinear

CUT, GELU, TANH_GELU, SILU = range(4)  # as in dense.c
NO_NORM = -1.0
_GATES: dict[type[nn.Module], Callable[[Any], int]] = {
    nn.GELU: lambda m: TANH_GELU if m.approximate == "tanh" else GELU,
    nn.SiLU: lambda _: SILU,
}
WIDEST = 1024  # outputs of the first one of two layers: with more, too few rows of it stay in a core's own cache
FEWEST = 12  # rows a thread from which on two layers are one call


class AnsweringDense(nn.Module):
    """The layer of rows (…, C), or of pixels (N, C, H, W), and what is around it. The weights must stay as they are.

    Args:
        layer: a linear layer, or a 1×1 convolution.
        norm: of each row before the layer.
        scale: a learnt factor of each output, or of all.
        gate: behind the sum with the skip.
    """

    def __init__(
        self,
        layer: Layer,
        norm: nn.LayerNorm | None = None,
        scale: LayerScale | None = None,
        gate: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.norm, self.layer, self.scale, self.gate = norm, layer, scale, gate
        self.pixels = _of_pixels(layer)
        self.outs, self.ins = layer.weight.shape[:2]
        self.eps = NO_NORM if norm is None else norm.eps
        self.kind, self.top = _gate(gate)
        self._held: tuple[Tensor, ...] | None = None

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(…, C) to (…, K), or (N, C, H, W) to (N, K, H, W), which is the shape of a skip."""
        given = self.given(x)
        if not self.takes(given) or not self.adds(given, skip):
            return self._by_torch(x, skip)  # which says what is wrong with a shape
        y, threads = self.room(given), torch.get_num_threads()
        lib, sizes = loaded("dense"), (given.numel() // self.ins, self.ins, self.outs)
        weights, bias = map(at, self.held())
        room = floats(lib.dense_workspace(0, threads))
        lib.dense(at(given), weights, bias, at(skip), at(y), *sizes, self.eps, self.kind, self.top, at(room), threads)
        return y

    def given(self, x: Tensor) -> Tensor:
        """What the kernel reads."""
        return x if self.pixels else x.contiguous()

    def takes(self, x: Tensor) -> bool:
        """Whether the kernel knows such values."""
        return self._known(x) and x.shape[1 if self.pixels else -1] == self.ins

    def adds(self, x: Tensor, skip: Tensor | None) -> bool:
        """Whether the kernel can add the skip to what it makes of values."""
        return skip is None or (skip.shape == self._shape(x) and self._known(skip))

    def room(self, x: Tensor) -> Tensor:
        """For what is made of values."""
        form = LAST if self.pixels else torch.contiguous_format
        return torch.empty(self._shape(x), dtype=torch.float32, device="cpu", memory_format=form)

    def held(self) -> tuple[Tensor, ...]:
        """Weights and bias as the kernel reads them."""
        if self._held is None:
            self._held = in_strips(self.layer, self.norm, self.scale)
        return self._held

    def _known(self, x: Tensor) -> bool:
        if self.pixels:
            return plain(x)
        return x.dtype is torch.float32 and x.device.type == "cpu" and x.numel() > 0 and x.is_contiguous()

    def _shape(self, x: Tensor) -> tuple[int, ...]:
        return (len(x), self.outs, *x.shape[2:]) if self.pixels else (*x.shape[:-1], self.outs)

    def _by_torch(self, x: Tensor, skip: Tensor | None) -> Tensor:
        return in_turn((self.norm, self.layer, self.scale), x, skip, self.gate)


class AnsweringPair(nn.Module):
    """Two such layers, the first of them without a skip: what is between them never leaves the cache."""

    def __init__(self, first: AnsweringDense, second: AnsweringDense) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """As of the second one after the first one."""
        first, second = self.first, self.second
        given, threads = first.given(x), torch.get_num_threads()
        rows = given.numel() // first.ins
        if rows < FEWEST * threads or not first.takes(given) or not second.adds(given, skip):
            made: Tensor = second(first(x), skip)
            return made
        y, lib = second.room(given), loaded("dense")
        sizes, room = (rows, first.ins, first.outs, second.outs), floats(lib.dense_workspace(first.outs, threads))
        weights, more = map(at, first.held()), map(at, second.held())
        one, two = (*weights, first.kind, first.top), (*more, at(skip), at(y))
        lib.dense_pair(at(given), *one, *two, *sizes, first.eps, second.kind, second.top, at(room), threads)
        return y


class AnsweringDepthwise(nn.Module):
    """A depthwise 3×3 convolution, its gate, and the 1×1 convolution behind it with what follows: MobileNets' blocks (Howard et
    al. 2017, arXiv:1704.04861). The weights must stay as they are.

    Args:
        between: the gate of the depthwise convolution, which cuts off.
        scale, gate: as of ``AnsweringDense``.
    """

    def __init__(
        self,
        depthwise: nn.Conv2d,
        between: nn.Module | None,
        layer: Layer,
        scale: LayerScale | None = None,
        gate: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.depthwise, self.between, self.layer, self.scale, self.gate = depthwise, between, layer, scale, gate
        self.stride, self.outs = int(depthwise.stride[0]), layer.weight.shape[0]
        self.kind, self.top = _gate(gate)
        self.first = cast("float", top_of(between))
        self._held: tuple[Tensor, ...] | None = None

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W) to (N, K, ⌈H/stride⌉, ⌈W/stride⌉), which is the shape of a skip."""
        n, c, h, w = x.shape
        shape = (n, self.outs, (h - 1) // self.stride + 1, (w - 1) // self.stride + 1)
        fits = plain(x) and c == self.depthwise.in_channels == self.layer.weight.shape[1]
        if not fits or (skip is not None and not (skip.shape == shape and plain(skip))):
            return self._by_torch(x, skip)
        if self._held is None:
            self._held = (*taps(self.depthwise), *in_strips(self.layer, None, self.scale))
        y = torch.empty(shape, dtype=torch.float32, device="cpu", memory_format=LAST)
        lib, threads = loaded("dense"), torch.get_num_threads()
        room, sizes = floats(lib.dense_workspace(0, threads) + w * c), (n, h, w, c, self.outs, self.stride)
        weight, summand, weights, bias = map(at, self._held)
        before, layer = (weight, summand, self.first), (weights, bias, at(skip), at(y))
        lib.depthwise_dense(at(x), *before, *layer, *sizes, self.kind, self.top, at(room), threads)
        return y

    def _by_torch(self, x: Tensor, skip: Tensor | None) -> Tensor:
        return in_turn((self.depthwise, self.between, self.layer, self.scale), x, skip, self.gate)


def denses(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> Iterator[Chain]:
    """The layers of a graph that the kernel knows, with what is around them; none where they fill no vector."""
    chains = Chains(modules)
    known = [node for node in graph.nodes if _dense(chains.module(node))]
    if all(cast("Layer", chains.module(node)).weight.shape[0] < lanes() for node in known):
        return
    taken = set[fx.Node]()
    for node in known:
        if node in taken:
            continue
        chain = _chain(chains, node)
        (last,) = chain.nodes[-1:]
        after = next(iter(last.users)) if len(last.users) == 1 else None
        if after is not None and after in known and isinstance(chain.form, AnsweringDense) and chain.skip is None:
            more = _chain(chains, after)
            if isinstance(more.form, AnsweringDense) and _pairs(chain.form, more.form):
                taken.add(after)
                nodes = (*chain.nodes, *more.nodes)
                chain = Chain(nodes, chain.arrives, more.skip, AnsweringPair(chain.form, more.form))
        yield chain


def _chain(chains: Chains, node: fx.Node) -> Chain:
    """A layer with what is around it."""
    layer = cast("Layer", chains.module(node))
    outs = layer.weight.shape[0]
    scaled, scale = chains.behind(node, lambda m: isinstance(m, LayerScale) and _scales(m, outs))
    summed, skip = added(scaled)
    last, gate = chains.behind(summed, lambda m: type(m) in _GATES or cuts(m))
    begin, form = _beginning(chains, node, layer, cast("LayerScale | None", scale), gate)
    nodes = (*begin, node, scaled, summed, last)
    return Chain(tuple(dict.fromkeys(nodes)), cast("fx.Node", nodes[0].args[0]), skip, form)


def _pairs(first: AnsweringDense, second: AnsweringDense) -> bool:
    """Whether two layers, one behind the other, can be one call."""
    fits = first.pixels == second.pixels and first.outs == second.ins
    return fits and second.norm is None and first.outs <= WIDEST


def _beginning(
    chains: Chains, node: fx.Node, layer: Layer, scale: LayerScale | None, gate: nn.Module | None
) -> tuple[tuple[fx.Node, ...], nn.Module]:
    """The nodes before a layer that its call takes in, and the form of all."""
    if type(layer) is nn.Conv2d:
        gated, between = chains.ahead(node, cuts)
        first, convolution = chains.ahead(gated, depthwise)
        if convolution is not None:
            return (first, gated), AnsweringDepthwise(cast("nn.Conv2d", convolution), between, layer, scale, gate)
    before, norm = chains.ahead(node, lambda m: _normalises(m, layer))
    return (before,), AnsweringDense(layer, cast("nn.LayerNorm | None", norm), scale, gate)


def _gate(gate: nn.Module | None) -> tuple[int, float]:
    """A gate as the kernel knows it: its kind, and where it cuts off."""
    make = _GATES.get(type(gate)) if gate is not None else None
    return (CUT, cast("float", top_of(gate))) if make is None else (make(gate), -1.0)


def _dense(layer: nn.Module | None) -> bool:
    return type(layer) in (nn.Linear, PixelLinear) or pointwise(layer)


def _of_pixels(layer: nn.Module) -> bool:
    return type(layer) is not nn.Linear


def _scales(scale: LayerScale, outs: int) -> bool:
    """Whether this is a factor of each output, or of all of them."""
    return type(scale) is LayerScale and scale.weight.numel() in (1, outs)


def _normalises(norm: nn.Module, layer: Layer) -> bool:
    """Whether this is a norm of all numbers of a row that a layer takes."""
    kind = LayerNorm2d if _of_pixels(layer) else nn.LayerNorm
    return type(norm) is kind and norm.normalized_shape == (layer.weight.shape[1],)
