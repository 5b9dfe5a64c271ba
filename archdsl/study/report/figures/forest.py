"""The parts of a forest plot: a point with its interval, and columns of figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archdsl.study.report.figures.canvas import BLUE, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTER, GAP = 4.6, 9.0  # points: the width of a letter of the columns, and what is between two of them


def interval(axes: Axes, y: float, middle: float, low: float | None, high: float | None, factor: float) -> None:
    """A point with its interval; an open point has none."""
    if low is None or high is None:
        axes.plot(middle * factor, y, "o", color=GREY, markerfacecolor="white", markersize=4.5, zorder=3)
        return
    axes.plot([low * factor, high * factor], [y, y], color=BLUE, linewidth=1.4, zorder=2, solid_capstyle="butt")
    axes.plot([low * factor, high * factor], [y, y], "|", color=BLUE, markersize=5, zorder=2)
    axes.plot(middle * factor, y, "s", color=BLUE, markersize=4.5, zorder=3)


def columns(axes: Axes, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Columns of text on the right of the rows, with their headings above."""
    x = 0.0
    for n, head in enumerate(heads):
        x += LETTER * max(len(head), *(len(line[n]) for line in lines)) + GAP
        axes.annotate(
            head,
            (1.0, 1.0),
            (x, 2),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=7.5,
            fontweight="bold",
        )
        for y, line in enumerate(lines):
            axes.annotate(
                line[n],
                (1.0, y),
                (x, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=7.5,
            )
