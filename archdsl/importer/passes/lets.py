"""Blocks that are alike up to their numbers as one ``let`` with parameters (anti-unification, Plotkin 1970).

Stretches of items with one skeleton (everything but the numbers) are candidates; the one that saves most words is taken,
and so on. A number that differs becomes a parameter, unless another one, or the channels that arrive, says it:
``4*c``, ``cin//4``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from archdsl.importer.passes.norms import traits
from archdsl.importer.tree import Fan, Group, Item, Items, Let, Net, Var, Word, first_cin, is_items, with_net
from archdsl.registry import find, params

LONGEST = 8  # items of a stretch
SMALLEST = 4  # words of one
LEAST = 4  # words that a let must save
NAMES = {"out": "cenmw", "k": "k", "s": "s", "groups": "g", "squeeze": "r", "p": "p", "heads": "h"}


@dataclass(frozen=True, slots=True)
class _Hole:
    """A number of a skeleton; ``default`` is its argument's."""

    name: str
    default: Any


@dataclass(slots=True)
class _Column:
    """A parameter: its name, its value in each place, and its default."""

    name: str
    values: tuple[Any, ...]
    default: Any = None


def lets(net: Net) -> Net:
    """One let more, if one is worth it."""
    spot = next((n for n, i in enumerate(net.items) if isinstance(i, Group)), -1)
    group = net.items[spot] if spot >= 0 else None
    items = group.body if isinstance(group, Group) else net.items
    best = _best(items)
    if best is None:
        return net
    length, places = best
    columns, body = _unified(items, length, places)
    taken = {let.name for let in net.lets}
    let = Let(_name(items[places[0] : places[0] + length], taken), tuple((c.name, c.default) for c in columns), body)
    new = _replaced(items, length, places, let, columns)
    if isinstance(group, Group):
        new = (*net.items[:spot], replace(group, body=new), *net.items[spot + 1 :])
    return Net(new, (*net.lets, let))


def _best(items: Items) -> tuple[int, list[int]] | None:
    keys = [_skeleton(i) for i in items]
    sizes = [_words(i) for i in items]
    best: tuple[int, int, list[int]] | None = None
    for length in range(1, LONGEST + 1):
        places: dict[Any, list[int]] = defaultdict(list)
        for at in range(len(items) - length + 1):
            if _stands_alone(items, at, length):
                found = places[tuple(k for k, _ in keys[at : at + length])]
                if not found or found[-1] + length <= at:
                    found.append(at)
        for found in places.values():
            size = sum(sizes[found[0] : found[0] + length])
            if len(found) < 2 or size < SMALLEST:
                continue
            columns = _unified(items, length, found)[0]
            written = sum(v != c.default for c in columns for v in c.values)
            score = (len(found) - 1) * size - len(found) - written - len(columns)
            if score >= LEAST and (best is None or score > best[0]):
                best = (score, length, found)
    return best and best[1:]


def _stands_alone(items: Items, at: int, length: int) -> bool:
    """Whether a stretch is a block: it begins with what computes, has a join or several layers, and what belongs to
    its last layer is inside."""
    first, window, then = items[at], items[at : at + length], items[at + length : at + length + 1]
    if not (_compound(first) or traits(first) & {"weighted", "norm"}):
        return False
    if any(isinstance(i, Word) and (i.stages or find("net", i.name) is None) for i in window):
        return False
    if _compound(first) and any("norm" in traits(i) for i in window):  # it belongs to what comes then
        return False
    behind = {"act"} if _compound(first) else {"act", "norm"}
    if then and traits(then[0]) & behind and "norm" not in traits(first):
        return False
    return sum(map(_compound, window)) < 2 and any(_compound(i) or "weighted" in traits(i) for i in window)


def _compound(item: Item) -> bool:
    return not isinstance(item, Word) or any(is_items(v) for _, v in item.args)


def _words(item: Item) -> int:
    match item:
        case Word(args=args):
            return 1 + sum(_words(i) for _, v in args if is_items(v) for i in v)
        case Fan(branches=branches):
            return 1 + sum(_words(i) for b in branches for i in b)
        case _:
            return 1


