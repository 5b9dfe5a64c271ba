"""Layers that only training needs apart, as one: what a network is deployed as.

Weights that training keeps as products (spred) become the products; standardised weights become plain ones; batch
normalisation after a convolution or a linear layer goes into its weights. Sums are in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from archdsl.emit.layers import DropConnect, PixelLinear, ScaledStdConv2d, StdConv2d, WeightNorm

CONVS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
LINEARS = (nn.Linear, PixelLinear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@torch.no_grad()
def fold(model: nn.Module) -> int:
    """Fold a network in place, which is in eval mode; gives the number of batch norms that are gone."""
    merge(model)
    for path, module in list(model.named_modules()):
        if isinstance(module, StdConv2d | ScaledStdConv2d) and not _dropped(model, path):
            model.set_submodule(path, _plain(module))
        elif isinstance(module, WeightNorm) and not _dropped(model, path):
            _unnormed(module)
    return sum(_fold_graph(m) for m in list(model.modules()) if isinstance(m, fx.GraphModule))


def merge(model: nn.Module) -> None:
    """Make every weight that is computed from parameters a parameter of its own, in place."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[union-attr, arg-type]
                parametrize.remove_parametrizations(module, name)


def _dropped(model: nn.Module, path: str) -> bool:
    """Whether weights are dropped while the network runs, and that before they are standardised."""
    above = path.split(".")
    rooms = (model.get_submodule(".".join(above[:n])) for n in range(1, len(above)))
    return any(isinstance(room, DropConnect) and room.training for room in rooms)


def _plain(conv: StdConv2d | ScaledStdConv2d) -> nn.Conv2d:
    """A convolution with the standardised weights as they are."""
    settings: Any = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups, conv.bias is not None)
    plain = nn.Conv2d(conv.in_channels, conv.out_channels, *settings)
    plain.weight = nn.Parameter(copy.deepcopy(conv).double().standardised().float(), requires_grad=False)
    plain.bias = conv.bias
    return plain.eval()


def _unnormed(layer: WeightNorm) -> None:
    """Make a layer with weight normalisation one with the normalised weights as they are."""
    weight = copy.deepcopy(layer).double().standardised().float()
    del layer.gain
    layer.weight = nn.Parameter(weight, requires_grad=False)
    layer.__class__ = layer.plain  # type: ignore[assignment]


def foldable(net: fx.GraphModule) -> Iterator[tuple[fx.Node, fx.Node]]:
    """The calls of a layer and of the batch norm behind it that can be one layer in eval mode: nothing else reads what the
    layer gives, and both are called once. A pair may be taken out of the graph before the next one is asked for.
    """
    calls = [n.target for n in net.graph.nodes if n.op == "call_module"]
    for node in list(net.graph.nodes):
        before = node.args[0] if node.op == "call_module" else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        layer, norm = net.get_submodule(str(before.target)), net.get_submodule(str(node.target))
        if calls.count(node.target) == calls.count(before.target) == 1 and _may_fold(layer, norm):
            yield before, node


def _fold_graph(net: fx.GraphModule) -> int:
    count = 0
    for before, node in foldable(net):
        fold_pair(net.get_submodule(str(before.target)), net.get_submodule(str(node.target)))
        node.replace_all_uses_with(before)
        net.graph.erase_node(node)
        net.delete_submodule(str(node.target))
        count += 1
    if count:
        net.recompile()
    return count


def _may_fold(layer: nn.Module, norm: nn.Module) -> bool:
    turned = isinstance(layer, nn.ConvTranspose2d) and layer.groups > 1  # its weights are in another order
    return (
        type(layer) in CONVS + LINEARS
        and not turned
        and isinstance(norm, NORMS)
        and norm.running_var is not None
        and not norm.training
    )


@torch.no_grad()
def fold_pair(layer: nn.Module, norm: nn.Module) -> None:
    """Give the layer, in place, the weights with which it does what the batch norm behind it does in eval mode, too."""
    assert isinstance(norm, NORMS)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    one, zero = torch.ones_like(norm.running_var), torch.zeros_like(norm.running_var)
    gain, shift = (norm.weight, norm.bias) if norm.affine else (one, zero)
    bias = layer.bias.double() if isinstance(layer.bias, torch.Tensor) else None
    assert isinstance(layer.weight, torch.Tensor)
    values = (
        layer.weight.double(),
        bias,
        norm.running_mean.double(),
        norm.running_var.double(),
        norm.eps,
        gain.double(),
        shift.double(),
    )
    if isinstance(layer, nn.Linear):
        weight, offset = fuse_linear_bn_weights(*values)
    else:
        weight, offset = fuse_conv_bn_weights(*values, transpose=isinstance(layer, nn.ConvTranspose2d))
    layer.weight = nn.Parameter(weight.detach().float(), requires_grad=False)
    layer.bias = nn.Parameter(offset.detach().float(), requires_grad=False)
