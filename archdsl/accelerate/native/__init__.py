"""Kernels in C for training on a CPU, compiled once for the processor at hand."""

from collections.abc import Collection

from torch import fx, nn

from archdsl.accelerate.native.conv import compile_ahead, fuse_convs, takes
from archdsl.accelerate.native.kernels import available
from archdsl.accelerate.native.norm import fuse_norms

__all__ = ["available", "compile_ahead", "fuse", "has_parts"]


def fuse(model: fx.GraphModule, precision: str, by_torch: Collection[str] = ()) -> fx.GraphModule:
    """The net with what the kernels know in their form, on the same parameters and buffers; ``by_torch``: the names of
    convolutions that torch does all the same.
    """
    return fuse_convs(fuse_norms(model), precision, by_torch)


def has_parts(model: nn.Module) -> bool:
    """Whether the kernels know anything of this net."""
    return any(type(m) is nn.BatchNorm2d or takes(m) for m in model.modules())
