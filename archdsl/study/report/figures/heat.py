"""Heat map of a grid of two factors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from textwrap import fill
from typing import TYPE_CHECKING, Any

from archdsl.study.names import NAMED, quoted
from archdsl.study.plan.design import is_grid
from archdsl.study.plan.factors import Factor
from archdsl.study.plan.levels import rank
from archdsl.study.report.figures.canvas import INK, LABEL, WIDTH, labels, render
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.run_figures import UNTRAINED
from archdsl.study.results.unit import Unit, smallest, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MANY, TOO_MANY = 8, 16  # columns from which the cells leave out the spread, and the mean
CELL = (0.72, 0.42)  # inches
COLUMN = 12  # letters that have room below a cell

Cells = Mapping[tuple[int, int], ArmResult]


def heat(results: Results) -> str | None:
    """Mean ± sd of a grid of two factors, as SVG; None for other designs, or if no cell has a result."""
    found = _grid(results)
    if found is None:
        return None
    down, across, cells = found
    ticks = [labels([_tick(f, level) for level in f.levels], LABEL - 10) for f in (down, across)]
    size = (min(WIDTH + 2, 2.6 + CELL[0] * len(across.levels)), 0.95 + CELL[1] * len(down.levels))

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.set(xlabel=across.axis, ylabel=down.axis)
        axes.set_yticks(range(len(ticks[0])), ticks[0])
        below = [fill(text, COLUMN, break_long_words=False) for text in ticks[1]]
        long = max(len(line) for text in below for line in text.split("\n")) > COLUMN
        shown = ticks[1] if long else below
        axes.set_xticks(range(len(shown)), shown, rotation=40 if long else 0, ha="right" if long else "center")
        _draw(axes, cells, (len(ticks[0]), len(ticks[1])), unit(results))

    return render(size, draw, "heat", f"{results.metric} over {down.axis} and {across.axis}")


def left_out(results: Results) -> Iterator[str]:
    """What a cell shows, and what is hidden where there are too many columns for it."""
    found = _grid(results)
    if found is None:
        return
    _, across, cells = found
    columns = len(across.levels)
    if columns <= MANY:
        yield "the number is the mean, with the standard deviation below it"
        return
    if columns > TOO_MANY:
        yield f"cells show no mean with more than {TOO_MANY} columns; the table has the means"
    else:
        yield f"the number is the mean; with more than {MANY} columns the standard deviations are in the table alone"
    with_runs = [a for a in cells.values() if a.summary.mean is not None]
    if few := [a for a in with_runs if a.summary.n < a.planned]:
        counts = ", ".join(f"`{a.name}` ({a.summary.n}/{a.planned})" for a in few[:NAMED])
        yield f"not all runs are finished in the cells {counts}{' and others' if few[NAMED:] else ''}"
    if bad := [a.name for a in with_runs if a.untrained]:
        yield f"some runs {UNTRAINED} in the cells {quoted(bad)}"


def _grid(results: Results) -> tuple[Factor, Factor, Cells] | None:
    """The factors on the left and below, and the cells; None where there is no grid, or no cell has a result."""
    cells = _cells(results)
    if cells is None or all(a.summary.mean is None for a in cells.values()):
        return None
    down, across = map(_sorted, results.factors)
    if max(map(len, across.levels)) > max(map(len, down.levels)):  # long names are on the left
        return across, down, {(x, y): arm for (y, x), arm in cells.items()}
    return down, across, cells


def _tick(factor: Factor, level: str) -> str:
    """A level: a number as it is where the axis has a title, else its label."""
    text = "" if factor.title and factor.numbers is not None else factor.text(level)
    return text or level or f"no {factor.shown}"


def _sorted(factor: Factor) -> Factor:
    """Numbers ascend."""
    ranks = rank(factor.levels)
    return replace(factor, levels=tuple(sorted(factor.levels, key=ranks.__getitem__)))


def _cells(results: Results) -> Cells | None:
    """The arms by the levels of both factors; None where that is not a grid."""
    if len(results.factors) != 2 or not is_grid(results.design):
        return None
    found: dict[tuple[int, int], ArmResult] = {}
    down, across = map(_sorted, results.factors)
    for result in results.arms:
        pair = result.arm.choice.get(down.name), result.arm.choice.get(across.name)
        if pair[0] not in down.levels or pair[1] not in across.levels:
            return None
        place = down.levels.index(pair[0]), across.levels.index(pair[1])
        if place in found:
            return None
        found[place] = result
    return found


def _draw(axes: Axes, cells: Cells, shape: tuple[int, int], unit: Unit) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    means = {place: a.summary.mean * unit.factor for place, a in cells.items() if a.summary.mean is not None}
    low, high = min(means.values()), max(means.values())
    sizes = {place: abs(mean) for place, mean in means.items()}
    largest = max(sizes.values())
    mixed = (
        10 * smallest(sizes.values()) <= largest
    )  # then each cell has its own number of decimals: the largest number would not fit
    spread = (high - low) or max(abs(high), 1.0) * 0.01
    middle = (low + high) / 2
    scale = ScalarMappable(Normalize(middle - spread / 2, middle + spread / 2), "cividis")
    axes.set_xlim(-0.5, shape[1] - 0.5)
    axes.set_ylim(shape[0] - 0.5, -0.5)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for y in range(shape[0]):
        for x in range(shape[1]):
            size = sizes.get((y, x), 0.0) if mixed else largest
            _cell(axes, y, x, cells.get((y, x)), scale, unit.sized(size), shape[1])
    bar = axes.get_figure(root=True).colorbar(scale, ax=axes, label=unit.axis, fraction=0.06, pad=0.03)  # type: ignore[union-attr]
    bar.outline.set_visible(False)


def _cell(axes: Axes, y: int, x: int, arm: ArmResult | None, scale: Any, unit: Unit, across: int) -> None:
    from matplotlib.patches import Rectangle

    box: dict[str, Any] = {"xy": (x - 0.5, y - 0.5), "width": 1, "height": 1, "edgecolor": "white", "linewidth": 1.2}
    mean = None if arm is None else arm.summary.mean
    if arm is None or mean is None:
        axes.add_patch(
            Rectangle(**{**box, "edgecolor": "#b5b5b5", "linewidth": 0.6}, facecolor="#f7f7f7", hatch="////", zorder=1)
        )
        words = _state(arm)
        if words and across <= MANY:
            axes.text(
                x,
                y,
                words,
                ha="center",
                va="center",
                fontsize=6.5,
                color=INK,
                zorder=3,
                bbox={"facecolor": "#f7f7f7", "edgecolor": "none", "pad": 1.5},
            )
        return
    colour = scale.to_rgba(mean * unit.factor)
    axes.add_patch(Rectangle(**box, facecolor=colour, zorder=2))
    light = 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
    ink = "#101010" if light > 0.45 else "#fefefe"  # not those of the page: cells are alike in light and dark
    if across > TOO_MANY:
        return
    spread = _spread(arm, unit) if across <= MANY else ""
    lines = len(spread.split("\n")) if spread else 0
    axes.text(x, y - 0.13 * lines, unit.value(mean), ha="center", va="center", fontsize=7.5, color=ink)
    axes.text(x, y + (0.22, 0.2)[lines > 1], spread, ha="center", va="center", fontsize=5.8, color=ink, linespacing=1.1)


def _spread(arm: ArmResult, unit: Unit) -> str:
    """± sd, and how many runs are behind it where some are lacking; below it how many did not train."""
    sd = "" if arm.summary.sd is None else f"± {unit.value(arm.summary.sd)}"
    if arm.untrained:
        which = UNTRAINED if len(arm.untrained) == arm.summary.n else f"{len(arm.untrained)} {UNTRAINED}"
        return f"{sd}\n{which}".lstrip()
    return f"{sd} ({arm.summary.n}/{arm.planned})".lstrip() if arm.summary.n < arm.planned else sd


def _state(arm: ArmResult | None) -> str:
    """Why a cell is empty: the state that most of its runs have."""
    if arm is None:
        return "left out"
    states = {state: n for state, n in arm.states.items() if state != "finished"}
    return max(sorted(states), key=lambda s: states[s]) if states else ""
