"""Layers, and the joins in which branches meet."""

from archdsl.words.ops import (
    act,
    attend,
    attention,
    axes,
    channels,
    conv,
    drop,
    join,
    linear,
    nested,
    norm,
    pool,
    same,
    skip,
    tokens,
    whiten,
)

__all__ = [
    "act",
    "attend",
    "attention",
    "axes",
    "channels",
    "conv",
    "drop",
    "join",
    "linear",
    "nested",
    "norm",
    "pool",
    "same",
    "skip",
    "tokens",
    "whiten",
]
