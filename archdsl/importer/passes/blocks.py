"""Blocks by their names: residual connections, gates, Inception modules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archdsl.importer.passes.norms import is_activation, traits
from archdsl.importer.tree import Fan, Item, Items, Net, Word, with_net, word
from archdsl.registry import find, params

MOST = 3  # words of a shortcut; what is longer is a branch like the other


def gates(net: Net) -> Net:
    """``mul(id | gap(keep) conv … sigmoid)`` as ``se``."""
    return with_net(net, lambda items: tuple(_gate(i) for i in items))


def _gates() -> tuple[Any, ...]:
    """What `se` may end in."""
    entry = find("net", "se")
    return next(p.choices for p in params(entry) if p.name == "gate") if entry is not None else ()


def _gate(item: Item) -> Item:
    if not isinstance(item, Fan) or item.join != "mul" or len(item.branches) != 2 or item.branches[0]:
        return item
    words = [w for w in item.branches[1] if isinstance(w, Word)]
    if len(words) != 5 or len(item.branches[1]) != 5:
        return item
    gap, narrow, act, widen, gate = words
    if gap != Word("gap", (("keep", True),)) or narrow != Word("conv", (("out", narrow.get("out")), ("k", 1))):
        return item
    if widen != Word("conv", (("out", item.cin), ("k", 1))) or act.args or gate.args:
        return item
    if not is_activation(act) or gate.name not in _gates():
        return item
    return word("se", item.cin, act=act.name, gate=gate.name, squeeze=narrow.get("out"))


def ratios(net: Net) -> Net:
    """The size of a gate as a fraction of what arrives at it: ``se(4)``, and ``se`` for a sixteenth."""
    return with_net(net, lambda items: tuple(_ratio(i) for i in items))


def _ratio(item: Item) -> Item:
    if not isinstance(item, Word) or item.name != "se" or not isinstance(item.get("squeeze"), int):
        return item
    squeeze, r = item.get("squeeze"), item.cin // item.get("squeeze")
    if not r or max(1, item.cin // r) != squeeze or r > 64:
        return item
    return replace(word("se", item.cin, r=r), args=(*word("se", r=r).args, *item.without("squeeze").args))


def residuals(net: Net) -> Net:
    """``add(f | id)`` as ``res(f)``; likewise a projection that ``res`` finds by itself."""
    return with_net(net, lambda items: tuple(_res(i, _projects) for i in items))


def shortcuts(net: Net) -> Net:
    """``add(f | short)`` as ``res(f, skip=short)``."""
    return with_net(net, lambda items: tuple(_res(i, lambda f, skip: False) for i in items))


def _res(item: Item, projects: Any) -> Item:
    if not isinstance(item, Fan) or item.join != "add" or len(item.branches) != 2 or not item.branches[0]:
        return item
    f, skip = item.branches
    if not any(isinstance(i, Word | Fan) for i in f):
        return item
    if not skip or projects(f, skip):
        return Word("res", (("f", f),), cin=item.cin)
    if projects is not _projects and len(skip) <= MOST < len(f) and all(isinstance(w, Word) for w in skip):
        return Word("res", (("f", f), ("skip", skip)), cin=item.cin)
    return item


def _projects(f: Items, skip: Items) -> bool:
    """Whether a skip is a 1×1 convolution with the normalisation in which ``f`` ends."""
    if not all(isinstance(w, Word) for w in skip) or skip[0].name != "conv":  # type: ignore[union-attr]
        return False
    conv = dict(skip[0].args)  # type: ignore[union-attr]
    if conv.pop("k", 3) != 1 or {*conv} - {"out", "s"}:
        return False
    norm = next((w for w in reversed(f) if isinstance(w, Word) and not traits(w) & {"scale", "drop", "gate"}), None)
    return skip[1:] == ((norm,) if norm and "centred" in traits(norm) else ())


def inceptions(net: Net) -> Net:
    """The four branches of GoogLeNet's module as ``inception``."""
    return with_net(net, lambda items: tuple(_inception(i) for i in items))


def _inception(item: Item) -> Item:
    if not isinstance(item, Fan) or item.join != "cat" or [len(b) for b in item.branches] != [2, 4, 4, 3]:
        return item
    words = [w for b in item.branches for w in b if isinstance(w, Word)]
    names = " ".join(w.name for w in words)
    if names != "conv relu conv relu conv relu conv relu conv relu maxpool conv relu":
        return item
    convs = [w for w in words if w.name == "conv"]
    k = convs[4].get("k", 3)
    sizes = [w.get("k", 3) for w in convs] == [1, 1, 3, 1, k, 1]
    if not sizes or any({n for n, _ in w.args} - {"out", "k"} for w in convs):
        return item
    if dict(words[10].args) | {"ceil": False} != {"k": 3, "s": 1, "p": 1, "ceil": False}:
        return item
    out, reduce, middle, reduce2, wide, pool = (w.get("out") for w in convs)
    return word(
        "inception", item.cin, out=out, reduce=reduce, middle=middle, reduce2=reduce2, wide=wide, pool=pool, k=k
    )
