"""Pareto fronts: the metric against parameters, MACs and seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.study.names import quoted
from archdsl.study.report.figures.canvas import BLUE, GREY, INK, PALE, labels, render
from archdsl.study.report.figures.place import place
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.unit import unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COSTS = {"params": "parameters", "macs": "multiply-accumulates (MACs)", "seconds": "seconds of training"}
SIZE = (8.6, 3.1)
LEAST = 2.1  # panels whose width one has: names take room
WIDE = 8  # the largest cost, of the smallest one, from which an axis is logarithmic
LETTERS = 30  # of a name beside a point
PLAIN = 10_000  # below it a tick has its thousands
ROUNDS = 0.9995  # of a unit: what rounds to it
NAMED = 8  # arms up to which points have names; with more they have the numbers of the table


@dataclass(frozen=True, slots=True)
class Spot:
    """An arm: its number in the table, its cost, its mean in the unit of the axis, half the length of its error bar."""

    number: int
    label: str
    cost: float
    value: float
    sd: float


def pareto(results: Results) -> str | None:
    """The metric against each cost, as SVG; None unless two arms have results and differ in one of the costs."""
    every = {cost: _spots(results, cost) for cost in COSTS}
    panels = {cost: spots for cost, spots in every.items() if len({s.cost for s in spots}) > 1}
    if not panels:
        return None

    def draw(figure: Figure) -> None:
        first: Axes | None = None
        log = any(wide([spot.cost for spot in spots]) for spots in panels.values())  # all panels alike
        for n, (cost, spots) in enumerate(panels.items(), 1):
            axes = figure.add_subplot(1, len(panels), n, sharey=first)
            _draw(axes, spots, results.higher_is_better, log)
            axes.set_xlabel(COSTS[cost])
            if first is None:
                axes.set_ylabel(unit(results).axis)
            else:
                axes.tick_params(labelleft=False)
            first = first or axes
        figure.draw_without_rendering()
        for axes, spots in zip(figure.axes, panels.values(), strict=True):
            place(axes, spots, front(spots, results.higher_is_better))

    size = (SIZE[0] * max(LEAST, len(panels)) / 3, SIZE[1])
    return render(size, draw, "pareto", f"{results.metric} against " + ", ".join(COSTS[c] for c in panels))


def left_out(results: Results) -> Iterator[str]:
    """Arms with results that have no seconds, where those of others are drawn."""
    known = {s.number: s.cost for s in _spots(results, "seconds")}
    lack = [a.name for n, a in enumerate(results.arms, 1) if a.summary.mean is not None and n not in known]
    if lack and len(set(known.values())) > 1:
        yield f"no seconds are known of {quoted(lack)}, which the panel of seconds leaves out"


def seconds(arm: ArmResult) -> float | None:
    """Seconds of training, the mean over the runs that tell."""
    found = [arm.figures[seed].get("seconds") for seed in sorted(arm.figures)]
    kept = [float(s) for s in found if s is not None and math.isfinite(s) and s > 0]
    return math.fsum(kept) / len(kept) if kept else None


def front(spots: Sequence[Spot], higher: bool) -> list[Spot]:
    """Those that no other beats or equals in both respects while it beats them in one, by cost."""
    sign = 1.0 if higher else -1.0
    found: list[Spot] = []
    best = -math.inf
    for spot in sorted(spots, key=lambda s: (s.cost, -sign * s.value, s.number)):
        twin = bool(found) and (spot.cost, spot.value) == (found[-1].cost, found[-1].value)
        if sign * spot.value > best or twin:
            found.append(spot)
            best = sign * spot.value
    return found


def tick(number: float) -> str:
    """A number of an axis, in at most three significant digits: ``4000``, ``50.9 k``."""
    for power, letter in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if abs(number) >= max(ROUNDS * 10**power, PLAIN):
            return f"{number / 10**power:.3g} {letter}"
    return f"{number:g}"


def alike(numbers: Sequence[float]) -> list[str]:
    """The ticks of one axis: where one of them has its thousands, so have all from a thousand on."""
    shown = [tick(n) for n in numbers]
    if not any(text.endswith(" k") for text in shown):
        return shown
    return [f"{n / 1000:.3g} k" if 1000 <= abs(n) < PLAIN else text for n, text in zip(numbers, shown, strict=True)]


def wide(costs: Sequence[float]) -> bool:
    """Whether costs differ by so much that their axis is logarithmic, which has no place for 0."""
    return min(costs) > 0 and max(costs) / min(costs) > WIDE


def cost_axis(axes: Axes, costs: Sequence[float], log: bool | None = None) -> None:
    """A horizontal axis of costs.

    Args:
        log: logarithmic, unless one is 0; by default where they are ``wide``.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    low, high = min(costs), max(costs)
    if wide(costs) if log is None else log and low > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,), numticks=6))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: tick(x) if x >= 0 else ""))


def _spots(results: Results, cost: str) -> list[Spot]:
    factor = unit(results).factor
    names = [a.label for a in results.arms]
    shown = labels(names, LETTERS) if len(names) <= NAMED else [str(n) for n in range(1, len(names) + 1)]
    found = []
    for number, (label, arm) in enumerate(zip(shown, results.arms, strict=True), 1):
        price = seconds(arm) if cost == "seconds" else arm.arm.totals[cost]
        if arm.summary.mean is not None and price is not None:
            found.append(Spot(number, label, float(price), arm.summary.mean * factor, (arm.summary.sd or 0.0) * factor))
    return found


def _draw(axes: Axes, spots: Sequence[Spot], higher: bool, log: bool) -> None:
    best = front(spots, higher)
    for spot in spots:
        on = spot in best
        axes.errorbar(
            spot.cost,
            spot.value,
            spot.sd or None,
            fmt="o",
            color=BLUE if on else GREY,
            markersize=4.5,
            markerfacecolor=BLUE if on else "white",
            elinewidth=0.7,
            zorder=3,
        )
    xs, ys = [s.cost for s in best], [s.value for s in best]
    axes.step(xs, ys, where="post", color=BLUE, linewidth=0.9, alpha=0.6, zorder=2)
    cost_axis(axes, [s.cost for s in spots], log)
    axes.margins(0.16, 0.14)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(color=INK)
