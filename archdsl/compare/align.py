"""Two outlines aligned: which layer of one is which of the other.

An alignment of ordered trees, level by level: the items of two modules are aligned as sequences (Needleman & Wunsch 1970),
where taking two modules for one costs what the best alignment of their insides costs, and leaving one out costs its number
of layers. Labels of the author draw their modules together. Equal stretches have equal numbers, so that what is alike is
compared once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from archdsl.draw.kinds import kind
from archdsl.ir.outline import DIGITS, Leaf, Part, stem

if TYPE_CHECKING:
    from archdsl.ir.outline import Item, Outline

Pair: TypeAlias = "tuple[Item | None, Item | None]"

EPS = 1e-9
CELLS = 250_000  # of a table of costs; longer sequences are matched by what is equal alone
WORTH = 0.6  # of the layers without a partner: what opening modules must not cost more than
# What taking two layers for one costs, as fractions of leaving both out: other arguments, one label for two words, another
# word of the same kind; and what another label costs on top. Another name of a module costs as much as half a layer.
_ARGUMENTS, _LABELLED, _WORD, _LABEL, _NAME = 0.25, 0.45, 0.75, 0.15, 0.5
_LIGHT = {"act": 0.6, "norm": 0.8, "drop": 0.6}  # layers by which nobody would recognise a network; others weigh 1


class Aligner:
    """Aligns two outlines; remembers the costs of what it has compared."""

    def __init__(self, a: Outline, b: Outline) -> None:
        self.a, self.b = a, b
        self.numbers: dict[Any, int] = {}
        self.signs: dict[tuple[bool, int, int, str], int] = {}
        self.costs: dict[tuple[int, int], float] = {}
        self.sums = tuple([0.0, *accumulate(_LIGHT.get(kind(v.row.op), 1.0) for v in o.values)] for o in (a, b))

    def weight(self, item: Item, left: bool) -> float:
        """What it costs to leave an item out."""
        sums = self.sums[0 if left else 1]
        return sums[item.stop] - sums[item.start]

    def pairs(self, a: Part, b: Part) -> Iterator[Pair]:
        """Pairs of items in the order of the networks; modules that belong together are followed into their insides. Two modules
        are a pair where the layers round them differ (``dropconnect``, ``shared``, ``ode``)."""
        yield from self.followed(self.matched(a.items, b.items))

    def followed(self, pairs: list[Pair]) -> Iterator[Pair]:
        for x, y in self.opened(pairs):
            if isinstance(x, Part) and isinstance(y, Part) and self.sign(x, True) != self.sign(y, False):
                if wrapped(x) != wrapped(y):
                    yield x, y
                yield from self.pairs(x, y)
            elif isinstance(x, Part) and isinstance(y, Part):
                yield from _side_by_side(x, y)
            else:
                yield x, y

    def opened(self, pairs: list[Pair]) -> Iterator[Pair]:
        """Pairs, where what found no partner is looked for inside of the modules that found none: a label or a ``let``
        puts a module round what was there without."""
        for alone, run in groupby(pairs, key=lambda p: p[0] is None or p[1] is None):
            found = list(run)
            if alone:
                found = self.unwrapped(found)
            yield from found

    def unwrapped(self, pairs: list[Pair]) -> list[Pair]:
        left, right = [x for x, _ in pairs if x is not None], [y for _, y in pairs if y is not None]
        if not left or not right:
            return pairs
        best, least = pairs, WORTH * self.total(pairs)
        for a, b in ((left, _inside(right)), (_inside(left), right), (_inside(left), _inside(right))):
            if len(a) * len(b) <= CELLS:
                tried = self.matched(a, b)
                cost = self.total(tried)
                if cost < least:
                    best, least = list(self.opened(tried)), cost
        return best

    def matched(self, a: Sequence[Item], b: Sequence[Item]) -> list[Pair]:
        """Two sequences of items aligned."""
        left, right = [self.sign(x, True) for x in a], [self.sign(y, False) for y in b]
        head = next((n for n, (x, y) in enumerate(zip(left, right, strict=False)) if x != y), min(len(a), len(b)))
        rest = min(len(a), len(b)) - head
        tail = next((n for n in range(rest) if left[-1 - n] != right[-1 - n]), rest)
        first: list[Pair] = list(zip(a[:head], b[:head], strict=True))
        last: list[Pair] = list(zip(a[len(a) - tail :], b[len(b) - tail :], strict=True))
        return [*first, *self.aligned(a[head : len(a) - tail], b[head : len(b) - tail]), *last]

    def aligned(self, a: Sequence[Item], b: Sequence[Item]) -> list[Pair]:
        if not a or not b:
            return [*((x, None) for x in a), *((None, y) for y in b)]
        if len(a) * len(b) > CELLS:
            return self.roughly(a, b)
        return self.traced(a, b)

    def traced(self, a: Sequence[Item], b: Sequence[Item]) -> list[Pair]:
        """The pairs of a cheapest alignment; of equal ones, the one that pairs first."""
        rows = self.table(a, b)
        found: list[Pair] = []
        n = m = 0
        while n < len(a) or m < len(b):
            alone = self.weight(a[n], True) if n < len(a) else float("inf")
            both = self.cost(a[n], b[m]) if n < len(a) and m < len(b) else float("inf")
            if (
                m < len(b)
                and both < alone + self.weight(b[m], False) - EPS
                and rows[n + 1][m + 1] + both < rows[n][m] + EPS
            ):
                found.append((a[n], b[m]))
                n, m = n + 1, m + 1
            elif n < len(a) and rows[n + 1][m] + alone < rows[n][m] + EPS:
                found.append((a[n], None))
                n += 1
            else:
                found.append((None, b[m]))
                m += 1
        return found

    def table(self, a: Sequence[Item], b: Sequence[Item]) -> list[list[float]]:
        """The least cost of aligning what is left behind each pair of places."""
        rows = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
        for n in range(len(a) - 1, -1, -1):
            rows[n][-1] = rows[n + 1][-1] + self.weight(a[n], True)
        for m in range(len(b) - 1, -1, -1):
            rows[-1][m] = rows[-1][m + 1] + self.weight(b[m], False)
        for n in range(len(a) - 1, -1, -1):
            for m in range(len(b) - 1, -1, -1):
                both = rows[n + 1][m + 1] + self.cost(a[n], b[m])
                rows[n][m] = min(
                    both, rows[n + 1][m] + self.weight(a[n], True), rows[n][m + 1] + self.weight(b[m], False)
                )
        return rows

    def roughly(self, a: Sequence[Item], b: Sequence[Item]) -> list[Pair]:
        """Very long sequences: equal stretches, and what is between them side by side."""
        left, right = [self.sign(x, True) for x in a], [self.sign(y, False) for y in b]
        found: list[Pair] = []
        for tag, i, j, k, m in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            if tag == "equal" or (j - i) * (m - k) > CELLS:
                both = min(j - i, m - k)
                found += list(zip(a[i : i + both], b[k : k + both], strict=True))
                found += [*((x, None) for x in a[i + both : j]), *((None, y) for y in b[k + both : m])]
            else:
                found += self.aligned(a[i:j], b[k:m])
        return found

    def total(self, pairs: Sequence[Pair]) -> float:
        """What an alignment costs."""
        return sum(
            self.cost(x, y)
            if x is not None and y is not None
            else self.weight(x, True)
            if x is not None
            else self.weight(y, False)
            if y is not None
            else 0.0
            for x, y in pairs
        )

    def cost(self, x: Item, y: Item) -> float:
        """What it costs to take two items for one: 0 if they are equal, never more than leaving both out."""
        key = self.sign(x, True), self.sign(y, False)
        if key[0] == key[1]:
            return 0.0
        if key not in self.costs:
            self.costs[key] = self.unlike(x, y)
        return self.costs[key]

    def unlike(self, x: Item, y: Item) -> float:
        most = self.weight(x, True) + self.weight(y, False)
        if isinstance(x, Part) and isinstance(y, Part):
            renamed = 0.0 if stem(x.name) == stem(y.name) else _NAME
            inside = self.total(self.matched(x.items, y.items))
            return min(most, renamed + inside) if inside < most * 0.75 or not renamed else most
        if isinstance(x, Leaf) and isinstance(y, Leaf):
            return most * min(1.0, self.layers(x, y))
        return most

    def layers(self, x: Leaf, y: Leaf) -> float:
        """What it costs to take two layers for one, as a fraction of leaving both out."""
        a, b = self.a.values[x.value].row.op, self.b.values[y.value].row.op
        labels = label(x.path, a.name), label(y.path, b.name)
        apart = 0.0 if labels[0] == labels[1] else _LABEL
        if a.entry is b.entry:
            return apart + (0.0 if a.args == b.args else _ARGUMENTS)
        if labels[0] and not apart:
            return _LABELLED
        return apart + _WORD if kind(a) == kind(b) else float("inf")

    def sign(self, item: Item, left: bool) -> int:
        """The number of an item's words, arguments and labels; what stands for nothing but a place counts not."""
        key = (left, item.start, item.stop, item.path)
        if key not in self.signs:
            self.signs[key] = self.numbers.setdefault(self.described(item, left), len(self.numbers))
        return self.signs[key]

    def described(self, item: Item, left: bool) -> Any:
        if isinstance(item, Part):
            return item.name.rstrip(DIGITS), wrapped(item), tuple(self.sign(i, left) for i in item.items)
        value = (self.a if left else self.b).values[item.value]
        op = value.row.op
        steps = tuple(item.value - i for i in value.inputs) if len(value.inputs) > 1 else ()
        return op.entry, op.args, label(item.path, op.name), steps


def label(path: str, word: str) -> str:
    """What the author called a layer; empty where its name is the word's."""
    name = path.rpartition(".")[2]
    return "" if stem(name).rstrip("_") == stem(word).rstrip("_") else name


def wrapped(part: Part) -> Any:
    """The layer round a module, without the network that is its argument; None where there is none."""
    return (part.wrapper.op.entry, _plain(part.wrapper.op.args)) if part.wrapper else None


def _plain(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments without networks, which are compared by themselves."""
    return tuple(a for a in args if isinstance(a, int | float | str | bool | tuple | None))


def _inside(items: Sequence[Item]) -> list[Item]:
    return [x for i in items for x in (i.items if isinstance(i, Part) and i.wrapper is None else (i,))]


def _side_by_side(x: Part, y: Part) -> Iterator[Pair]:
    """The layers of two equal modules."""
    for i, j in zip(x.items, y.items, strict=True):
        if isinstance(i, Part) and isinstance(j, Part):
            yield from _side_by_side(i, j)
        else:
            yield i, j
