"""A diagram as lines of text: a value is a rail that runs down beside the layers, as in the log of a version control.

● conv 3×3, 16 bn relu      16x32x32
├─╮
● │ conv 3×3, 16 bn relu    16x32x32
●─╯ add                     16x32x32
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from archdsl.draw.diagram import Box, named
from archdsl.registry.shapes import dims
from archdsl.report.numbers import compact
from archdsl.report.text import width as cells

if TYPE_CHECKING:
    from archdsl.draw.diagram import Diagram, Frame, Panel

LEAST = 12  # cells for the words of a line
_ASCII = str.maketrans(
    {
        "│": "|",
        "├": "|",
        "─": "-",
        "╮": ".",
        "╯": "'",
        "┤": "+",
        "┼": "+",
        "┴": "+",
        "●": "*",
        "○": "o",
        "×": "x",
        "·": "-",
        "…": "~",
        "–": "-",
        "→": ">",
    }
)


class Piece(NamedTuple):
    """A text and what it is: the kind of an op, ``rail``, ``title``, ``soft`` or nothing."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    rails: str
    kind: str
    words: str
    style: str
    figures: tuple[str, str, str] = ("", "", "")


def flow(diagram: Diagram, width: int | None = None, ascii: bool = False) -> list[list[Piece]]:
    """The lines of a drawing, each no wider than ``width`` cells. Where there is little room, MACs go first, then
    parameters, then the ends of words. ``ascii``: without other characters."""
    lines = [[Piece(diagram.title, "title")], [Piece(diagram.subtitle, "soft")]] if diagram.title else []
    for panel in diagram.all:
        if panel.letter:
            note = f"  {panel.note}" if panel.note else ""
            lines += [[], [Piece(f"[{panel.letter}] {panel.title}", "title"), Piece(note, "soft")]]
        lines += _table(_rows(panel), width)
    if width is not None:
        lines = [_cut(line, width) for line in lines]
    if ascii:
        lines = [[Piece(_plain(p.text), p.style) for p in line] for line in lines]
    return lines


def text(lines: list[list[Piece]]) -> str:
    """The lines without their styles."""
    return "".join("".join(p.text for p in line).rstrip() + "\n" for line in lines)


