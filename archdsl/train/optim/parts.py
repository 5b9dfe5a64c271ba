"""Which parameters are weights, and what a filter of one is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvTransposeNd

from archdsl.emit.layers.weights import GlobalResponseNorm
from archdsl.words.layer_weights import by_output, layer_weights

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, GlobalResponseNorm)


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """A weight of a layer, or a factor of it. ``groups``: 0, or those of a transposed convolution, whose shape is turned."""

    name: str
    value: Parameter
    groups: int = 0

    @property
    def whole(self) -> str:
        """The name of the weight, also where this is a factor of it."""
        return whole(self.name)

    def by_output(self, of: Tensor) -> Tensor:
        """A tensor of the weight's shape with output channels first: (out, in/groups, …)."""
        turned: Tensor = by_output(of, self.groups)
        return turned

    def filters(self, of: Tensor) -> Tensor:
        """A tensor of the weight's shape as rows, one for each output channel: (out, numbers of a filter)."""
        return self.by_output(of).flatten(1)

    def restored(self, rows: Tensor) -> Tensor:
        """The inverse of ``filters`` and of ``by_output``."""
        if not self.groups:
            return rows.view(self.value.shape)
        channels, outs, *size = self.value.shape
        parts = rows.reshape(self.groups, outs, channels // self.groups, *size)
        return parts.transpose(1, 2).reshape(self.value.shape)


def whole(name: str) -> str:
    """The name of a weight by that of a parameter: ``conv.weight``, also for a factor of one that is a product (``spred``)."""
    path, product, rest = f".{name}".rpartition(".parametrizations.")
    return f"{path}.{rest.partition('.')[0]}"[1:] if product else name


def weights_of(model: nn.Module) -> list[Weight]:
    """The weights that want a gradient, in the order of the net: parameters of two or more dimensions by which layers
    multiply. No biases, norms, scales, gains, tokens and positions.
    """
    names, found = {id(p): name for name, p in model.named_parameters()}, []
    for _, p in layer_weights(model):
        if p.requires_grad:
            weight = Weight(names[id(p)], p)
            owner = model.get_submodule(weight.whole.rpartition(".")[0])
            found.append(replace(weight, groups=owner.groups) if isinstance(owner, _ConvTransposeNd) else weight)
    return found


def biases_of(model: nn.Module, norms: bool) -> list[Parameter]:
    """The biases that want a gradient; with ``norms`` those of normalisations alone."""
    modules = [m for m in model.modules() if not norms or isinstance(m, _NORMS)]
    found = [m._parameters.get("bias") for m in modules]
    return [p for p in found if p is not None and p.requires_grad]


def hidden(weights: list[Weight]) -> list[Weight]:
    """Those between the first and the last one, less those of a single row or column, which have no direction but one."""
    edges = {w.whole for w in (*weights[:1], *weights[-1:])}
    return [w for w in weights if w.whole not in edges and min(w.filters(w.value).shape) > 1]
