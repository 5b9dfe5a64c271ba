"""Kernels in C for training on a CPU, compiled once for the processor at hand."""

from torch import fx, nn

from archdsl.accelerate.native.conv import fuse_convs, takes
from archdsl.accelerate.native.kernels import available
from archdsl.accelerate.native.norm import fuse_norms

__all__ = ["available", "fuse", "has_parts"]


def fuse(model: fx.GraphModule, precision: str) -> fx.GraphModule:
    """The net with what the kernels know in their form, on the same parameters and buffers."""
    return fuse_convs(fuse_norms(model), precision)


def has_parts(model: nn.Module) -> bool:
    """Whether the kernels know anything of this net."""
    return any(type(m) is nn.BatchNorm2d or takes(m) for m in model.modules())