def _plain(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def _rows(panel: Panel) -> list[_Row]:
    rails = _Rails(panel)
    rows = []
    for number, (name, shape) in enumerate(named(panel)):
        rows.append(_Row(rails.arrive(-1 - number), "input", name, "", (dims(shape), "", "")))
    _walk(panel.frame, rails, rows, "")
    return rows


def _walk(frame: Frame, rails: _Rails, rows: list[_Row], indent: str) -> None:
    for item in frame.items:
        if isinstance(item, Box):
            rows += [_Row(fork, "", "", "rail") for fork in rails.forks(item.id)]
            rows.append(
                _Row(
                    rails.node(item.id),
                    item.kind,
                    indent + _words(item),
                    "",
                    (dims(item.shape), *_counts(item.params, item.macs)),
                )
            )
            continue
        times = f" ×{item.times}" if item.times > 1 else ""
        note = f" ({item.note})" if item.note else ""
        heading = f"{indent}{item.title}{times}{note}".replace(" ×", "×", 1 if not item.title else 0)
        rows.append(_Row(rails.idle(), "", heading, "title", ("", *_counts(item.params, item.macs))))
        _walk(item, rails, rows, indent + "  ")


def _counts(params: int, macs: int) -> tuple[str, str]:
    return compact(params) if params else "", compact(macs) if macs else ""


def _words(box: Box) -> str:
    tag = f"{box.tag}: " if box.tag else ""
    words = f"({box.text})" if box.times > 1 and " " in box.text else box.text
    times = f" ×{box.times}" if box.times > 1 else ""
    letter = f" [{box.letter}]" if box.letter else ""
    note = f" ({box.note})" if box.note else ""
    return f"{tag}{words}{times}{letter}{note}"


class _Rails:
    """Which value runs in which lane. ``None`` is a free one."""

    def __init__(self, panel: Panel) -> None:
        self.lanes: list[int | None] = []
        self.sources: dict[int, list[int]] = {}
        self.readers: dict[int, list[int]] = {}
        for wire in panel.wires:
            self.sources.setdefault(wire.target, []).append(wire.source)
            self.readers.setdefault(wire.source, []).append(wire.target)
        self.moved = (-1, 0, 0)  # for which box a value moved, from which lane to which

    def arrive(self, value: int) -> str:
        self.lanes.append(value)
        return self.drawn({len(self.lanes) - 1: "○"})

    def idle(self) -> str:
        return self.drawn({})

    def places(self, box: int) -> list[int]:
        """The lanes of what a box reads, from the left."""
        return sorted(self.lanes.index(s) for s in self.sources.get(box, ()) if s in self.lanes)

    def survives(self, value: int | None, box: int) -> bool:
        return value is not None and any(r > box for r in self.readers.get(value, ()))

    def forks(self, box: int) -> list[str]:
        """Lines before a box: what others still want of the value that it continues from moves to a lane of its own."""
        places = self.places(box)
        if not places or not self.survives(value := self.lanes[at := places[0]], box):
            return []
        free = next((n for n, v in enumerate(self.lanes) if v is None and n > at), len(self.lanes))
        if free == len(self.lanes):
            self.lanes.append(None)
        line = self.drawn({at: "├", free: "╮"}, at, free)
        self.lanes[free], self.lanes[at] = value, None
        self.moved = (box, at, free)
        return [line]

    def node(self, box: int) -> str:
        """The line of a box: it is in the lane of the first value that it reads; the others come to it."""
        places = self.places(box)
        if self.moved[0] == box:
            _, at, free = self.moved
            places = [p for p in places if p != free]
        elif places:
            at = places.pop(0)
        else:
            at = len(self.lanes)
            self.lanes.append(None)
        last = max([at, *places])
        stays = {p: self.survives(self.lanes[p], box) for p in places}
        signs = {p: ("┤" if p == last else "┼") if stays[p] else ("╯" if p == last else "┴") for p in places}
        line = self.drawn({at: "●", **signs}, at, last)
        for p in places:
            self.lanes[p] = self.lanes[p] if stays[p] else None
        self.lanes[at] = box if self.readers.get(box) else None
        while self.lanes and self.lanes[-1] is None:
            self.lanes.pop()
        return line

    def drawn(self, signs: dict[int, str], start: int = 0, stop: int = 0) -> str:
        """The rails of a line: signs in their lanes, a stroke from one lane to another, and what runs past."""
        found = ""
        for lane in range(max([len(self.lanes), *(n + 1 for n in signs)])):
            runs = lane < len(self.lanes) and self.lanes[lane] is not None
            found += signs.get(lane) or ("│" if runs else "─" if start < lane < stop else " ")
            found += "─" if start <= lane < stop else " "
        return found.rstrip()


def _table(rows: list[_Row], width: int | None) -> list[list[Piece]]:
    rails = max((cells(r.rails) for r in rows), default=0)
    words = max((cells(r.words) for r in rows), default=0)
    wide = [max((len(r.figures[n]) for r in rows), default=0) for n in range(3)]
    shown = 3
    while width is not None and shown > 1 and rails + 1 + words + sum(2 + w for w in wide[:shown]) > width:
        shown -= 1
    if width is not None:
        room = width - rails - 1 - sum(2 + w for w in wide[:shown])
        if room < LEAST:
            shown, room = 0, max(1, width - rails - 1)
        words = min(words, room)
    lines = []
    for row in rows:
        text = row.words if cells(row.words) <= words else _shortened(row.words, words)
        line = [
            Piece(row.rails + " " * (rails - cells(row.rails)), row.kind or "rail"),
            Piece(" "),
            Piece(text + " " * (words - cells(text)), row.style),
        ]
        for n in range(shown):
            pad = " " * (wide[n] - len(row.figures[n]))
            line.append(Piece("  " + (row.figures[n] + pad if n == 0 else pad + row.figures[n]), "soft"))
        lines.append(line)
    return lines


def _shortened(text: str, room: int) -> str:
    while text and cells(text) > room - 1:
        text = text[:-1]
    return text + "…"


def _cut(line: list[Piece], width: int) -> list[Piece]:
    """A line that is too wide, cut off; only headings and rails without end can be."""
    found: list[Piece] = []
    left = width
    for piece in line:
        if cells(piece.text) > left:
            return [*found, Piece(_shortened(piece.text, left), piece.style)] if left > 0 else found
        found.append(piece)
        left -= cells(piece.text)
    return found
