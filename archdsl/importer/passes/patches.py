"""Patches of an image."""

from __future__ import annotations

from dataclasses import replace

from archdsl.importer.tree import Group, Item, Items, Net, Word, word


def patches(net: Net) -> Net:
    """A first convolution whose window is its stride, before `tokens` or `ln`, as ``patch``."""
    if net.items and isinstance(net.items[0], Group):
        return Net((replace(net.items[0], body=_patched(net.items[0].body)), *net.items[1:]), net.lets)
    return Net(_patched(net.items), net.lets)


def _patched(items: Items) -> Items:
    if len(items) < 2 or not isinstance(items[0], Word) or not isinstance(items[1], Word):
        return items
    first, then = items[0], items[1]
    given = dict(first.args)
    if first.name != "conv" or then.name not in ("tokens", "ln") or given.get("k") != given.get("s"):
        return items
    if given.get("p") != 0 or set(given) - {"out", "k", "s", "p", "bias"} or given.get("k", 1) == 1:
        return items
    new: Item = word("patch", first.cin, k=given["k"], out=given["out"], bias=given.get("bias", True))
    return (new, *items[1:])
