"""Parts of an outline as boxes and frames, and the wires between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from archdsl.draw.diagram import Box, Chip, Frame, Wire
from archdsl.draw.kinds import POINTWISE, brief, kind
from archdsl.ir.cost import row_params
from archdsl.ir.fold import MODULES
from archdsl.ir.outline import Leaf, Part, stem
from archdsl.registry import find

if TYPE_CHECKING:
    from archdsl.draw.diagram import Thing
    from archdsl.ir.fold import Fold, Folded
    from archdsl.ir.outline import Item, Outline

_UNIT = 9  # layers of a composite word that is one chip


class _Piece(NamedTuple):
    """A stretch of values that is one chip."""

    start: int
    stop: int
    chip: Chip
    label: str


def is_unit(outline: Outline, item: Item) -> bool:
    """Whether a module is a short composite word, such as ``sepconv`` or ``se``, which a drawing need not open."""
    if isinstance(item, Leaf) or item.times > 1 or item.wrapper is not None or item.stop - item.start > _UNIT:
        return False
    entry = find("net", stem(item.name))
    return entry is not None and entry.kind == "block" and _one_input(outline, item.start, item.stop)


def _joins(name: str) -> bool:
    """Whether a module is called as a join, or as a block that ends in one: what meets there shows without the name."""
    entry = find("net", name)
    return entry is not None and (entry.kind == "join" or "skip" in entry.traits)


def _one_input(outline: Outline, start: int, stop: int) -> bool:
    return len({i for v in outline.values[start:stop] for i in v.inputs if i < start}) == 1


def closable(outline: Outline, item: Item) -> bool:
    """Whether an item is a module that may be drawn as one box instead of its inside."""
    return isinstance(item, Part) and not is_unit(outline, item)


def count(outline: Outline, part: Part, level: int, units: bool = True) -> int:
    """How many boxes a part makes with so many levels of modules open."""
    pieces: list[Item] = []
    found = 0
    for item in part.items:
        if isinstance(item, Part) and not (units and is_unit(outline, item)):
            found += _boxes(outline, pieces, units) + (count(outline, item, level - 1, units) if level > 0 else 1)
            pieces = []
        else:
            pieces.append(item)
    return found + _boxes(outline, pieces, units)


def _boxes(outline: Outline, items: Sequence[Item], units: bool) -> int:
    return len(Drawer(outline, None, {}, units).grouped(items)) if items else 0


class Drawer:
    """Makes boxes and frames of one panel; remembers which box stands for which value."""

    def __init__(
        self, outline: Outline, folded: Folded | None, letters: dict[int, str], units: bool, base: int = 0
    ) -> None:
        self.outline, self.folded, self.letters, self.units = outline, folded, letters, units
        self.base = base  # values before it are outside the panel
        self.spans: list[tuple[int, int, int]] = []  # of each box: its values and those of its copies

    def frame(self, part: Part, level: int, title: str = "") -> Frame:
        """The inside of a part. A module at a level that is not opened any more is a box."""
        things: list[Thing] = []
        run: list[Item] = []
        for item in part.items:
            if isinstance(item, Part) and not (self.units and is_unit(self.outline, item)):
                things += self.layers(run)
                run = []
                things.append(self.module(item, level - 1) if level > 0 else self.closed(item))
            else:
                run.append(item)
        things += self.layers(run)
        return Frame(title, part.path, tuple(things), self.params(part), self.macs(part), part.times, self.note(part))

    def module(self, part: Part, level: int) -> Thing:
        """An opened module: its frame, or its only box with the module's name."""
        frame = self.frame(part, level, _title(part))
        if len(frame.items) == 1 and part.wrapper is None:
            only = frame.items[0]
            if isinstance(only, Frame) and part.times == 1:
                return replace(only, title=frame.title)
            if isinstance(only, Box) and 1 in (only.times, part.times):
                times = only.times * part.times
                if part.times > 1:
                    self.spans[only.id] = (part.start, part.stop, part.times)
                tag = only.tag or ("" if stem(frame.title) == "block" else frame.title)
                return replace(
                    only,
                    tag=tag,
                    times=times,
                    params=frame.params,
                    macs=frame.macs,
                    shape=self.out(part),
                    note=only.note or frame.note,
                )
        return frame

    def closed(self, part: Part) -> Box:
        """A module as one box."""
        text = part.name or "block"
        if part.wrapper is not None:
            text = brief(part.wrapper.op)
        size = part.stop - part.start
        letter = self.letters.get(id(part), "")
        place = self.add(part.start, part.stop, part.times)
        box = Box(place, (Chip(text, "block"),), 0, part.path, self.params(part), self.macs(part), self.out(part),
                  times=part.times, letter=letter, note=self.note(part))  # fmt: skip
        if not letter and size > 1 and (pieces := self.grouped(part.items)) and len(pieces) == 1 and size < _UNIT:
            chips, main = _chips(pieces[0])
            return replace(box, chips=chips, main=main, tag=_title(part))
        return box

    def layers(self, items: Sequence[Item]) -> list[Thing]:
        """Boxes for layers in a row."""
        found: list[Thing] = []
        for pieces in self.grouped(items):
            start, stop = pieces[0].start, pieces[-1].stop
            chips, main = _chips(pieces)
            path = self.outline.values[start if len(pieces) == 1 else pieces[main].start].row.path
            tag = next((p.label for p in pieces if p.label), "")
            macs = self.outline.macs(start, stop)
            found.append(Box(self.add(start, stop, 1), chips, main, path, self.outline.params(start, stop), macs,
                             self.outline.shape(stop - 1), tag))  # fmt: skip
        return found

    def grouped(self, items: Sequence[Item]) -> list[list[_Piece]]:
        """Layers in a row by box: what works point by point goes with the layer before it, or, where a run begins with
        such a thing (pre-activation), with the one behind it."""
        found: list[list[_Piece]] = []
        for run in self.runs(items):
            first = run[0].chip.kind in POINTWISE
            box: list[_Piece] = []
            for piece in run:
                full = any(p.chip.kind not in POINTWISE for p in box)
                if full and (first or piece.chip.kind not in POINTWISE or piece.chip.kind == "pad"):
                    found.append(box)
                    box = []
                box.append(piece)
            if len(run) > len(box) and all(p.chip.kind in POINTWISE for p in box):
                found[-1] += box  # nothing follows that it could go with
            else:
                found.append(box)
        return found

    def runs(self, items: Sequence[Item]) -> list[list[_Piece]]:
        """Layers that form a chain: each reads the one before it, and nobody else does. What meets or reshapes stands
        alone, but may be followed by what works point by point."""
        runs: list[list[_Piece]] = []
        for piece in map(self.piece, items):
            before = runs[-1][-1] if runs else None
            values = self.outline.values[piece.start : piece.stop]
            sources = {i for v in values for i in v.inputs if i < piece.start}
            chained = (
                before is not None
                and sources == {before.stop - 1}
                and all(piece.start <= r < piece.stop for r in self.outline.readers[before.stop - 1])
            )
            if chained:
                runs[-1].append(piece)
            else:
                runs.append([piece])
        return runs

    def piece(self, item: Item) -> _Piece:
        if isinstance(item, Leaf):
            row = self.outline.values[item.value].row
            name = row.path.rpartition(".")[2]
            vague = self.folded is not None and any(f.start <= item.value < f.stop for f in self.folded.folds)
            own = stem(row.op.name)
            label = "" if stem(name.rstrip("_")) == own or _joins(name) else name
            return _Piece(item.start, item.stop, Chip(brief(row.op, vague), kind(row.op)), label)
        return _Piece(item.start, item.stop, self.unit(item), "")

    def unit(self, part: Part) -> Chip:
        """A short composite word as one chip."""
        rows = [v.row for v in self.outline.values[part.start : part.stop]]
        name = stem(part.name)
        entry = find("net", name)
        if entry is not None and "ties" in entry.traits:
            return Chip(f"{name} {rows[0].path.removeprefix(f'{part.path}.').partition('.')[0]}", kind(rows[0].op))
        if any(r.op.entry.kind == "join" for r in rows):
            return Chip(name, "gate")
        first, last = brief(rows[0].op), brief(rows[-1].op)
        window = first.removeprefix(rows[0].op.name).strip()
        width = last.rpartition(", ")[2] if ", " in last else ""
        parts = window.split(", ")
        return Chip(f"{name} {', '.join([parts[0], width, *parts[1:]] if width else parts)}", kind(rows[0].op))

    def add(self, start: int, stop: int, times: int) -> int:
        self.spans.append((start, stop, times))
        return len(self.spans) - 1

    def params(self, part: Part) -> int:
        if part.wrapper is not None:
            return part.times * row_params(part.wrapper)
        return self.outline.params(part.start, self.stop(part))

    def macs(self, part: Part) -> int:
        return self.outline.macs(part.start, self.stop(part))

    def stop(self, part: Part) -> int:
        """Where the last copy of a part ends."""
        return part.start + (part.stop - part.start) * part.times

    def out(self, part: Part) -> tuple[int, ...]:
        return self.outline.shape(self.stop(part) - 1)

    def note(self, part: Part) -> str:
        """What a reader should know of a repetition."""
        notes = []
        first, last = self.outline.shape(part.stop - 1), self.out(part)
        if part.times > 1 and first != last:
            notes.append(f"{'×'.join(map(str, first))} to {'×'.join(map(str, last))}")
        if part.reach > 1:
            notes.append(f"each takes the {part.reach} before it")
        notes += self.sources(part)
        return "; ".join(notes)

    def sources(self, part: Part) -> list[str]:
        """Which copies of repetitions before it a part reads, where that is not the last one alone."""
        read: dict[Fold, set[int]] = {}
        for reader in range(part.start, part.stop):
            for source in self.outline.values[reader].inputs:
                for fold in self.folded.folds if self.folded is not None else ():
                    if self.base <= fold.start <= source < fold.stop <= part.start:
                        read.setdefault(fold, set()).add(fold.copy(source) + 1)
        return [
            f"takes {_listed(sorted(copies))} of {fold.times}"
            for fold, copies in read.items()
            if copies != {fold.times}
        ]

    def wires(self, part: Part) -> tuple[tuple[Wire, ...], tuple[int, ...], tuple[int, ...]]:
        """The wires of the panel of a part; the values that arrive, the nearest first (sources -1, -2, …); the boxes
        whose values leave."""
        assert self.folded is not None
        owner: dict[int, int] = {}
        for place, (start, stop, times) in enumerate(self.spans):
            for value in range(start, start + (stop - start) * times):
                owner.setdefault(value, place)
        outside = sorted(
            {i for v in self.outline.values[part.start : part.stop] for i in v.inputs if i < part.start}, reverse=True
        )
        found: dict[Wire, None] = {}
        for place, (start, stop, times) in enumerate(self.spans):
            for value in range(start, start + (stop - start) * times):
                for source in self.outline.values[value].inputs:
                    if source < part.start:
                        found[Wire(-1 - outside.index(source), place)] = None
                    elif source < start and (box := owner[self.folded.shown[source]]) != place:
                        found[Wire(box, place)] = None
        leaving = [v for v in range(part.start, part.stop) if any(r >= part.stop for r in self.outline.readers[v])]
        outputs = tuple(dict.fromkeys(owner[self.folded.shown[v]] for v in leaving))
        return tuple(found), tuple(outside), outputs


def _chips(pieces: Sequence[_Piece]) -> tuple[tuple[Chip, ...], int]:
    main = next((n for n, p in enumerate(pieces) if p.chip.kind not in POINTWISE), 0)
    return tuple(p.chip for p in pieces), main


def _listed(numbers: Sequence[int]) -> str:
    return " and ".join(f"number {n}" if i == 0 else str(n) for i, n in enumerate(numbers))


def _title(part: Part) -> str:
    """The author's name of a module, or the number of a stage."""
    if part.wrapper is not None:
        return brief(part.wrapper.op)
    last = part.path.rpartition(".")[2]
    name = part.name if stem(last) in MODULES and stem(part.name) not in MODULES else last
    return stem(name) if part.times > 1 else name
