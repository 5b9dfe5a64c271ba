"""VGG and AlexNet: stages of convolutions with ReLU, closed by a max pooling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archdsl.importer.passes.families.stagelist import names, staged
from archdsl.importer.passes.norms import traits
from archdsl.importer.tree import Group, Item, Items, Net, Word, first_cin

Stage = tuple[int, int, dict[str, Any]]


def pooled(net: Net) -> Net:
    """All convolutions of a network as one such family."""
    items = tuple(replace(i, body=_found(i.body)) if isinstance(i, Group) else i for i in _found(net.items))
    return Net(items, net.lets)


def _found(items: Items) -> Items:
    start = next((n for n, i in enumerate(items) if "conv" in traits(i)), len(items))
    stages: list[Stage] = []
    at, pools = start, 0
    while names(items[at : at + 2]) == "conv relu":
        first = items[at]
        depth = 0
        while names(items[at : at + 2]) == "conv relu" and _same(first, items[at], depth):
            at, depth = at + 2, depth + 1
        settings = {n: v for n, v in first.args if n != "out"}  # type: ignore[union-attr]
        pool = _pool(items[at : at + 1])
        if pool:
            at, pools = at + 1, pools + 1
        stages.append((first.get("out"), depth, {**settings, "pool": pool or 1}))  # type: ignore[union-attr]
    left = any(not isinstance(i, Word) or "conv" in traits(i) or i.stages for i in items[at:])
    if pools < 2 or left:
        return items
    kinds = {p for _, _, s in stages if (p := s["pool"]) != 1}
    name = {frozenset({2}): "vgg", frozenset({3}): "alexnet"}.get(frozenset(kinds), "")
    allowed = {"vgg": {"k", "pool", "bias"}, "alexnet": {"k", "s", "p", "pool"}}.get(name, set())
    if any(set(s) - allowed for _, _, s in stages):
        return items
    return (*items[:start], staged(name, stages, first_cin(items[start:])), *items[at:])


def _same(first: Item, item: Item, depth: int) -> bool:
    """Whether a convolution belongs to the stage that ``first`` began; the stride is the first one's alone."""
    if depth == 0:
        return True
    assert isinstance(first, Word)
    assert isinstance(item, Word)
    return first.without("s").args == item.args


def _pool(items: Items) -> int:
    """2 for `maxpool(2)`, 3 for `maxpool(3, s=2)`, which AlexNet has, 0 for none of them."""
    if names(items) != "maxpool":
        return 0
    given = dict(items[0].args)  # type: ignore[union-attr]
    return 2 if given in ({}, {"k": 2}) else 3 if given == {"k": 3, "s": 2} else 0
