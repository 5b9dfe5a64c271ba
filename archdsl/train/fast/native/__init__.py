"""Kernels in C for training on a CPU, compiled once for the processor at hand."""

from archdsl.train.fast.native.kernels import available
from archdsl.train.fast.native.norm import fuse_norms, has_norms

__all__ = ["available", "fuse_norms", "has_norms"]
