"""Layers, and the joins in which branches meet."""

from archdsl.words.ops import (
    act,
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
    sequence,
    skip,
    tokens,
    whiten,
)

__all__ = [
    "act",
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
    "sequence",
    "skip",
    "tokens",
    "whiten",
]