def _number(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(isinstance(v, int) for v in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _skeleton(item: Item) -> tuple[Any, list[tuple[_Hole, Any]]]:
    """What an item is apart from its numbers, and the numbers in order."""
    match item:
        case Word(name=name):
            entry = find("net", name)
            usual = {p.name: p.default for p in params(entry)} if entry and not item.stages else {}
            key: list[Any] = [name, item.stages]
            numbers: list[tuple[_Hole, Any]] = []
            for arg, value in (item.full() if usual else dict(item.args)).items():
                if _number(value):
                    key.append(arg)
                    numbers.append((_Hole(arg, usual.get(arg)), value))
                elif is_items(value):
                    inner = [_skeleton(i) for i in value]
                    key.append((arg, tuple(k for k, _ in inner)))
                    numbers += [n for _, ns in inner for n in ns]
                else:
                    key.append((arg, value))
            return tuple(key), numbers
        case Fan(join=join, branches=branches):
            parts = [[_skeleton(i) for i in b] for b in branches]
            own, given = _skeleton(Word(join, item.args))
            numbers = [n for b in parts for _, ns in b for n in ns]
            return (own, *(tuple(k for k, _ in b) for b in parts)), numbers + given
        case _:
            return item, []


def _unified(items: Items, length: int, places: list[int]) -> tuple[list[_Column], Items]:
    """The parameters, and the body that says the rest."""
    rows = [[n for i in items[at : at + length] for n in _skeleton(i)[1]] for at in places]
    cins = tuple(first_cin(items[at : at + length]) for at in places)
    columns: list[_Column] = []
    said: list[Any] = []
    for cells in zip(*rows, strict=True):
        hole, values = cells[0][0], tuple(v for _, v in cells)
        said.append(values[0] if len(set(values)) == 1 else _formula(hole, values, columns, cins))
    body = tuple(_filled(i, said) for i in items[places[0] : places[0] + length])
    columns.sort(key=lambda c: c.default is not None)
    return columns, body


def _formula(hole: _Hole, values: tuple[Any, ...], columns: list[_Column], cins: tuple[int, ...]) -> Var:
    """A number by a parameter that is there, by the channels that arrive, or by a new parameter."""
    whole = all(isinstance(v, int) for v in values)
    if whole and hole.name != "s":
        for column in columns:
            if column.name[0] in "cenmw" and (text := _multiple(values, column.values, column.name)):
                return Var(text)
        if hole.name in ("out", "squeeze", "groups") and len(set(cins)) > 1:
            text = _multiple(values, cins, "cin")
            if text and (text != "cin" or hole.name != "out"):
                return Var(text)
    same = next((c for c in columns if c.values == values and c.name[0] == NAMES.get(hole.name, "n")[0]), None)
    if same:
        return Var(same.name)
    usual = hole.default if _number(hole.default) and hole.default in values else None
    columns.append(_Column(_fresh(hole.name, {c.name for c in columns}), values, usual))
    return Var(columns[-1].name)


def _multiple(values: tuple[int, ...], others: tuple[Any, ...], name: str) -> str:
    """``name``, ``4*name`` or ``name//4`` where that gives the values everywhere; else nothing."""
    if not all(isinstance(o, int) and o > 0 and v > 0 for v, o in zip(values, others, strict=True)):
        return ""
    if values == others:
        return name
    up, down = values[0] // others[0], others[0] // values[0]
    if up > 1 and all(v == up * o for v, o in zip(values, others, strict=True)):
        return f"{up}*{name}"
    if down > 1 and all(v * down == o for v, o in zip(values, others, strict=True)):
        return f"{name}//{down}"
    return ""


def _fresh(arg: str, taken: set[str]) -> str:
    letters = NAMES.get(arg, arg[0])
    free = [c for c in letters if c not in taken]
    return free[0] if free else next(f"{letters[0]}{n}" for n in range(2, 99) if f"{letters[0]}{n}" not in taken)


def _filled(item: Item, said: list[Any]) -> Item:
    """The item with the numbers of its skeleton said again; they are taken off the list's front."""
    match item:
        case Word(name=name):
            entry = find("net", name)
            usual = {p.name: p.default for p in params(entry)} if entry and not item.stages else {}
            args: list[tuple[str, Any]] = []
            for arg, value in (item.full() if usual else dict(item.args)).items():
                new = value
                if _number(value):
                    new = said.pop(0)
                elif is_items(value):
                    new = tuple(_filled(i, said) for i in value)
                if not (arg in usual and type(new) is type(usual[arg]) and new == usual[arg]):
                    args.append((arg, new))
            order = list(usual)
            args.sort(key=lambda a: order.index(a[0]) if a[0] in order else 0)
            return replace(item, args=tuple(args))
        case Fan(branches=branches):
            inner = tuple(tuple(_filled(i, said) for i in b) for b in branches)
            own = _filled(Word(item.join, item.args), said)
            assert isinstance(own, Word)
            return replace(item, branches=inner, args=own.args)
        case _:
            return item


def _replaced(items: Items, length: int, places: list[int], let: Let, columns: list[_Column]) -> Items:
    out: list[Item] = []
    at = 0
    while at < len(items):
        if at in places:
            row = places.index(at)
            args = [
                (str(n) if c.default is None else c.name, c.values[row])
                for n, c in enumerate(columns)
                if c.default is None or c.values[row] != c.default
            ]
            out.append(Word(let.name, tuple(args), cin=first_cin(items[at : at + length])))
            at += length
        else:
            out.append(items[at])
            at += 1
    return tuple(out)


def _name(window: Items, taken: set[str]) -> str:
    """What people call such a block."""
    base = "unit"
    fans = [i for i in window if isinstance(i, Fan)]
    if any(isinstance(i, Word) and i.name == "res" for i in window) or (fans and fans[0].join == "add"):
        base = "block"
    elif fans and fans[0].join == "cat":
        first = window[0]
        base = (
            "fire"
            if isinstance(first, Word) and first.name == "conv"
            else "dense"
            if () in fans[0].branches
            else "module"
        )
    if _halves(window):
        base = "down"
    names = [base, *(f"{base}{n}" for n in range(2, 99))]
    return next(n for n in names if n not in taken and find("net", n) is None)


def _halves(items: Items) -> bool:
    """Whether a number in the stretch makes the image smaller, wherever it is."""
    found = [v for i in items for h, v in _skeleton(i)[1] if h.name == "s" and v == 2]
    pools = any(isinstance(i, Word) and i.name in ("avgpool", "maxpool") for i in items)
    return (bool(found) or pools) and not any(isinstance(i, Word) and i.name == "res" for i in items)


def named(net: Net) -> Net:
    """The lets in the order in which the network uses them, numbered likewise."""
    order: list[str] = []
    inner: list[str] = []

    def look(items: Items) -> Items:
        order.extend(i.name for i in items if isinstance(i, Word) and i.name not in order)
        return items

    def within(items: Items) -> Items:
        inner.extend(i.name for i in items if isinstance(i, Word))
        return items

    with_net(Net(net.items), look)
    for let in net.lets:  # what is used by a let alone is before it
        with_net(Net(let.body), within)
    known = sorted(net.lets, key=lambda let: -1 if let.name in inner else order.index(let.name))
    new: dict[str, str] = {}
    for let in known:
        base = let.name.rstrip("0123456789")
        new[let.name] = next(n for n in (base, *(f"{base}{n}" for n in range(2, 99))) if n not in new.values())

    def rename(items: Items) -> Items:
        return tuple(replace(i, name=new.get(i.name, i.name)) if isinstance(i, Word) else i for i in items)

    renamed = with_net(Net(net.items, tuple(known)), rename)
    return Net(renamed.items, tuple(replace(let, name=new[let.name]) for let in renamed.lets))
