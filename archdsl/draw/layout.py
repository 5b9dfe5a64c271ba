"""Frames laid out from the inside: each is a layered drawing of its items, and then a rectangle with ports to others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.draw.card import SMALL, STUB, card, figures, pill
from archdsl.draw.diagram import Box, boxes, named
from archdsl.draw.metrics import width
from archdsl.draw.ranks import Edge, Node, arrange
from archdsl.draw.scene import Line, Rect, Scene, Text
from archdsl.draw.sheet import Sheet

if TYPE_CHECKING:
    from archdsl.draw.diagram import Frame, Panel, Thing, Wire

EDGE = 11.0  # inside a frame


@dataclass
class Placed:
    """A thing as marks, its upper left at (0, 0). Ports: by value, where its lines enter and leave, from the left."""

    scene: Scene
    w: float
    h: float
    stub: float  # below it, where the shape stands
    enter: dict[int, float]
    leave: dict[int, float]
    anchor: float


def panel(panel: Panel, columns: int = 1) -> Placed:
    """A panel: what arrives as pills above its frame's items; broken into columns where a single line leads on."""
    return _Layout(panel, columns).frame(panel.frame, outer=True)


class _Layout:
    def __init__(self, panel: Panel, columns: int) -> None:
        self.wires, self.arriving, self.columns = panel.wires, named(panel), columns
        self.outputs = set(panel.outputs)

    def thing(self, thing: Thing) -> Placed:
        if isinstance(thing, Box):
            drawn = card(thing)
            scene = Scene()
            scene.put(drawn.scene, drawn.left, 0)
            sources = {w.source for w in self.wires if w.target == thing.id}
            return Placed(
                scene,
                drawn.left + drawn.right,
                drawn.height,
                STUB,
                dict.fromkeys(sources, drawn.left),
                {thing.id: drawn.left},
                drawn.left,
            )
        return self.frame(thing)

    def frame(self, frame: Frame, outer: bool = False) -> Placed:
        """A frame with its inside; the outermost has no border, and pills for what arrives."""
        placed = [self.thing(i) for i in frame.items]
        owner = {b.id: n for n, i in enumerate(frame.items) for b in ([i] if isinstance(i, Box) else boxes(i))}
        inside = [w for w in self.wires if w.target in owner]
        arriving = sorted(
            {w.source for w in inside if w.source not in owner}, key=lambda s: -s if s < 0 else 1 / (s + 2)
        )
        leaving = sorted(
            {w.source for w in self.wires if w.source in owner and w.target not in owner}
            | (self.outputs & owner.keys() if not outer else set())
        )
        if outer:
            pills = [pill(*self.arriving[-1 - s]) for s in arriving]
            ports = [
                Placed(_shifted(p.scene, p.left), p.left + p.right, p.height, 0, {}, {s: p.left}, p.left)
                for s, p in zip(arriving, pills, strict=True)
            ]
        else:
            ports = [_port(s) for s in arriving]
        everything = [*ports, *placed, *[_port(s) for s in leaving]]
        return self.composed(frame, everything, len(ports), len(leaving), owner, inside, outer)

    def composed(
        self,
        frame: Frame,
        placed: list[Placed],
        first: int,
        last: int,
        owner: dict[int, int],
        inside: list[Wire],
        outer: bool,
    ) -> Placed:
        arriving = {v: n for n, p in enumerate(placed[:first]) for v in p.leave}
        wanted = [
            (arriving[w.source] if w.source in arriving else owner[w.source] + first, owner[w.target] + first, w.source)
            for w in inside
        ]
        ends = range(len(placed) - last, len(placed))
        wanted += [(owner[v] + first, n, v) for n in ends for v in placed[n].enter]
        unique = sorted({(s, t, v) for s, t, v in wanted if s != t})
        nodes = [Node(p.anchor, p.w - p.anchor, p.h + p.stub) for p in placed]
        edges = [
            Edge(s, t, placed[s].leave[v] - placed[s].anchor, placed[t].enter[v] - placed[t].anchor, v)
            for s, t, v in unique
        ]
        order = arrange(nodes, edges, range(first), ends)
        sheet = Sheet(nodes, edges, order, self.columns if outer else 1, 0.0 if outer else 3.0)
        return _drawn(frame, placed, sheet, first, last, outer)


def _shifted(scene: Scene, dx: float) -> Scene:
    found = Scene()
    found.put(scene, dx, 0)
    return found


def _port(value: int) -> Placed:
    return Placed(Scene(), 12, 0, 0, {value: 6}, {value: 6}, 6)


def _drawn(frame: Frame, placed: list[Placed], sheet: Sheet, first: int, last: int, outer: bool) -> Placed:
    """The marks of a frame whose nodes have their ranks and places."""
    left = 0.0 if outer else _side(frame) + EDGE
    if not outer:
        sheet.h = max(sheet.h, 22 + 12.5 * len(_about(frame)))
    scene = Scene()
    for n, p in enumerate(placed):
        scene.put(p.scene, *sheet.corner(n, left))
    ends = len(placed) - last
    for edge in sheet.edges:
        target = placed[edge.target]
        head = edge.target < ends and (target.stub > 0 or target.h == 0)
        scene.marks.append(Line(sheet.points(edge, placed[edge.source].h, left), head))
    w, h = sheet.w + left + (0 if outer else EDGE), sheet.h
    enter = {v: sheet.nodes[n].x + left for n in range(first) for v in placed[n].leave}
    leave = {v: sheet.nodes[n].x + left for n in range(ends, len(placed)) for v in placed[n].enter}
    if not outer:
        scene.marks[:0] = _border(frame, w, h)
    anchor = next(iter(enter.values()), next(iter(leave.values()), w / 2))
    return Placed(scene, w, h, 0.0, enter, leave, anchor)


def _about(frame: Frame) -> list[tuple[str, str, bool]]:
    """What is at the left of a frame: lines of text, their style, and whether they are bold."""
    lines = [(frame.title, "ink", True)] if frame.title else []
    lines += [(f"×{frame.times}", "accent", True)] if frame.times > 1 else []
    lines += [(part, "soft", False) for part in figures(frame.params, frame.macs).split(" · ") if part]
    words = frame.note.split("; ") if frame.note else []
    return lines + [(part, "soft", False) for note in words for part in _folded(note)]


def _folded(note: str, most: int = 16) -> list[str]:
    lines = [""]
    for word in note.split():
        if lines[-1] and len(lines[-1]) + len(word) >= most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _size(line: tuple[str, str, bool]) -> float:
    return 13.0 if line[1] == "accent" else 10.5 if line[2] else SMALL


def _side(frame: Frame) -> float:
    return max((width(line[0], _size(line), line[2]) for line in _about(frame)), default=0.0) + EDGE


def _border(frame: Frame, w: float, h: float) -> list[Rect | Text]:
    marks: list[Rect | Text] = [Rect(0, 0, w, h, "frame", 8, frame.path)]
    if frame.times > 1:
        marks.insert(0, Rect(4, 4, w, h, "frame", 8))
    y = 17.0
    for line in _about(frame):
        y += 2.5 if line[1] == "accent" else 0
        marks.append(Text(EDGE - 2, y, line[0], _size(line), line[1], line[2]))
        y += 12.5
    return marks
