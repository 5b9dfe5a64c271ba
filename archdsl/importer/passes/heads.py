"""The number of classes by its name."""

from __future__ import annotations

from dataclasses import replace

from archdsl.importer.tree import Item, Net, Var, Word


def class_count(net: Net) -> Net:
    """The last layer with ``out`` at the end of the network gives ``classes`` values."""
    for at in range(len(net.items) - 1, -1, -1):
        item = net.items[at]
        if isinstance(item, Word) and item.name in ("linear", "conv") and not item.stages:
            args = tuple((n, Var("classes") if n == "out" else v) for n, v in item.args)
            new: Item = replace(item, args=args)
            return Net((*net.items[:at], new, *net.items[at + 1 :]), net.lets)
        if not isinstance(item, Word) or item.name not in (
            "gap",
            "flatten",
            "relu",
            "drop",
            "softmax",
            "multiply",
            "times",
        ):
            return net
    return net
