"""Stages: a block with a stride and more of them without, several times over, as a let of width and depth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from archdsl.importer.tree import Group, Item, Items, Let, Net, Times, Var, Word
from archdsl.registry import find

FEWEST = 3


@dataclass(frozen=True, slots=True)
class _Stage:
    """What a block is called with, its first stride, how many there are, and the place behind them."""

    args: tuple[tuple[str, Any], ...]
    s: Any
    depth: int
    end: int


def stages(net: Net) -> Net:
    """For the first let with a stride whose uses are all of stages, ``stage``."""
    spot = next((n for n, i in enumerate(net.items) if isinstance(i, Group)), -1)
    group = net.items[spot] if spot >= 0 else None
    items = group.body if isinstance(group, Group) else net.items
    for let in net.lets:
        usual = dict(let.params).get("s")
        if usual is None or [n for n, d in let.params if d is None] != [n for n, _ in let.params[:-1]]:
            continue
        found = _stages(items, let, usual)
        if len(found) < FEWEST or find("net", "stage") is not None:
            continue
        made, new = _written(items, let, usual, found)
        if isinstance(group, Group):
            new = (*net.items[:spot], replace(group, body=new), *net.items[spot + 1 :])
        return Net(new, (*net.lets, made))
    return net


def _stages(items: Items, let: Let, usual: Any) -> dict[int, _Stage]:
    """By the place where each begins."""
    found: dict[int, _Stage] = {}
    at = 0
    while at < len(items):
        word, count = _use(items[at], let)
        if word is None or (count > 1 and word.get("s", usual) != usual):
            at += 1
            continue
        args, start = tuple(a for a in word.args if a[0] != "s"), at
        at += 1
        depth = count
        while at < len(items):
            more, count = _use(items[at], let)
            if more is None or more.args != args:
                break
            depth, at = depth + count, at + 1
        found[start] = _Stage(args, word.get("s", usual), depth, at)
    return found


def _use(item: Item, let: Let) -> tuple[Word | None, int]:
    word, count = item, 1
    if isinstance(item, Times) and len(item.body) == 1 and isinstance(item.count, int):
        word, count = item.body[0], item.count
    return (word, count) if isinstance(word, Word) and word.name == let.name else (None, 0)


def _written(items: Items, let: Let, usual: Any, found: dict[int, _Stage]) -> tuple[Let, Items]:
    strides = [s.s for s in found.values()]
    common = max(sorted(set(strides), reverse=True), key=strides.count)
    names = [n for n, d in let.params if d is None]
    own = tuple((str(i), Var(n)) for i, n in enumerate(names))
    varied = len(set(strides)) > 1
    params = (*((n, None) for n in names), ("d", None), *((("s", common),) if varied else ()))
    stride = (("s", Var("s") if varied else common),) if varied or common != usual else ()
    body: Items = (Word(let.name, (*own, *stride)), Times((Word(let.name, own),), Var("d - 1")))
    out: list[Item] = []
    at = 0
    while at < len(items):
        stage = found.get(at)
        if stage is None:
            out.append(items[at])
            at += 1
            continue
        more = (("s", stage.s),) if stage.s != common else ()
        out.append(
            Word("stage", (*stage.args, (str(len(names)), stage.depth), *more), cin=getattr(items[at], "cin", 0))
        )
        at = stage.end
    return Let("stage", params, body), tuple(out)
