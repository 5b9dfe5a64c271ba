"""Kernels in C for training on a CPU, compiled once for the processor at hand."""

from collections.abc import Collection

from torch import fx, nn

from archdsl.accelerate.native.conv import compile_ahead, fuse_convs, takes
from archdsl.accelerate.native.joint import join_norms
from archdsl.accelerate.native.kernels import available, has_tiles
from archdsl.accelerate.native.norm import fuse_norms
from archdsl.accelerate.native.tiles import granted

__all__ = ["available", "compile_ahead", "fuse", "granted", "has_parts", "has_tiles", "tiled"]


def fuse(model: fx.GraphModule, precision: str, by_torch: Collection[str] = (), amx: bool = False) -> fx.GraphModule:
    """The net with what the kernels know in their form, on the same parameters and buffers.

    Args:
        by_torch: the names of convolutions that torch does all the same.
        amx: convolutions in bf16 on the tiles of the processor.
    """
    fused = fuse_convs(fuse_norms(model), precision, by_torch, amx)
    return join_norms(fused) if amx else fused


def has_parts(model: nn.Module, amx: bool = False) -> bool:
    """Whether the kernels, with ``amx`` those for tiles, know anything of this net."""
    return any(type(m) is nn.BatchNorm2d or takes(m, amx) for m in model.modules())


def tiled(model: nn.Module) -> bool:
    """Whether the net has a convolution for tiles."""
    return any(takes(m, amx=True) for m in model.modules())
