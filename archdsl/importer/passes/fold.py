"""Equal neighbours as ``(…)*N``."""

from __future__ import annotations

from archdsl.importer.passes.norms import traits
from archdsl.importer.tree import Again, Fan, Item, Items, Net, Times, Word, is_items, with_net
from archdsl.registry import find

LONGEST = 24  # items of a body that is looked for
LEAST = 2  # plain words that are written out rather than folded


def repeats(net: Net) -> Net:
    """Every run of equal stretches folded."""
    return with_net(net, folded)


def folded(items: Items) -> Items:
    """The shortest stretches first, so that a block's run is one run."""
    period = 1
    while period <= min(LONGEST, len(items) // 2):
        items = _runs(items, period)
        period += 1
    return items


def _runs(items: Items, period: int) -> Items:
    out: list[Item] = []
    at = 0
    while at < len(items):
        body = items[at : at + period]
        count = 1
        while items[at + count * period : at + (count + 1) * period] == body:
            count += 1
        if count > 1 and _worth(body, (count - 1) * period):
            out.append(Times(body, count))
            at += period * count
        else:
            out.append(items[at])
            at += 1
    return tuple(out)


def _worth(body: Items, saved: int) -> bool:
    """Whether a stretch is a block: made of others, or several layers that begin with one that has weights."""
    if len(body) == 1:
        return _made(body[0])
    first = body[0]
    if not any(_made(i) or "weighted" in traits(i) for i in body):
        return False
    return _made(first) or (saved > LEAST and bool(traits(first) & {"weighted", "norm"}))


def _made(item: Item) -> bool:
    """Whether an item is made of others: a let, a fan, a word round a network."""
    if not isinstance(item, Word):
        return isinstance(item, Fan | Again)
    return find("net", item.name) is None or item.name == "inception" or any(is_items(v) for _, v in item.args)
