"""The form of a trained net that answers soonest on a CPU, in float32."""

from __future__ import annotations

import copy
import math
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from archdsl.accelerate.memory import keep_pages
from archdsl.accelerate.native import available
from archdsl.accelerate.native.conv import AnsweringConv, takes
from archdsl.accelerate.native.holder import bare, copied
from archdsl.export.fold import fold_pair, foldable

LAST = torch.channels_last
HELD = 4 << 20  # bytes a thread: as much of a layer's output as its caches hold
FEWEST = 4  # images a thread that are worth a pass of their own
GATES = {nn.ReLU: math.inf, nn.ReLU6: 6.0}  # what cuts off at 0, and at which value else


class Answering(nn.Module):
    """(N, C, H, W) in any layout to what the net gives, without gradients.

    A batch whose layers are larger than the caches goes through the net in parts: what one layer writes, the next one then
    finds in the cache.
    """

    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__()
        self.net, self._largest = net, dict[tuple[int, ...], int]()
        self.last = any(p.dim() == 4 for p in net.parameters())  # a net without convolutions would turn images back

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """The net's output."""
        x = images.contiguous(memory_format=LAST) if self.last else images
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


class _Sizes(fx.Interpreter):
    """Notes the bytes of the largest value in a pass."""

    largest = 1

    def run_node(self, n: fx.Node) -> Any:
        found = super().run_node(n)
        if isinstance(found, Tensor) and n.op == "call_module":
            self.largest = max(self.largest, found.numel() * found.element_size())
        return found


class PackedConv(nn.Module):
    """A convolution by oneDNN, on weights in the layout that it likes, with the gate behind it in the same pass. The weights
    must stay as they are.

    Args:
        top: where the gate cuts off besides 0: infinity for ReLU, 6 for ReLU6; below 0 there is no gate.
    """

    def __init__(self, conv: nn.Conv2d, top: float) -> None:
        super().__init__()
        self.conv, self.top = conv, top
        self._packed: Tensor | None = None
        self._works = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W)."""
        if self._works:
            try:
                return self._fused(x)
            except RuntimeError:  # of another build of torch: its own convolution will do, or say what is wrong
                self._works = False
        made: Tensor = self.conv(x)
        return made if self.top < 0 else made.clamp_(0, self.top)

    def _fused(self, x: Tensor) -> Tensor:
        conv, ops = self.conv, torch.ops.mkldnn
        form = (conv.padding, conv.stride, conv.dilation, conv.groups)
        if self._packed is None:
            self._packed = ops._reorder_convolution_weight(conv.weight, *form, list(x.shape))
        gate = ("none", []) if self.top < 0 else ("relu", []) if self.top == math.inf else ("hardtanh", [0.0, self.top])
        return cast("Tensor", ops._convolution_pointwise(x, self._packed, conv.bias, *form, *gate, ""))


def answering(model: nn.Module, images: bool) -> nn.Module:
    """The net with batch norms folded into the layers before them and gates into the convolutions, in channels_last, with our
    convolutions where they know them, in a process that keeps the memory that it frees. The figures are those of the net but
    for rounding, about 1e-6 of the largest one.

    It is for nets in eval mode that work on images on a CPU, built by ``emit.build``; any other is given back as it is, and so
    is one with hooks, which would miss the layers that are replaced. The model keeps its weights, in another memory layout;
    who changes them asks for the form again.

    Args:
        images: the net takes (N, C, H, W).
    """
    if not images or not isinstance(model, fx.GraphModule) or model.training:
        return model
    parameters = list(model.parameters())
    if any(p.device.type != "cpu" or p.dtype != torch.float32 for p in parameters) or not all(
        map(bare, model.modules())
    ):
        return model
    keep_pages()
    net = _folded(model)
    net.to(memory_format=LAST)  # type: ignore[call-overload]
    return Answering(_with_convolutions(net)).eval()


def _folded(model: fx.GraphModule) -> fx.GraphModule:
    """The net with its own modules but for the layers that take a batch norm in, which are copies."""
    graph, holder, root = copied(model)
    net = fx.GraphModule(holder, graph, type(model).__name__)
    for number, (before, node) in enumerate(foldable(net)):
        layer = copy.deepcopy(root[str(before.target)])
        fold_pair(layer, root[str(node.target)])
        before.target = f"folded{number}"
        net.add_module(before.target, layer)
        node.replace_all_uses_with(before)
        net.graph.erase_node(node)
    net.recompile()
    return net


def _with_convolutions(net: fx.GraphModule) -> fx.GraphModule:
    """The net with its convolutions, and the gates behind them, in the forms of this file; in place."""
    modules = dict(net.named_modules())
    for number, node in enumerate(list(net.graph.nodes)):
        conv = modules.get(str(node.target)) if node.op == "call_module" else None
        if (
            type(conv) is not nn.Conv2d
            or len(node.args) != 1
            or conv.padding_mode != "zeros"
            or isinstance(conv.padding, str)
        ):
            continue
        follower = next(iter(node.users)) if len(node.users) == 1 else None
        gate = modules.get(str(follower.target)) if follower is not None and follower.op == "call_module" else None
        top = GATES.get(type(gate), -1.0) if gate is not None else -1.0
        form = AnsweringConv(conv, top) if takes(conv) and available() else PackedConv(conv, top)
        node.target = f"answering{number}"
        net.add_module(node.target, form)
        if top >= 0 and follower is not None:
            follower.replace_all_uses_with(node)
            net.graph.erase_node(follower)
    net.graph.lint()
    net.recompile()
    return net
