"""Layers, and the joins in which branches meet."""

from archdsl.words.ops import act, conv, join, linear, norm, pool, skip

__all__ = ["act", "conv", "join", "linear", "norm", "pool", "skip"]
