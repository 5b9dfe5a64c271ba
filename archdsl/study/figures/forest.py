"""Forest plot: the difference of each arm from the reference, with its interval, and the figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archdsl.study.figures.canvas import BLUE, GREY, INK, ROW, WIDTH, labels, render, rows, short
from archdsl.study.results import Results
from archdsl.study.unit import NONE, Unit, p_text, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTER, GAP = 4.6, 9.0  # points: the width of a letter of the columns, and what is between two of them


def forest(results: Results) -> str | None:
    """Δ of every arm but the reference, as SVG; None where no arm has one."""
    if not any(a.verdict is not None for a in results.arms[1:]):
        return None

    def draw(figure: Figure) -> None:
        _draw(figure, results, unit(results))

    height = ROW * len(results.arms) + 0.75
    return render(
        (WIDTH, height), draw, "forest", f"Differences from {results.reference.name} with simultaneous intervals"
    )


def _draw(figure: Figure, results: Results, unit: Unit) -> None:
    axes = figure.add_subplot()
    rows(axes, labels([a.name for a in results.arms])[1:])
    axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
    beside: list[tuple[str, str, str, str]] = []
    for y, arm in enumerate(results.arms[1:]):
        v = arm.verdict
        if v is None:
            beside.append((NONE, "no pair of runs", "", ""))
            continue
        interval(axes, y, v.evidence.delta, v.low, v.high, unit.factor)
        beside.append((unit.change(v.evidence.delta), unit.between(v.low, v.high), p_text(v.p), v.decision))
    better = "right" if results.higher_is_better else "left"
    against = short(results.reference.name, 24)
    axes.set_xlabel(f"{unit.change_axis} against {against}; {better} is better")
    axes.margins(x=0.06)
    columns(axes, ("Δ", "interval", "p", "verdict"), beside)


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
        axes.annotate(head, (1.0, 1.0), (x, 2), xycoords="axes fraction", textcoords="offset points", ha="right",
                      va="bottom", fontsize=7.5, fontweight="bold")  # fmt: skip
        for y, line in enumerate(lines):
            axes.annotate(line[n], (1.0, y), (x, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                          ha="right", va="center", fontsize=7.5)  # fmt: skip
