"""The bar and the small chart under it that a terminal shows while a net is trained. Imported for terminals alone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from archdsl.report.chart import MARKS, Curve, Line, chart, value_text
from archdsl.report.text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

REDRAWN = 0.2  # seconds between two drawings of the chart
MOST = 1000  # points of a curve; from there on every second one goes
LINES, WIDEST, NARROWEST = 6, 50, 24
LEAST_LINES, LEAST_WIDTH = 16, 60  # of a terminal; a smaller one has the bar alone
STYLES = ("blue", "yellow", "green", "magenta", "cyan", "red", "white")
Points = list[tuple[float, float]]


class History:
    """The curves of a run so far, over steps: training and validation by epoch, and the samples of the epoch that runs."""

    def __init__(self) -> None:
        self._curves: dict[str, Points] = {n: [] for n in ("loss", "valid_loss", "accuracy", "valid_accuracy")}
        self._now: dict[str, Points] = {"loss": [], "accuracy": []}

    def sample(self, step: int, loss: float, accuracy: float | None) -> None:
        """Means of this epoch so far."""
        for name, value in (("loss", loss), ("accuracy", accuracy)):
            if value is not None:
                _add(self._now[name], step, value)

    def epoch(self, step: int, values: dict[str, float | None]) -> None:
        """The figures of a whole epoch; those of a run without validation are None."""
        for name, value in values.items():
            if value is not None:
                _add(self._curves[name], step, value)
        for points in self._now.values():
            points.clear()

    def curves(self, name: str) -> list[Curve]:
        """Training and validation of ``loss`` or ``accuracy``."""
        whole, now = self._curves[name], self._now[name]
        train = whole + (now[-1:] if whole else now)  # the mean starts again with an epoch, so it would be a saw
        found = [("train", train, 0), ("valid", self._curves[f"valid_{name}"], 1)]
        return [Curve(n, [x for x, _ in p], [y for _, y in p], g, dashed=g == 1) for n, p, g in found if p]


def _add(points: Points, step: int, value: float) -> None:
    points.append((step, value))
    if len(points) > MOST:
        del points[1:-1:2]


class Bar(Progress):
    """A line with a bar, and two charts under it where the terminal is large enough. Nothing is drawn but at an event."""

    def __init__(self, stream: TextIO, history: History) -> None:
        console = Console(file=stream, highlight=False, emoji=False, markup=False)
        self._screen = console  # the base class asks for the renderables before it has one
        self._history, self._drawn, self._at = history, Text(), 0.0
        self._dots = "utf" in (stream.encoding or "utf-8").lower()
        super().__init__(*_columns(console.width), console=console, transient=True, auto_refresh=False)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, then the charts."""
        yield self.make_tasks_table(self.tasks)
        width, height = self._screen.size
        if width < LEAST_WIDTH or height < LEAST_LINES or not any(t.visible for t in self.tasks):
            return
        if time.monotonic() - self._at >= REDRAWN:
            self._drawn, self._at = self._charts(width), time.monotonic()
        yield self._drawn

    def _charts(self, width: int) -> Text:
        each = min(WIDEST, (width - 3) // 2)
        each = each if each >= NARROWEST else width
        left, right = (self._chart(name, each) for name in ("loss", "accuracy"))
        if each == width or not right:
            return text_of(left)
        return text_of([[*_filled(a, each), ("   ", None), *b] for a, b in zip(left, right, strict=True)])

    def _chart(self, name: str, width: int) -> list[Line]:
        curves = self._history.curves(name)
        lines = chart(curves, width, LINES, percent=name == "accuracy", dots=self._dots, axis=False)
        if not lines:
            return []
        title: Line = [(name, None)]
        for mark, curve in zip(MARKS, curves, strict=False):
            mark = "" if self._dots else f"{mark} "
            last = f" {value_text(curve.ys[-1], name == 'accuracy')}"
            title += [("  ", None), (mark + curve.name, curve.group), (last, None)]
        return [title, *lines]


def _columns(width: int) -> list[TextColumn | BarColumn | TimeRemainingColumn]:
    if width < LEAST_WIDTH:
        return [TextColumn("{task.fields[epoch]}"), TextColumn("{task.fields[loss]}")]
    return [
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=24 if width >= 100 else 12),
        TextColumn("loss {task.fields[loss]}  train {task.fields[accuracy]}"),
        *([TextColumn("{task.fields[rate]} images/s")] if width >= 80 else []),
        TimeRemainingColumn(compact=True),
    ]


def _filled(line: Line, width: int) -> Line:
    """The line with blanks up to the width; a longer one is cut."""
    found, left = [], width
    for text, group in line:
        found.append((text[:left], group))
        left -= len(text[:left])
    return [*found, (" " * left, None)]


def text_of(lines: Sequence[Line]) -> Text:
    """Lines for rich, each group in its colour."""
    found = Text(no_wrap=True, overflow="crop")
    for number, line in enumerate(lines):
        found.append("\n" * bool(number))
        for text, group in line:
            found.append(printable(text), STYLES[group % len(STYLES)] if group is not None else None)
    return found


def coloured(lines: Sequence[Line], stream: TextIO) -> None:
    """Write lines to a terminal."""
    Console(file=stream, force_terminal=True, highlight=False, emoji=False).print(text_of(lines), crop=False)
