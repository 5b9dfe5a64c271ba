"""Biases left open, normalisation said once for all, stochastic depth as a rate that grows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archdsl.importer.show import value
from archdsl.importer.tree import Fan, Group, Item, Items, Net, Times, Word, every, everywhere, is_items
from archdsl.registry import find

HEAD = frozenset({"gap", "gmp", "flatten", "resize"})  # where the trunk is over
FEW = 4  # convolutions outside families and lets up to which `bn` is behind each
NEAR = 3  # the part of the last rate by which others may be beside the line on which they grow


def traits(item: Item) -> frozenset[str]:
    """The traits of a word; none of anything else."""
    entry = find("net", item.name) if isinstance(item, Word) else None
    return entry.traits if entry else frozenset()


def is_activation(word: Word) -> bool:
    """Whether a word is an activation without arguments, which ``act=`` of a block or a family may name."""
    return "act" in traits(word) and not word.args


def open_biases(net: Net) -> Net:
    """A bias is said only where it is not what the language takes by itself."""
    return Net(_opened(net.items, False), net.lets)


def _opened(items: Items, normed: bool) -> Items:
    """``normed``: whether batch or instance normalisation follows."""
    out: list[Item] = []
    for item in reversed(items):
        if isinstance(item, Word):
            if item.get("bias") == (not normed) and "weighted" in traits(item):
                item = item.without("bias")
            item = replace(item, args=tuple((n, _opened(v, False) if is_items(v) else v) for n, v in item.args))
            normed = "cancels" in traits(item)
        elif isinstance(item, Fan):
            item = replace(item, branches=tuple(_opened(b, False) for b in item.branches))
            normed = False
        else:
            normed = False
        out.append(item)
    return tuple(reversed(out))


def norms(net: Net) -> Net:
    """Where every convolution has the same batch normalisation behind it: ``(…) +bn``. Rates of stochastic depth that
    grow from block to block: ``+droppath``."""
    return _modified(net, True)


def norms_alone(net: Net) -> Net:
    """The same without stochastic depth, which is elsewhere than at the ends of branches."""
    return net if any(isinstance(i, Group) for i in net.items) else _modified(net, False)


def _modified(net: Net, depths: bool) -> Net:
    first, last = _trunk(net.items)
    if first < 0:
        return net
    trunk, modifiers = net.items[first : last + 1], []
    found = _uniform(trunk)
    if found is not None:
        trunk = everywhere(trunk, lambda items: tuple(i for i in items if not _is(i, "bn")))
        modifiers.append(_call("+bn", found))
    rates = _rates(trunk) if depths else []
    if _growing(rates):
        trunk = everywhere(trunk, lambda items: tuple(i for i in items if not _is(i, "droppath")))
        modifiers.append(f"+droppath({value(_top(rates[-1]))})")
    if not modifiers:
        return net
    return Net((*net.items[:first], Group(trunk, tuple(modifiers)), *net.items[last + 1 :]), net.lets)


def _growing(rates: list[float]) -> bool:
    """Whether rates are nearly those that `+droppath` gives, which grow from block to block; those that are all alike are not."""
    if len(rates) < 2 or rates != sorted(rates):
        return False
    last = rates[-1]
    return all(abs(rate - last * (n + 1) / len(rates)) <= last / NEAR for n, rate in enumerate(rates))


def _top(last: float) -> float:
    """The rate that the last block is near to: most sources reach it one block later, and some compute it in single precision."""
    return round(-(-(last - 1e-6) // 0.05) * 0.05, 2)


def _call(name: str, args: tuple[tuple[str, Any], ...]) -> str:
    given = dict(args)
    parts = [value(given["eps"])] if "eps" in given else []
    parts += [value(v) if parts and n == "momentum" else f"{n}={value(v)}" for n, v in args if n != "eps"]
    return name + (f"({', '.join(parts)})" if parts else "")


def _is(item: Item, name: str) -> bool:
    return isinstance(item, Word) and item.name == name


def _trunk(items: Items) -> tuple[int, int]:
    """The first and the last item with a convolution inside, what belongs to the last one with it."""
    head = next((n for n, i in enumerate(items) if isinstance(i, Word) and i.name in HEAD), len(items))
    places = [n for n, item in enumerate(items[:head]) if any("conv" in traits(i) for i in every((item,)))]
    if not places:
        return -1, -1
    last = places[-1]
    while last + 1 < len(items) and (traits(items[last + 1]) & {"norm", "act"} or _is(items[last + 1], "maxpool")):
        last += 1
    return places[0], last


def _uniform(trunk: Items) -> tuple[tuple[str, Any], ...] | None:
    """The arguments of the one batch normalisation that is behind each convolution, and nowhere else."""
    seen: set[tuple[tuple[str, Any], ...]] = set()
    ok = True

    def look(items: Items) -> Items:
        nonlocal ok
        before: Item | None = None
        for item in items:
            if _is(item, "bn"):
                ok &= before is not None and "conv" in traits(before)
                seen.add(item.args)  # type: ignore[union-attr]
            elif before is not None and "conv" in traits(before):
                ok = False
            if "norm" in traits(item) and not _is(item, "bn"):
                ok = False
            before = item
        ok &= before is None or "conv" not in traits(before)
        return items

    everywhere(trunk, look)
    return seen.pop() if ok and len(seen) == 1 else None


def _rates(trunk: Items) -> list[float]:
    return [i.get("p", 0.1) for i in _outer(trunk) if _is(i, "droppath")]  # type: ignore[union-attr]


def _outer(items: Items) -> list[Item]:
    """Every item in the order of the text."""
    out: list[Item] = []
    for item in items:
        out.append(item)
        inner: list[Items] = []
        match item:
            case Word(args=args):
                inner = [v for _, v in args if is_items(v)]
            case Fan(branches=branches):
                inner = list(branches)
            case Times(body=body) | Group(body=body):
                inner = [body]
            case _:
                pass
        for part in inner:
            out += _outer(part)
    return out


def inline(net: Net) -> Net:
    """``(…) +bn`` taken apart where few convolutions are outside of families, which have it already: ``conv(64) bn``."""
    groups = [n for n, i in enumerate(net.items) if isinstance(i, Group)]
    if len(groups) != 1:
        return net
    at = groups[0]
    group = net.items[at]
    assert isinstance(group, Group)
    rest = tuple(m for m in group.modifiers if m != "+bn")
    if (
        not rest
        and sum("conv" in traits(i) for i in every((*group.body, *(i for let in net.lets for i in let.body)))) <= FEW
    ):
        lets = tuple(replace(let, body=everywhere(let.body, _normed)) for let in net.lets)
        body = (
            everywhere(group.body, _normed) if not any(isinstance(i, Word) and i.stages for i in group.body) else None
        )
        if body is not None:
            return Net((*net.items[:at], *body, *net.items[at + 1 :]), lets)
    plain = [n for n, i in enumerate(group.body) if _is(i, "conv") or _is(i, "dwconv")]
    families = [n for n, i in enumerate(group.body) if isinstance(i, Word) and i.stages]
    if len(plain) > FEW or len(families) != 1 or net.lets or any(not isinstance(i, Word) for i in group.body):
        return net
    named = group.body[families[0]]
    out: list[Item] = []
    for item in group.body:
        if item is named:
            needs = (
                ("+bn",)
                if isinstance(item, Word) and item.name in ("vgg", "alexnet") and rest != group.modifiers
                else ()
            )
            modifiers = (*needs, *rest)
            out.append(Group((item,), modifiers) if modifiers else item)
        else:
            out.append(item)
            if "conv" in traits(item) and rest != group.modifiers:
                out.append(Word("bn"))
    return Net((*net.items[:at], *out, *net.items[at + 1 :]), net.lets)


def _normed(items: Items) -> Items:
    return tuple(x for i in items for x in ((i, Word("bn")) if "conv" in traits(i) else (i,)))
