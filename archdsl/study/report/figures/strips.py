"""Strips: every seed of every arm as a dot, joined to the same seed of the reference, where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.study.report.figures.canvas import BLUE, GREY, INK, LABEL, LINE, labels, render, rows, short, width
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.unit import Unit, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.36  # inches: a row has a line for the arm and one for the reference
ABOVE = 0.3  # how far above the arm's dots the reference's are, in rows
FAINT = 4  # seeds from which on the lines between pairs become fainter, so that the dots stay visible
LOW = 0.17  # and how far below the middle of the row the arm's own
BESIDE = 18  # letters of the reference in the legend of a slim one


def strips(results: Results, slim: bool = False) -> str | None:
    """Every finished run as a dot, as SVG; None without any. ``slim``: for a narrow page."""
    if not any(a.values for a in results.arms):
        return None

    def draw(figure: Figure) -> None:
        _draw(figure, results, unit(results), slim)

    size = width(slim), (ROW + slim * LINE) * len(results.arms) + 0.85 + slim * LINE
    return render(size, draw, "slim-strips" if slim else "strips", f"{results.metric} of every seed, by arm")


def _draw(figure: Figure, results: Results, unit: Unit, slim: bool) -> None:
    axes = figure.add_subplot()
    names = [f"{label}  " for label in labels([a.label for a in results.arms])]
    rows(axes, names, slim, ROW)
    axes.grid(visible=False)
    for edge in range(1, 0 if slim else len(names)):  # names separate the rows of a slim one
        axes.axhline(edge - 0.5, color="#ececec", linewidth=0.6, zorder=0)
    reference, compares = results.reference, results.compares
    for y, arm in enumerate(results.arms):
        if y and compares:
            _joined(axes, y, arm, reference, unit.factor)
        first = not y and (compares or len(results.arms) == 1)
        _dots(axes, y + (LOW if y and compares else 0.0), arm, unit.factor, INK if first else BLUE)
        if not arm.values:
            axes.annotate(
                "no finished run",
                (0.5, y),
                xycoords=("axes fraction", "data"),
                ha="center",
                va="center",
                color=GREY,
                fontsize=7.5,
                style="italic",
            )
    axes.set_xlabel(unit.axis)
    axes.margins(x=0.05)
    _legend(
        axes,
        short(reference.label, BESIDE if slim else LABEL),
        2 if slim else 3,
        several=compares and bool(reference.values),
    )


def _joined(axes: Axes, y: int, arm: ArmResult, reference: ArmResult, factor: float) -> None:
    """The reference's dots of the seeds that both have, small and open, above the arm's, with lines to these."""
    both = sorted(arm.values.keys() & reference.values.keys())
    alpha = min(0.8, FAINT / max(1, len(both)))
    for seed in both:
        xs, ys = [reference.values[seed] * factor, arm.values[seed] * factor], [y + LOW - ABOVE - 0.1, y + LOW]
        axes.plot(xs, ys, color=GREY, linewidth=0.6, alpha=alpha, zorder=1)
        axes.plot(
            xs[:1], ys[:1], "o", color=GREY, markerfacecolor="white", markersize=2.8, markeredgewidth=0.7, zorder=2
        )


def _dots(axes: Axes, y: float, arm: ArmResult, factor: float, colour: str) -> None:
    values = [arm.values[seed] * factor for seed in sorted(arm.values)]
    axes.plot(values, [y] * len(values), "o", color=colour, markersize=4, alpha=0.75, markeredgewidth=0, zorder=3)
    if arm.summary.mean is not None and len(values) > 1:
        axes.plot(arm.summary.mean * factor, y, "|", color=colour, markersize=11, markeredgewidth=1.6, zorder=4)


def _legend(axes: Axes, reference: str, across: int, several: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=INK, marker="o", linestyle="", ms=4),
        Line2D([], [], color=INK, marker="|", linestyle="", ms=9, mew=1.6),
    ]
    names = ["a seed", "mean"]
    if several:
        handles.append(Line2D([], [], color=GREY, marker="o", linestyle="-", lw=0.6, ms=2.8, mfc="white", mew=0.7))
        names.append(f"the same seed of {reference}")
    axes.legend(
        handles,
        names,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=across,
        frameon=False,
        borderaxespad=0.2,
        handletextpad=0.4,
        columnspacing=1.4,
    )
