"""Forest plot of verdicts: each arm's difference from the reference with its simultaneous interval, and what is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.study.report.figures.canvas import BLUE, GREY, INK, PALE, ROW, WIDTH, labels, render, rows, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORSE, SAME = "#D55E00", "#009E73"  # Okabe & Ito 2008, as in the figures of runs
COLOURS = {"better": BLUE, "worse": WORSE, "same": SAME, "open": GREY}
BESIDE = 7.5  # points from the axes to the words


@dataclass(frozen=True, slots=True)
class Compared:
    """One arm: its difference, the interval (None where it is unbounded), the verdict, and what is written beside it."""

    name: str
    delta: float
    low: float | None
    high: float | None
    verdict: str
    beside: str = ""


def verdict_forest(
    arms: Sequence[Compared],
    *,
    reference: str,
    axis: str,
    factor: float = 1.0,
    same: float | None = None,
    lower: bool = False,
) -> str | None:
    """The differences as SVG; None without an arm.

    Args:
        axis: what the differences are of, with their unit.
        factor: what differences are multiplied by: 100 for points of a fraction.
        same: the largest difference that does not matter, drawn as a band.
        lower: a lower value is better.
    """
    if not arms:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        rows(axes, labels([arm.name for arm in arms]))
        if same is not None:
            axes.axvspan(-same * factor, same * factor, color=PALE, alpha=0.7, zorder=0, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
        for y, arm in enumerate(arms):
            _arm(axes, y, arm, factor)
        axes.margins(x=0.06)
        band = f"; shaded: ±{same * factor:g}, the same" if same is not None else ""
        axes.set_xlabel(f"{axis} against {short(reference, 24)}; {'left' if lower else 'right'} is better{band}")

    return render(
        (WIDTH, ROW * len(arms) + 0.75), draw, "verdicts", f"Differences from {reference} with simultaneous intervals"
    )


def _arm(axes: Axes, y: int, arm: Compared, factor: float) -> None:
    colour = COLOURS[arm.verdict]
    hollow = arm.verdict == "open"
    if arm.low is not None and arm.high is not None:
        ends = [arm.low * factor, arm.high * factor]
        axes.plot(ends, [y, y], color=colour, linewidth=1.4, zorder=2, solid_capstyle="butt")
        axes.plot(ends, [y, y], "|", color=colour, markersize=5, zorder=2)
    axes.plot(
        arm.delta * factor,
        y,
        "s",
        color=colour,
        markerfacecolor="white" if hollow else colour,
        markersize=4.5,
        zorder=3,
    )
    axes.annotate(arm.beside or arm.verdict, (1.0, y), (BESIDE, 0), xycoords=("axes fraction", "data"),
                  textcoords="offset points", va="center", fontsize=7.5, color=colour)  # fmt: skip
