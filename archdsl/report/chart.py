"""Curves as text: in dots of Braille, eight to a character, or in letters where they would not be seen or distinguished."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Curve", "Line", "Piece", "chart", "plain", "value_text"]

MARKS = "*+ox#@%&abcdefghijklmnpqrstuvwyzABCDEFGHIJKLMNPQRSTUVWYZ"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille cell, by row and column
_LEAST = 8  # characters across
_DASH, _GAP = 3, 3  # dots


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in the order of x. ``group`` chooses the colour; ``dashed`` tells two curves of a group apart. A y that is
    not finite is a gap.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    group: int = 0
    dashed: bool = False


Piece = tuple[str, int | None]  # text, and the group whose colour it has
Line = list[Piece]
Cells = list[list[tuple[int | str, int | None]]]  # what is there, and whose it is


@dataclass(frozen=True, slots=True)
class _Frame:
    """From values to the grid: the first row is the highest value."""

    left: float
    right: float
    low: float
    high: float
    log: bool

    def at(self, x: float, y: float, columns: int, rows: int) -> tuple[int, int]:
        across = (x - self.left) / (self.right - self.left) if self.right > self.left else 0.0
        return round(across * (columns - 1)), round((1 - self.height(y)) * (rows - 1))

    def height(self, y: float) -> float:
        if self.high <= self.low:
            return 0.5
        if self.log:
            return math.log(y / self.low) / math.log(self.high / self.low)
        return (y - self.low) / (self.high - self.low)

    @property
    def middle(self) -> float:
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2


def chart(
    curves: Sequence[Curve],
    width: int,
    height: int,
    *,
    log: bool = False,
    percent: bool = False,
    dots: bool = True,
    axis: bool = True,
) -> list[Line]:
    """Draw curves into ``width`` characters and ``height`` lines, with the values at the left; with ``axis`` there is
    one more line, of x. Without ``dots`` each curve has a letter of ``MARKS``. Nothing to draw gives no lines.
    """
    parts = [_segments(c, log) for c in curves]
    points = [p for part in parts for segment in part for p in segment]
    if not points:
        return []
    frame = _Frame(
        min(x for x, _ in points), max(x for x, _ in points), min(y for _, y in points), max(y for _, y in points), log
    )
    gutter = max(len(value_text(v, percent)) for v in (frame.low, frame.middle, frame.high)) + 1
    columns = max(_LEAST, width - gutter - 1)
    cells: Cells = [[(0, None)] * columns for _ in range(height)]
    for number, (curve, part) in enumerate(zip(curves, parts, strict=True)):
        for segment in part:
            if dots:
                _dotted(cells, curve, segment, frame)
            else:
                _marked(cells, curve, segment, frame, MARKS[number % len(MARKS)])
    labels = {0: frame.high, height // 2: frame.middle, height - 1: frame.low}
    lines = []
    for number, row in enumerate(cells):
        text = value_text(labels[number], percent) if number in labels and frame.high > frame.low else ""
        if frame.high <= frame.low and number == height // 2:
            text = value_text(frame.low, percent)
        lines.append([(f"{text:>{gutter - 1}} {'┤' if dots else '|'}", None), *_pieces(row)])
    if axis:
        first, last = f"{frame.left:g}", f"{frame.right:g}"
        last = last if frame.right > frame.left else ""
        lines.append([(" " * (gutter + 1) + first + last.rjust(columns - len(first)), None)])
    return lines


def plain(lines: Iterable[Line]) -> str:
    """The text alone."""
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def value_text(value: float, percent: bool = False) -> str:
    """A value as the axis shows it."""
    return f"{100 * value:.1f} %" if percent else f"{value:.3g}"


def _segments(curve: Curve, log: bool) -> list[list[tuple[float, float]]]:
    """The stretches between gaps."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(curve.xs, curve.ys, strict=True):
        if math.isfinite(y) and (y > 0 or not log):
            found[-1].append((x, y))
        elif found[-1]:
            found.append([])
    return [s for s in found if s]


def _dotted(cells: Cells, curve: Curve, segment: Sequence[tuple[float, float]], frame: _Frame) -> None:
    columns, rows = 2 * len(cells[0]), 4 * len(cells)
    for number, (x, y) in enumerate(_path([frame.at(*p, columns, rows) for p in segment])):
        if curve.dashed and number % (_DASH + _GAP) >= _DASH:
            continue
        before = cells[y // 4][x // 2][0]
        assert isinstance(before, int)
        cells[y // 4][x // 2] = (before | _DOTS[y % 4][x % 2], curve.group)


def _marked(cells: Cells, curve: Curve, segment: Sequence[tuple[float, float]], frame: _Frame, mark: str) -> None:
    for x, y in _path([frame.at(*p, len(cells[0]), len(cells)) for p in segment]):
        cells[y][x] = (mark, curve.group)


def _path(points: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Every place on the way from point to point (Bresenham 1965, by rounding)."""
    yield points[0]
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(abs(x1 - x0), abs(y1 - y0))
        for n in range(1, steps + 1):
            yield round(x0 + (x1 - x0) * n / steps), round(y0 + (y1 - y0) * n / steps)


def _pieces(row: Sequence[tuple[int | str, int | None]]) -> Line:
    """A row with neighbours of one colour joined."""
    found: Line = []
    for what, group in row:
        text = what if isinstance(what, str) else chr(0x2800 + what) if what else " "
        if found and found[-1][1] == group:
            found[-1] = (found[-1][0] + text, group)
        else:
            found.append((text, group))
    return found
