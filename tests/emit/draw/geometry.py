"""What may not happen on paper: letters over letters, letters or boxes cut off, lines through boxes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from archdsl.draw.kinds import KINDS
from archdsl.draw.scene import Line, Rect, Scene, Text

Box = tuple[float, float, float, float]


def extent(text: Text) -> Box:
    """Left, top, right and bottom of a text's letters."""
    return text.left, text.y - 0.72 * text.size, text.left + text.width, text.y + 0.2 * text.size


def cards(scene: Scene) -> list[Box]:
    """The boxes of layers; of the cards of a repetition, the front one."""
    return [
        (m.x, m.y, m.x + m.w, m.y + m.h)
        for m in scene.marks
        if isinstance(m, Rect) and m.style in KINDS and (m.tip or m.style == "input")
    ]


def overlap(a: Box, b: Box, slack: float = 0.5) -> bool:
    return a[0] + slack < b[2] and b[0] + slack < a[2] and a[1] + slack < b[3] and b[1] + slack < a[3]


def faults(scene: Scene) -> Iterator[str]:
    """Everything that is wrong with a scene."""
    texts = [(m.text, extent(m)) for m in scene.marks if isinstance(m, Text)]
    boxes = cards(scene)
    yield from (
        f"`{n}` is cut off" for n, e in texts if e[0] < 0 or e[1] < 0 or e[2] > scene.w + 0.5 or e[3] > scene.h + 0.5
    )
    yield from (f"`{n}` stands out of a box" for n, e in texts for b in boxes if overlap(e, b) and not within(e, b))
    yield from (f"`{n}` lies on `{m}`" for (n, e), (m, f) in combinations(texts, 2) if overlap(e, f))
    yield from (f"boxes overlap: {b} {c}" for b, c in combinations(boxes, 2) if overlap(b, c))
    pieces = [s for m in scene.marks if isinstance(m, Line) for s in stretches(m)]
    inner = [(b[0] + 1, b[1] + 1, b[2] - 1, b[3] - 1) for b in boxes]
    yield from (f"a line runs through a box: {s} {b}" for s in pieces for b in inner if overlap(s, b, 0))
    yield from (f"a line runs through `{n}`: {s}" for s in pieces for n, e in texts if overlap(s, e, 0))


def within(a: Box, b: Box) -> bool:
    return b[0] <= a[0] + 0.5 and a[2] <= b[2] + 0.5 and b[1] <= a[1] + 0.5 and a[3] <= b[3] + 0.5


def stretches(line: Line) -> Iterator[Box]:
    for (x1, y1), (x2, y2) in pairwise(line.points):
        assert x1 == x2 or y1 == y2, "lines go across or down"
        yield min(x1, x2) - 0.2, min(y1, y2) - 0.2, max(x1, x2) + 0.2, max(y1, y2) + 0.2
