"""What a drawing is made from before it has a file format: rectangles, texts and lines, each of a class that a style
sheet or a palette colours. Coordinates in points from the upper left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from archdsl.draw.metrics import width

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle with round corners. ``style`` is ``frame``, ``card`` or the kind of a box; ``tip`` is told on hovering."""

    x: float
    y: float
    w: float
    h: float
    style: str
    radius: float = 5
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text from its left end (``anchor`` start) or round its middle, on a baseline."""

    x: float
    y: float
    text: str
    size: float
    style: str = "ink"
    bold: bool = False
    anchor: str = "start"

    @property
    def width(self) -> float:
        return width(self.text, self.size, self.bold)

    @property
    def left(self) -> float:
        return self.x - (self.width / 2 if self.anchor == "middle" else 0)


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline with round corners, and a head at its end."""

    points: tuple[Point, ...]
    head: bool = True
    style: str = "wire"


Mark: TypeAlias = Rect | Text | Line


@dataclass
class Scene:
    """Marks in the order in which they are drawn."""

    marks: list[Mark] = field(default_factory=list)
    w: float = 0
    h: float = 0
    title: str = ""
    about: str = ""

    def put(self, other: Scene, dx: float, dy: float) -> None:
        """Another scene at a place in this one."""
        self.marks += [moved(m, dx, dy) for m in other.marks]


def moved(mark: Mark, dx: float, dy: float) -> Mark:
    """A mark at another place. (``dataclasses.replace`` takes four times as long.)"""
    match mark:
        case Line(points=points, head=head, style=style):
            return Line(tuple([(x + dx, y + dy) for x, y in points]), head, style)
        case Rect(x=x, y=y, w=w, h=h, style=style, radius=radius, tip=tip):
            return Rect(x + dx, y + dy, w, h, style, radius, tip)
        case Text(x=x, y=y, text=text, size=size, style=style, bold=bold, anchor=anchor):
            return Text(x + dx, y + dy, text, size, style, bold, anchor)
