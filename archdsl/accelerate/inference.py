"""The form of a trained net that is fastest at inference on a CPU, in float32."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from archdsl.accelerate.bounds import bounds, within
from archdsl.accelerate.memory import keep_pages
from archdsl.accelerate.native import available
from archdsl.accelerate.native.answering import AnsweringConv, AnsweringNorm, AnsweringPool, answers, norms, pools
from archdsl.accelerate.native.chains import Chain, added, replace
from archdsl.accelerate.native.dense import denses
from archdsl.accelerate.native.holder import bare, copied, free
from archdsl.accelerate.native.kernels import Part, kernels
from archdsl.accelerate.native.separable import separables
from archdsl.accelerate.packed import Guard, convolves, known, packed, top_of
from archdsl.emit.layers import Ode
from archdsl.export.fold import fold_pair, foldable

Finder = Callable[[fx.Graph, Mapping[str, nn.Module]], Iterator[Chain]]
LAST = torch.channels_last
HELD = 16 << 20  # bytes a thread: about as much of a layer's output as the last cache holds
FEWEST = 4  # images a thread that are worth a pass of their own


class Answering(nn.Module):
    """(N, C, H, W) in any layout to what the net gives, without gradients.

    A batch whose layers are larger than the caches goes through the net in parts: what one layer writes, the next one then
    finds in the cache.
    """

    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__()
        self.guard = Guard()
        self.net, self._largest = _packed(net, self.guard), dict[tuple[int, ...], int]()
        self.last = any(p.dim() == 4 for p in net.parameters())  # a net without convolutions would turn images back

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """The net's output."""
        x = _channels_last(images) if self.last else images
        self.guard.holds = within(x)
        parts = x.split(self._at_once(x))
        answers: list[Tensor] = [self.net(part) for part in parts]
        return answers[0] if len(answers) == 1 else torch.cat(answers)

    def _at_once(self, x: Tensor) -> int:
        threads = torch.get_num_threads()
        if len(x) <= FEWEST * threads:
            return max(1, len(x))
        if x.shape[1:] not in self._largest:
            sizes = _Sizes(self.net)
            sizes.run(x[:1])
            self._largest[tuple(x.shape[1:])] = sizes.largest
        fitting = HELD * threads // self._largest[tuple(x.shape[1:])]
        return max(FEWEST * threads, 1 << max(0, fitting.bit_length() - 1))


def _channels_last(images: Tensor) -> Tensor:
    """Images of one channel have both layouts at once; their strides are made to say so."""
    n, c, h, w = images.shape
    if c == 1 and images.numel():
        return images.contiguous().as_strided((n, c, h, w), (h * w, 1, w, 1))
    return images.contiguous(memory_format=LAST)


class _Sizes(fx.Interpreter):
    """Notes the bytes of the largest value in a pass."""

    largest = 1

    def run_node(self, n: fx.Node) -> Any:
        found = super().run_node(n)
        if isinstance(found, Tensor) and n.op == "call_module":
            self.largest = max(self.largest, found.numel() * found.element_size())
        return found


def answering(model: nn.Module, images: bool) -> nn.Module:
    """The net with batch norms folded into the layers before them and gates into the convolutions, in channels_last, with our
    convolutions where they know them, in a process that keeps the memory that it frees. The figures are those of the net but
    for rounding, about 1e-6 of the largest one.

    It is for nets in eval mode that work on images on a CPU, built by ``emit.build``. Any other is returned as it is. So is one
    with hooks, which would miss the layers that are replaced, and one with an ODE, whose solver may choose its steps for a whole
    batch. The model keeps its weights, in another memory layout; call this again after they have changed.

    Args:
        images: the net takes (N, C, H, W).
    """
    if not images or not isinstance(model, fx.GraphModule) or model.training:
        return model
    parameters = list(model.parameters())
    if any(p.device.type != "cpu" or p.dtype != torch.float32 for p in parameters):
        return model
    if not all(bare(module) and not isinstance(module, Ode) for module in model.modules()):
        return model
    keep_pages()
    net = _folded(model)
    net.to(memory_format=LAST)  # type: ignore[call-overload]
    return Answering(net).eval()


def _folded(model: fx.GraphModule) -> fx.GraphModule:
    """The net with its own modules but for the layers that take a batch norm in, which are copies."""
    graph, holder, root = copied(model)
    net = fx.GraphModule(holder, graph, type(model).__name__)
    for before, node in foldable(net):
        layer = copy.deepcopy(root[str(before.target)])
        fold_pair(layer, root[str(node.target)])
        before.target = free(net, "folded")
        net.add_module(before.target, layer)
        node.replace_all_uses_with(before)
        net.graph.erase_node(node)
    net.recompile()
    return net


def _packed(net: fx.GraphModule, guard: Guard) -> fx.GraphModule:
    """The net with its layers, and the sums and gates behind them, in our kernels and oneDNN's; in place."""
    finite = bounds(net)
    _with_kernels(net, "separable", separables)
    _with_kernels(net, "dense", denses)
    modules = dict(net.named_modules())
    native = any(pools(m) or norms(m) or answers(m) for m in modules.values()) and available()  # which may compile
    for node in list(net.graph.nodes):
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        if layer is None or len(node.args) != 1:
            continue
        skip, last = _skip(node, layer)
        follower = next(iter(last.users)) if len(last.users) == 1 else None
        gate = modules.get(str(follower.target)) if follower is not None and follower.op == "call_module" else None
        gate = gate if known(gate) and not pools(layer) else None
        form = _form(layer, gate, native, guard if last in finite else None)
        if form is None:
            continue
        with net.graph.inserting_before(last):  # behind the skip
            name = free(net, "answering")
            net.add_module(name, form)
            made = net.graph.call_module(name, node.args if skip is None else (*node.args, skip))
        end = follower if gate is not None and follower is not None else last
        end.replace_all_uses_with(made)
        for old in dict.fromkeys((end, last, node)):
            net.graph.erase_node(old)
    net.graph.lint()
    net.recompile()
    return net


def _with_kernels(net: fx.GraphModule, part: Part, found: Finder) -> None:
    """Chains of layers that a kernel knows as one call each, where it can be had; in place."""
    for chain in found(net.graph, dict(net.named_modules())):  # each is found behind those that are replaced
        if kernels(part) is None:
            return
        replace(net, chain)


def _skip(node: fx.Node, layer: nn.Module) -> tuple[fx.Node | None, fx.Node]:
    """What is added to what a convolution gives, and the sum; None and the node itself where there is no such sum."""
    total, skip = added(node) if convolves(layer) else (node, None)
    return skip, total


def _form(layer: nn.Module, gate: nn.Module | None, native: bool, guard: Guard | None) -> nn.Module | None:
    """The layer and the gate behind it in one; None where the layer stays as it is.

    Args:
        native: our kernels can be had.
        guard: what comes to the gate is no NaN where it holds.
    """
    if native and pools(layer):
        return AnsweringPool(cast("nn.MaxPool2d", layer))
    if native and norms(layer) and type(gate) is nn.ReLU:
        return AnsweringNorm(cast("nn.BatchNorm2d", layer))
    top = top_of(gate)
    if native and answers(layer) and top is not None:
        return AnsweringConv(cast("nn.Conv2d", layer), top)
    return packed(layer, gate, guard)
