"""Layers that are used again together as one labelled part: ``f: (conv relu conv) again(f)``."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

from archdsl.importer.tree import Again, Item, Items, Labelled, Net, Word, every, everywhere, with_net
from archdsl.registry import entries

LONGEST = 64  # items of a part that is looked for


def sharings(net: Net) -> Net:
    """The longest stretch of layers that is used again as a whole, under one label."""
    rows = _sequences(net)
    uses = [item.name for items in rows for item in items if isinstance(item, Again)]
    if not uses:
        return net
    stretches = [
        items[i : i + n]
        for items in rows
        for i, item in enumerate(items)
        if _labels((item,))
        for n in range(2, min(LONGEST, len(items) - i) + 1)
    ]
    for body in sorted(stretches, key=len, reverse=True):
        copies = sum(_count(items, _copy(body)) for items in rows)
        if copies and all(uses.count(label) == copies for label in _labels(body)):
            return _with(net, body, _name(_labels(body), net))
    return net


def _sequences(net: Net) -> list[Items]:
    """Every sequence of a network, the innermost first."""
    found: list[Items] = []

    def look(items: Items) -> Items:
        found.append(items)
        return items

    with_net(net, look)
    return found


def _labels(items: Items) -> list[str]:
    """The labels of words in a sequence, and in what is in it."""
    return [item.label for item in every(items) if isinstance(item, Word) and item.label]


def _copy(body: Items) -> Items:
    """What a part looks like where its layers are used again."""
    return everywhere(body, lambda inner: tuple(map(_again, inner)))


def _again(item: Item) -> Item:
    return Again(item.label) if isinstance(item, Word) and item.label else item


def _count(items: Items, copy: Items) -> int:
    return sum(items[i : i + len(copy)] == copy for i in range(len(items) - len(copy) + 1))


def _with(net: Net, body: Items, name: str) -> Net:
    """The net with the part and its copies under this label."""
    plain = everywhere(body, lambda inner: tuple(replace(i, label="") if isinstance(i, Word) else i for i in inner))
    copy = _copy(body)

    def change(items: Items) -> Items:
        out: list[Item] = []
        at = 0
        while at < len(items):
            if items[at : at + len(body)] == body:
                out.append(Labelled(name, plain))
                at += len(body)
            elif items[at : at + len(copy)] == copy:
                out.append(Again(name))
                at += len(copy)
            else:
                out.append(items[at])
                at += 1
        return tuple(out)

    return with_net(net, change)


def _name(labels: list[str], net: Net) -> str:
    """What the labels begin with; else ``part``, with a number where that is taken."""
    taken = {e.name for e in entries()} | {let.name for let in net.lets}
    taken |= {item.name for items in _sequences(net) for item in items if isinstance(item, Labelled)}
    parts = zip(*(label.split("_") for label in labels), strict=False)
    name = "_".join(found[0] for found in takewhile(lambda found: len(set(found)) == 1, parts))
    name = name if name and name not in taken else "part"
    numbers = (f"{name}{n}" for n in range(2, len(taken) + 3))
    return name if name not in taken else next(n for n in numbers if n not in taken)
