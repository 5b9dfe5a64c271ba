"""The evidence of each arm as pairs come in, with the levels at which a verdict falls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archdsl.study.report.figures.canvas import GREY, INK, WIDTH, render, short
from archdsl.study.report.figures.verdict_forest import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT = 2.6  # inches
POINTS = 400  # of a curve: more cannot be seen
NAMED = 12  # arms that have their name at the end of the curve
FEW = 40  # points up to which each is marked
DECADES = 12  # powers of ten above the threshold that are drawn


def evidence(
    arms: Mapping[str, Sequence[float]], verdicts: Mapping[str, str], *, alpha: float, family: int
) -> str | None:
    """Curves of evidence as SVG; None where no arm has two pairs.

    Args:
        arms: name → natural logarithm of the evidence after each pair.
        verdicts: name → better, worse, same or open.
        family: the number of comparisons: the first verdict needs evidence of family / alpha, a last one 1 / alpha.
    """
    curves = {name: logs for name, logs in arms.items() if len(logs) > 1}
    if not curves:
        return None
    first, last = math.log10(family / alpha), math.log10(1 / alpha)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for name, logs in curves.items():
            step = -(-len(logs) // POINTS)
            kept = [*range(0, len(logs) - 1, step), len(logs) - 1]
            ys = [min(logs[n] / math.log(10), first + DECADES) for n in kept]
            colour = COLOURS[verdicts[name]]
            axes.plot(
                [n + 1 for n in kept],
                ys,
                color=colour,
                linewidth=1.1,
                marker="o" if len(kept) <= FEW else "",
                markersize=2,
            )
            if len(curves) <= NAMED:
                axes.annotate(
                    short(name, 18),
                    (kept[-1] + 1, ys[-1]),
                    (4, 0),
                    textcoords="offset points",
                    fontsize=7,
                    color=colour,
                    va="center",
                    annotation_clip=False,
                )
        axes.axhline(0, color=GREY, linewidth=0.6)
        for level, text in {first: f"{family / alpha:,.0f}", last: f"{1 / alpha:,.0f}"}.items():
            axes.axhline(level, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
            axes.annotate(
                text, (0.0, level), (3, 2), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=7
            )
        axes.yaxis.set_major_formatter(lambda y, _: _power(y))
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("pairs")
        axes.set_ylabel("evidence")

    return render((WIDTH, HEIGHT), draw, "evidence", "Evidence after each pair")


def _power(exponent: float) -> str:
    """A power of ten as a plain number: ``0.01``, ``1``, ``1,000``, ``1e6``."""
    return f"{10**exponent:,.6g}" if -3 <= exponent <= 4 else f"1e{exponent:g}"
