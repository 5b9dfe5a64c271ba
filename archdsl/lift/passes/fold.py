"""Equal neighbours as ``(…)*N``."""

from __future__ import annotations

from archdsl.lift.passes.norms import traits
from archdsl.lift.tree import Fan, Item, Items, Net, Times, Word, is_items, with_net
from archdsl.registry import find

LONGEST = 24  # items of a body that is looked for


def repeats(net: Net) -> Net:
    """Every run of equal stretches folded."""
    return with_net(net, folded)


def folded(items: Items) -> Items:
    out: list[Item] = []
    at = 0
    while at < len(items):
        best = (0, 1, 1)  # items saved, period, count
        for period in range(1, min(LONGEST, (len(items) - at) // 2) + 1):
            body = items[at : at + period]
            count = 1
            while items[at + count * period : at + (count + 1) * period] == body:
                count += 1
            if count > 1 and _worth(body) and (count - 1) * period > best[0]:
                best = ((count - 1) * period, period, count)
        saved, period, count = best
        if saved:
            out.append(Times(items[at : at + period], count))
            at += period * count
        else:
            out.append(items[at])
            at += 1
    return tuple(out)


def _worth(body: Items) -> bool:
    """Whether a stretch is a block: it has weights, and is made of others or is several layers."""
    if len(body) == 1:
        item = body[0]
        made = isinstance(item, Word) and (find("net", item.name) is None or any(is_items(v) for _, v in item.args))
        return made or isinstance(item, Fan) or (isinstance(item, Word) and item.name == "inception")
    return any(not isinstance(i, Word) or "weighted" in traits(i) or find("net", i.name) is None for i in body)
