"""Panels on a page: the overview in columns, the details beside it, a heading above and a legend below."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from archdsl.draw.card import badge
from archdsl.draw.diagram import boxes
from archdsl.draw.kinds import KINDS
from archdsl.draw.layout import panel
from archdsl.draw.metrics import width
from archdsl.draw.scene import Rect, Scene, Text

if TYPE_CHECKING:
    from archdsl.draw.diagram import Diagram, Panel
    from archdsl.draw.scene import Point

MARGIN, GUTTER, BETWEEN = 22.0, 40.0, 22.0
ASPECT = 1.55  # of a slide, nearly
COLUMNS = 8  # at most, of the overview


def scene(diagram: Diagram) -> Scene:
    """The whole drawing."""
    details = [_framed(p) for p in diagram.panels]
    choices = [
        (overview, way)
        for n in range(1, COLUMNS + 1)
        for overview in [_overview(diagram.main, n)]
        for way in _ways(overview, details)
    ]
    overview, way = min(choices, key=lambda c: _badness(_extent([c[0], *details], c[1])))
    body = Scene()
    for part, place in zip([overview, *details], way, strict=True):
        body.put(part, *place)
    body.w, body.h = _extent([overview, *details], way)
    page = Scene(title=diagram.title, about=about(diagram))
    page.marks.append(Text(MARGIN, MARGIN + 13, diagram.title, 17, "ink", True))
    page.marks.append(Text(MARGIN, MARGIN + 31, diagram.subtitle, 10.5, "soft"))
    page.put(body, MARGIN, MARGIN + 52)
    heading = max(width(diagram.title, 17, True), width(diagram.subtitle, 10.5))
    inner = max(body.w, heading, 260.0)
    legend = _legend(diagram, inner)
    page.put(legend, MARGIN, MARGIN + 52 + body.h + 24)
    page.w, page.h = inner + 2 * MARGIN, 2 * MARGIN + 52 + body.h + 24 + legend.h
    return page


def about(diagram: Diagram) -> str:
    """The drawing in a sentence or two."""
    names = [f"{b.text}{f' ×{b.times}' if b.times > 1 else ''}" for b in boxes(diagram.main.frame)]
    shown = ", ".join(names[:40]) + (" and so on" if len(names) > 40 else "")
    return f"{diagram.subtitle}. From input to output: {shown}."


def _badness(size: Point) -> float:
    """How far a page is from the shape of a slide; large ones are small on it."""
    w, h = size
    return abs(log(w / max(h, 1) / ASPECT)) + 0.6 * log(max(w * h, 1))


def _extent(parts: list[Scene], way: list[Point]) -> Point:
    places = list(zip(parts, way, strict=True))
    return max(x + p.w for p, (x, _) in places), max(y + p.h for p, (_, y) in places)


def _overview(main: Panel, columns: int) -> Scene:
    placed = panel(main, columns)
    return Scene(placed.scene.marks, placed.w, placed.h)


def _ways(overview: Scene, details: list[Scene]) -> list[list[Point]]:
    """Ways to put the details beside the overview or below it: the upper left of each part."""
    found: list[list[Point]] = []
    widths = [d.w for d in details]
    rows = {sum(widths[:n]) + BETWEEN * n for n in range(1, len(widths) + 1)} | {max(widths, default=0.0)}
    for limit in sorted(rows):
        shelves = _shelves(details, limit, 0.0)
        found.append([(0.0, 0.0), *[(x + overview.w + GUTTER, y) for x, y in shelves]])
        found.append([(0.0, 0.0), *_shelves(details, max(limit, overview.w), overview.h + BETWEEN)])
        found.append(_shelves([overview, *details], overview.w + limit, 0.0))
    return found


def _shelves(parts: list[Scene], limit: float, top: float) -> list[Point]:
    """Parts in rows no wider than ``limit``."""
    found: list[Point] = []
    x = high = 0.0
    y = top
    for part in parts:
        if x and x + part.w > limit + 1:
            x, y, high = 0.0, y + high + BETWEEN, 0.0
        found.append((x, y))
        x += part.w + BETWEEN
        high = max(high, part.h)
    return found


def _framed(detail: Panel) -> Scene:
    """A detail with its heading."""
    placed = panel(detail)
    head = max(28 + width(detail.title, 13, True), width(detail.note, 9.5))
    w = max(placed.w, head) + 28
    top = 38.0 if not detail.note else 52.0
    found = Scene([Rect(0, 0, w, placed.h + top + 20, "panel", 10)], w, placed.h + top + 20)
    found.marks += badge(detail.letter, 20, 19)
    found.marks.append(Text(34, 23.5, detail.title, 13, "ink", True))
    if detail.note:
        found.marks.append(Text(14, 41, detail.note, 9.5, "soft"))
    found.put(placed.scene, (w - placed.w) / 2, top + 4)
    return found


def _legend(diagram: Diagram, limit: float) -> Scene:
    """The kinds that occur, with their colours."""
    used = {c.kind for p in diagram.all for b in boxes(p.frame) for c in b.chips}
    found = Scene()
    x = y = 0.0
    for kind, words in KINDS.items():
        if kind not in used:
            continue
        w = 20 + width(words, 10) + 16
        if x and x + w > limit:
            x, y = 0.0, y + 19
        found.marks += [Rect(x, y, 14, 11, kind, 3), Text(x + 20, y + 9.5, words, 10, "soft")]
        x += w
        found.w, found.h = max(found.w, x), y + 14
    return found
