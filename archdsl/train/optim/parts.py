"""Which parameters are weights, and what a filter of one is."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvTransposeNd

from archdsl.emit.layers.tokens import ClassToken, PositionEmbedding
from archdsl.emit.layers.weights import GlobalResponseNorm, LayerScale

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, GlobalResponseNorm)
# What these hold is added to the values or scales them, whatever its shape.
_NO_WEIGHTS = (*_NORMS, LayerScale, ClassToken, PositionEmbedding)


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
        if not self.groups:
            return of
        parts = of.unflatten(0, (self.groups, -1)).transpose(1, 2)  # (groups, out/groups, in/groups, …)
        return parts.flatten(0, 1)

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
    found, seen = [], set[int]()
    for path, module in model.named_modules():
        if isinstance(module, _NO_WEIGHTS):
            continue
        for name, p in module.named_parameters(path, recurse=False):
            gain = name.rpartition(".")[2] == "gain"  # of a convolution with scaled weight standardisation
            if p.requires_grad and p.ndim >= 2 and not gain and id(p) not in seen:
                seen.add(id(p))
                weight = Weight(name, p)
                owner = model.get_submodule(weight.whole.rpartition(".")[0])
                found.append(Weight(name, p, owner.groups) if isinstance(owner, _ConvTransposeNd) else weight)
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
