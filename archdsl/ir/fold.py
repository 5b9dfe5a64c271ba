"""Equal neighbours in an outline shown once, as ×N.

Two stretches of a network are alike if their words, arguments and inner wiring are the same, and if what each takes from
outside is the same: one value for all, or the value at the same place of the copy before (or of the one before that, as
in NASNet). What arrives may grow from copy to copy, as in a dense block; the rate of a dropout may change with depth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.ir.outline import Leaf, Part, stem
from archdsl.registry import params

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.ir.nodes import Op
    from archdsl.ir.outline import Item, Outline

LONGEST = 12  # items of a run that is looked for
RATES = ("p", "sigma")  # of dropout and its kin; they may change with depth
MODULES = frozenset({"block", "stage"})


class Fold(NamedTuple):
    """Copies in a row: where the first begins, values of one copy, and how many there are."""

    start: int
    size: int
    times: int

    @property
    def stop(self) -> int:
        return self.start + self.size * self.times

    def copy(self, value: int) -> int:
        """In which copy a value is, counted from 0."""
        return (value - self.start) // self.size


@dataclass(frozen=True, slots=True)
class Folded:
    """An outline's tree with its repetitions, and where they are."""

    root: Part
    folds: tuple[Fold, ...]
    shown: tuple[int, ...]  # of each value, the one that stands for it

    def apart(self, value: int, reader: int) -> Fold | None:
        """The repetition that a reader takes a value from which is not in its last copy; None for nearly all."""
        for fold in self.folds:
            inside = fold.start <= value < fold.stop
            if inside and not fold.start <= reader < fold.stop and fold.copy(value) < fold.times - 1:
                return fold
        return None


def fold(outline: Outline) -> Folded:
    """The tree of an outline with equal neighbours shown once."""
    folder = _Folder(outline)
    root = folder.part(outline.root)
    return Folded(root, tuple(folder.folds), folder.shown())


class _Folder:
    """Signatures are numbers, so that comparing them takes one step whatever they stand for."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.folds: list[Fold] = []
        self.numbers: dict[Any, int] = {}

    def shown(self) -> tuple[int, ...]:
        found = list(range(len(self.outline.values)))
        for place in range(len(found)):
            value = place
            for f in reversed(self.folds):  # the outermost first
                if f.start <= value < f.stop:
                    value = f.start + (value - f.start) % f.size
            found[place] = value
        return tuple(found)

    def part(self, part: Part) -> Part:
        return replace(part, items=self.items(part.items))

    def items(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Items with equal neighbours folded; what is inside is folded before its neighbours are compared."""
        signs = [self.sign(i) for i in items]
        found: list[Item] = []
        at = 0
        while at < len(items):
            length, times, reach = self.longest(items, signs, at)
            further = self.longest(items, signs, at + 1) if times > 1 else (1, 1, 1)
            if times == 1 or further[0] * further[1] > length * times:  # a longer one begins behind this item
                item = items[at]
                found.append(self.part(item) if isinstance(item, Part) else item)
                at += 1
                continue
            found.append(self.folded(items[at : at + length], times, reach))
            at += length * times
        return tuple(found)

    def folded(self, copy: Sequence[Item], times: int, reach: int) -> Part:
        start, stop = copy[0].start, copy[-1].stop
        inner = self.items(copy)
        self.folds.append(Fold(start, stop - start, times))
        if len(inner) == 1 and isinstance(only := inner[0], Part) and only.times == 1:
            return replace(only, times=times, reach=reach)
        return Part("", "", inner, start, stop, times, reach=reach)

    def longest(self, items: Sequence[Item], signs: Sequence[int], at: int) -> tuple[int, int, int]:
        """Of the runs that begin here: items of a copy, number of copies, and how far back they reach."""
        best = (1, 1, 1)
        for length in range(1, min(LONGEST, (len(items) - at) // 2) + 1):
            times = 1
            while signs[at : at + length] == signs[(next := at + length * times) : next + length]:
                times += 1
            while times > 1 and not (reach := self.reach(items, at, length, times)):
                times -= 1
            if times > 1 and length * times > best[0] * best[1]:
                best = (length, times, reach or 1)
        return best

    def reach(self, items: Sequence[Item], at: int, length: int, times: int) -> int | None:
        """How many copies back the copies take values; 0 where they stand side by side, None where they are wired in
        different ways, or where a reader outside takes more of them than the last ones."""
        starts = [items[at + length * n].start for n in range(times)]
        size = starts[1] - starts[0]
        most = 0
        for offset in range(size):
            rows = [self.outline.values[s + offset].inputs for s in starts]
            for sources in zip(*rows, strict=True):
                if (back := _back(sources, starts, size)) is None:
                    return None
                most = max(most, back)
        read = range(starts[0], starts[max(0, times - max(1, most))])
        stop = starts[-1] + size
        return None if any(reader >= stop for v in read for reader in self.outline.readers[v]) else most

    def sign(self, item: Item) -> int:
        """The number of a stretch's words, arguments and inner wiring."""
        key: list[Any] = []
        for place in range(item.start, item.stop):
            row, inputs, passes = self.outline.values[place]
            label = _label(row.path.rpartition(".")[2], row.op.name)
            wires = tuple(i - item.start if i >= item.start else None for i in inputs)
            key.append((row.op.entry, _args(row.op), label, wires, passes))
        names = _names(item)
        return self.numbers.setdefault((tuple(key), names), len(self.numbers))


def _back(sources: Sequence[int], starts: Sequence[int], size: int) -> int | None:
    """How many copies back one input of all copies comes from: 0 for inside or for one value from outside."""
    inside = [n for n, s in enumerate(sources) if s >= starts[0]]
    if not inside:
        return 0 if len(set(sources)) == 1 else None
    steps = {sources[n] - starts[n] for n in inside}
    first = inside[0]
    if len(steps) > 1 or inside != list(range(first, len(sources))):
        return None
    step = steps.pop()
    return 0 if step >= 0 else (-step - 1) // size + 1


def _args(op: Op) -> tuple[Any, ...]:
    """The arguments of a word but for networks, which are compared by themselves, and for the rate of a dropout."""
    rates = RATES if "drop" in op.entry.traits else ()
    return tuple(a for p, a in zip(params(op.entry), op.args, strict=True) if p.base != "node" and p.name not in rates)


def _label(name: str, word: str) -> str:
    """What the author called a layer; its word says the same of all others."""
    return "" if stem(name) == stem(word) else name


def _names(item: Item) -> Any:
    if isinstance(item, Leaf):
        return ""
    name = stem(item.name)
    wrapper = (item.wrapper.op.entry, _args(item.wrapper.op)) if item.wrapper is not None else None
    inner = tuple([_names(i) for i in item.items if isinstance(i, Part)])
    return ("" if name in MODULES else name, wrapper, inner)
