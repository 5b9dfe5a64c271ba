"""The tuning curves of a study: the expected best score after so many tuning runs, each with its band."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archdsl.report.figures import COLOURS
from archdsl.study.report.figures.canvas import PALE, WIDTH, labels, legend, lines_left_out, render
from archdsl.study.report.tuning_text import unit
from archdsl.study.results.results import Results
from archdsl.study.results.tuning import ArmTuning, Tuning

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 7
ROOM = 0.35  # above the curves, of their range


def tuning(results: Results) -> str | None:
    """The curves of the first arms as SVG; None where none is known yet."""
    known = results.tuning
    arms = known.arms[:MOST_LINES] if known is not None and known.picks is not None else ()
    if known is None or not any(arm.curve for arm in arms):
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for n, (arm, name) in enumerate(zip(arms, labels([a.name for a in arms], 30), strict=True)):
            _line(axes, arm, COLOURS[n % len(COLOURS)], unit(known).factor, name)
        _frame(axes, known, arms)

    return render((0.62 * WIDTH, 3.0), draw, "tuning", "Tuning curves")


def left_out(results: Results) -> Iterator[str]:
    """What the figure has no room for."""
    known = results.tuning
    if known is not None:
        yield from lines_left_out({"the arms": len(known.arms)}, MOST_LINES)


def _line(axes: Axes, arm: ArmTuning, colour: str, factor: float, name: str) -> None:
    runs = [point.runs for point in arm.curve]
    axes.plot(
        runs, [factor * p.expected for p in arm.curve], "o-", color=colour, linewidth=1.3, markersize=3, label=name
    )
    ends = [(p.low, p.high) for p in arm.curve]
    low, high = ([factor * end for end in side if end is not None] for side in zip(*ends, strict=True))
    if len(low) == len(high) == len(runs):
        axes.fill_between(runs, low, high, color=colour, alpha=0.14, linewidth=0)


def _frame(axes: Axes, known: Tuning, arms: tuple[ArmTuning, ...]) -> None:
    """Axes around the curves: the upper ends of bands may be far above them."""
    from matplotlib.ticker import MaxNLocator

    shown, points = unit(known), [p for arm in arms for p in arm.curve]
    near, far = ("low", "high") if known.measure.higher else ("high", "low")
    ends = [shown.factor * v for p in points for v in (p.expected, getattr(p, near)) if v is not None]
    size = (max(ends) - min(ends)) or 1e-3
    below, above = (0.05, ROOM) if far == "high" else (ROOM, 0.05)
    axes.set_ylim(min(ends) - below * size, max(ends) + above * size)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="tuning runs", ylabel=f"expected best {shown.axis}")
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    legend(axes)
