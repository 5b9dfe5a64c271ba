"""From blocks to a stage list: what all share is outside of it, what a stage has of its own inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from archdsl.importer.show import value
from archdsl.importer.tree import Group, Item, Items, Net, Word, first_cin
from archdsl.registry import find, params

FEWEST = 2  # blocks that make a family


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its width, its stride, the other arguments, and how many items it takes."""

    width: int
    s: int
    settings: dict[str, Any]
    items: int = 1


Reader = Callable[[Items, int], Block | None]


@dataclass(frozen=True, slots=True)
class Family:
    """A family's word and its reader. ``strides``: from the second stage on a stage halves the image by itself.
    ``split``: settings that a family has for all its stages; it ends where they change. ``all``: it takes every ``res``
    of a sequence, or none; ``leaves``: says of a place whether a block of a like family is there, of which none
    may be left."""

    name: str
    read: Reader
    strides: bool = False
    stride: str = "s"
    split: tuple[str, ...] = ()
    all: bool = False
    leaves: Callable[[Items, int], object] | None = None


def in_trunk(family: Family) -> Callable[[Net], Net]:
    """A pass that puts the family where its blocks are, at the top or in the one group that modifiers reach."""

    def change(net: Net) -> Net:
        items = tuple(
            replace(i, body=found(i.body, family)) if isinstance(i, Group) else i for i in found(net.items, family)
        )
        return Net(items, net.lets)

    change.__name__ = family.name
    return change


def found(items: Items, family: Family) -> Items:
    """The sequence with every run of at least two blocks as the family."""
    out: list[Item] = []
    at = 0
    while at < len(items):
        run: list[Block] = []
        end = at
        while end < len(items) and (block := family.read(items, end)) is not None:
            if run and any(block.settings.get(n) != run[0].settings.get(n) for n in family.split):
                break
            run.append(block)
            end += block.items
        if len(run) >= FEWEST:
            out.append(family_word(family, run, first_cin(items[at:end])))
            at = end
        else:
            out.append(items[at])
            at += 1
    if family.all and any(isinstance(i, Word) and i.name == "res" for i in out):
        return items
    if family.leaves and any(family.leaves(tuple(out), n) for n in range(len(out))):
        return items
    return tuple(out)


def family_word(family: Family, run: list[Block], cin: int) -> Word:
    """The family with its stage list."""
    stages: list[tuple[Block, int]] = []
    for block in run:
        last = stages[-1][0] if stages else None
        if last and (last.width, last.settings) == (block.width, block.settings) and block.s == 1:
            stages[-1] = (last, stages[-1][1] + 1)
        else:
            stages.append((block, 1))
    return staged(
        family.name, [(b.width, d, {**b.settings, **_stride(family, b.s, i)}) for i, (b, d) in enumerate(stages)], cin
    )


def _stride(family: Family, s: int, index: int) -> dict[str, int]:
    usual = 2 if family.strides and index else 1
    return {family.stride: s} if s != usual else {}


def staged(name: str, stages: list[tuple[int, int, dict[str, Any]]], cin: int) -> Word:
    """A family from (width, depth, settings) of its stages; a missing setting is the family's default."""
    entry = find("net", name)
    assert entry is not None
    usual = {p.name: p.default for p in params(entry)}
    common: list[tuple[str, Any]] = []
    for p in params(entry):
        values = [settings.get(p.name, usual[p.name]) for _, _, settings in stages]
        if all(v == values[0] for v in values) and len(stages) > 1:
            if values[0] != usual[p.name]:
                common.append((p.name, values[0]))
            for _, _, settings in stages:
                settings.pop(p.name, None)
    parts: list[str] = []
    for width, depth, settings in stages:
        order = [p.name for p in params(entry) if settings.get(p.name, usual[p.name]) != usual[p.name]]
        own = ", ".join(n if settings[n] is True and n != "bias" else f"{n}={value(settings[n])}" for n in order)
        parts.append(f"{width}" + (f"x{depth}" if depth > 1 else "") + (f"({own})" if own else ""))
    return Word(name, tuple(common), stages=", ".join(_counted(parts)), cin=cin)


def _counted(parts: list[str]) -> list[str]:
    """Equal stages in a row as ``512x2*2``."""
    out: list[str] = []
    at = 0
    while at < len(parts):
        end = at
        while end < len(parts) and parts[end] == parts[at]:
            end += 1
        out.append(parts[at] + (f"*{end - at}" if end - at > 1 else ""))
        at = end
    return out


def bare(items: Items) -> Items:
    """A block without the batch normalisation that a family has by itself."""
    return tuple(i for i in items if not (isinstance(i, Word) and i.name == "bn" and not i.args))


def names(items: Items) -> str:
    """The words of a sequence of words, for comparison; empty where it has anything else."""
    return " ".join(i.name for i in items) if all(isinstance(i, Word) for i in items) else ""  # type: ignore[union-attr]


def body(item: Item) -> Items:
    """What is inside ``res(f)``; empty for anything else."""
    if isinstance(item, Word) and item.name == "res" and [n for n, _ in item.args] == ["f"]:
        return bare(item.get("f"))
    return ()
