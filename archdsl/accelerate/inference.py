"""The form of a trained net that answers soonest on a CPU, in float32."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, fx, nn

from archdsl.accelerate.memory import keep_pages
from archdsl.accelerate.native import available
from archdsl.accelerate.native.conv import fuse_convs, takes
from archdsl.accelerate.native.holder import bare, copied
from archdsl.export.fold import fold_pair, foldable

LAST = torch.channels_last


class Answering(nn.Module):
    """(N, C, H, W) in any layout to what the net gives."""

    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        """The net's output."""
        answer: Tensor = self.net(images.contiguous(memory_format=LAST))
        return answer


def answering(model: nn.Module, images: bool) -> nn.Module:
    """The net with batch norms folded into the layers before them, in channels_last, with our convolutions where they know
    them, in a process that keeps the memory that it frees. The figures are those of the net but for rounding, about 1e-6 of
    the largest one.

    It is for nets in eval mode that work on images on a CPU, built by ``emit.build``; any other is given back as it is, and so
    is one with hooks, which would miss the layers that are replaced. The model keeps its weights, in another memory layout.

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
    net = _folded(model).to(memory_format=LAST)  # type: ignore[call-overload]
    native = any(map(takes, net.modules())) and available()
    return Answering(fuse_convs(net, "fp32") if native else net).eval()


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
        graph.erase_node(node)
    net.graph.lint()
    net.recompile()
    return net
