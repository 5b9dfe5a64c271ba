"""Names beside points, where there is room: a name never covers a point, its error bar, the front or another name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from archdsl.study.report.figures.canvas import GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

# Offsets in points and how the text is aligned there: on the right first, then on the left, above and below.
SIDES = (
    (6, 0, "left", "center"),
    (-6, 0, "right", "center"),
    (0, 6, "center", "bottom"),
    (0, -6, "center", "top"),
    (6, 4, "left", "bottom"),
    (6, -4, "left", "top"),
    (-6, 4, "right", "bottom"),
    (-6, -4, "right", "top"),
    (4, 13, "left", "bottom"),
    (4, -13, "left", "top"),
    (-4, 13, "right", "bottom"),
    (-4, -13, "right", "top"),
)
BESIDE = 5.5  # points around a point that names of others leave free, or they would seem to be its own
LED = 8  # points: a name that is farther off has a line to its point


class Named(Protocol):
    """A point with a name, and half the length of its error bar."""

    @property
    def number(self) -> int: ...
    @property
    def label(self) -> str: ...
    @property
    def cost(self) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def sd(self) -> float: ...


def place(axes: Axes, spots: Sequence[Named], first: Iterable[Named]) -> None:
    """Name the points, those of ``first`` first and in dark letters. A name that
    finds no room gives way to the number, which goes too if there is none for it.

    The layout of the figure must be settled.
    """
    from matplotlib.transforms import Bbox

    figure: Any = axes.get_figure(root=True)
    renderer = figure.canvas.get_renderer()
    dot = BESIDE * figure.dpi / 72
    dark = list(first)
    taken = []
    for spot in spots:
        x, y = axes.transData.transform((spot.cost, spot.value))
        reach = abs(axes.transData.transform((spot.cost, spot.value + spot.sd))[1] - y)
        taken.append(Bbox.from_extents(x - dot, y - dot, x + dot, y + dot))
        taken.append(Bbox.from_extents(x - 1, y - reach, x + 1, y + reach))
    for here, there in pairwise(dark):  # the steps of the front
        (x, y), (right, up) = axes.transData.transform([(here.cost, here.value), (there.cost, there.value)])
        taken += [
            Bbox.from_extents(x, y - 1, right, y + 1),
            Bbox.from_extents(right - 1, min(y, up), right + 1, max(y, up)),
        ]
    frame = axes.get_window_extent(renderer).expanded(0.99, 1.08)
    for spot in (*dark, *(s for s in spots if s not in dark)):
        text = axes.annotate(
            "",
            (spot.cost, spot.value),
            (0, 0),
            textcoords="offset points",
            fontsize=6.5,
            color=INK if spot in dark else GREY,
            zorder=5,
        )
        text.set_in_layout(False)
        box = next(_rooms(text, (spot.label, str(spot.number)), frame, taken), None)
        if box is None:
            text.remove()
        else:
            taken.append(box)
            dx, dy = text.get_position()
            if abs(dy) > LED:
                axes.annotate(
                    "",
                    (spot.cost, spot.value),
                    (dx, dy),
                    textcoords="offset points",
                    zorder=1,
                    arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": GREY},
                ).set_in_layout(False)


def _rooms(text: Annotation, words: Iterable[str], frame: Bbox, taken: Sequence[Bbox]) -> Iterator[Bbox]:
    """Where the text covers nothing; it is there when its place is given."""
    for word in words:
        text.set_text(word)
        for dx, dy, ha, va in SIDES:
            text.set(position=(dx, dy), ha=ha, va=va)
            box = text.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                yield box
