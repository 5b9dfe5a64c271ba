"""Forest plot of verdicts: each arm's difference from the reference with its simultaneous interval, and what is the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl.study.report.figures.canvas import (
    BLUE,
    GREY,
    INK,
    LINE,
    PALE,
    ROW,
    SMALL,
    WIDE,
    render,
    rows,
    short,
    width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORSE, SAME = "#D55E00", "#009E73"  # Okabe & Ito 2008, as in the figures of runs
COLOURS = {"better": BLUE, "worse": WORSE, "same": SAME, "open": GREY}
NEAR = 0.1  # of the farthest arm: those that reach no further have a figure in a scale of their own
CLOSER = "Arms that reach no further than a tenth of the farthest one are drawn again, in a scale of their own."
BESIDE = 7.5  # points from the axes to the words
EDGES = 16.0  # points: what is free on the left and on the right of a figure


@dataclass(frozen=True, slots=True)
class Compared:
    """One arm: its difference, the interval (None where it is unbounded), the verdict, and what is written beside it."""

    name: str
    delta: float
    low: float | None
    high: float | None
    verdict: str
    beside: str = ""

    @property
    def reach(self) -> float:
        """How far it is from 0 with its interval."""
        return max(map(abs, (self.delta, self.low or 0.0, self.high or 0.0)))


def scales(arms: Sequence[Compared]) -> Iterator[list[Compared]]:
    """The arms of each figure, so that each is in one where it reaches further than a tenth of the farthest: all of them, then
    those that reach no further than a tenth of the farthest, and so on.
    """
    shown = list(arms)
    while shown:
        yield shown
        farthest = max(arm.reach for arm in shown)
        shown = [arm for arm in shown if arm.reach <= NEAR * farthest] if farthest else []


def verdict_forests(arms: Sequence[Compared], **options: Any) -> Iterator[str]:
    """The differences as SVG, once for each scale (``scales``). Options are those of ``verdict_forest``."""
    for n, shown in enumerate(scales(arms)):
        yield verdict_forest(shown, key=f"verdicts{n or ''}", **options)


def verdict_forest(
    arms: Sequence[Compared],
    *,
    reference: str,
    axis: str,
    factor: float = 1.0,
    same: float | None = None,
    lower: bool = False,
    key: str = "verdicts",
    slim: bool = False,
) -> str:
    """The differences of at least one arm as SVG.

    Args:
        arms: each with its name as it is written: two that are shortened to the same letters must differ.
        axis: what the differences are of, with their unit.
        factor: what differences are multiplied by: 100 for points of a fraction.
        same: the largest difference that does not matter, drawn as a band.
        lower: a lower value is better.
        key: begins every id.
        slim: for a narrow page.
    """
    band = f"; shaded: ±{same * factor:g}, the same" if same is not None else ""
    better = f"{'left' if lower else 'right'} is better{band}"
    below = _below(axis, reference, better, _room(arms, slim))

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        rows(axes, [arm.name for arm in arms], slim)
        if same is not None:
            axes.axvspan(-same * factor, same * factor, color=PALE, alpha=0.7, zorder=0, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
        for y, arm in enumerate(arms):
            _arm(axes, y, arm, factor)
        axes.margins(x=0.06)
        axes.set_xlabel("\n".join(below))

    size = width(slim), (ROW + slim * LINE) * len(arms) + 0.75 + LINE * (len(below) - 1)
    title = f"Differences from {reference} with simultaneous intervals"
    return render(size, draw, f"slim-{key}" if slim else key, title)


def _room(arms: Sequence[Compared], slim: bool) -> int:
    """The letters of a line below the axes, in whose middle it is: the names are on their left, the words on their right."""
    left = 0.0 if slim else SMALL * max(len(arm.name) for arm in arms)
    right = BESIDE + SMALL * max(len(arm.beside or arm.verdict) for arm in arms)
    return max(24, int((72 * width(slim) - left - right - EDGES + 2 * min(left, right)) / WIDE))


def _below(axis: str, reference: str, better: str, room: int) -> list[str]:
    """The lines below the axes: what differs, from whom, and which side is better, in as few as have room."""
    lines = [short(axis, room)]
    for joint, text in ((" ", f"against {short(reference, 24)}"), ("; ", better)):
        if len(lines[-1] + joint + text) <= room:
            lines[-1] += joint + text
        else:
            lines.append(short(text, room))
    return lines


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
    axes.annotate(
        arm.beside or arm.verdict,
        (1.0, y),
        (BESIDE, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
        color=colour,
    )
