"""The metric against a factor whose levels are numbers: every seed a dot, the means a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from archdsl.errors import ArchError
from archdsl.expand.metrics import metric_of
from archdsl.report.figures import COLOURS
from archdsl.study.names import quoted
from archdsl.study.plan.factors import Factor
from archdsl.study.plan.levels import geometric
from archdsl.study.report.figures.canvas import (
    DASHES,
    GREY,
    INK,
    LABEL,
    LEGEND,
    PALE,
    SHAPES,
    WIDTH,
    labels,
    legend,
    letters,
    lines_left_out,
    render,
)
from archdsl.study.report.figures.pareto import alike, tick
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.run_figures import RunFigures
from archdsl.study.results.unit import unit
from archdsl.words.metrics.heads import OfHead

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 3  # levels that make a curve
MOST_LINES = 7  # in one panel
MOST_PANELS = 3
TICKS = 9  # levels that each have a tick
BELOW = 2  # lines up to which their names are among them
SHORTEST = 12  # letters of a name in a legend, however narrow the panel is
LETTER, INSIDE = 4.6, 0.75  # points of a letter of a tick; what the levels span of a panel's width
DODGE = 2.6  # points between the seeds of two lines on one level
PARTS = {"test": "test", "valid": "validation"}

Points = Mapping[float, Sequence[float]]  # values of the seeds by level


@dataclass(frozen=True)
class Line:
    """The arms that differ in one factor alone. ``train`` is the same figure on the training images, where there is one;
    ``bare``: what the other factors add is not there.
    """

    name: str
    test: Points
    train: Points
    bare: bool = False


@dataclass(frozen=True)
class Key:
    """The legend of a panel: what lines, and values beside them, are called there. ``both``: one line on two parts of the
    images; ``above``: it is above the axes, in so many columns.
    """

    names: Sequence[str]
    beside: Sequence[str]
    both: bool
    above: bool
    across: int

    @property
    def rows(self) -> int:
        """How many rows it has above the axes."""
        count = len(self.names) + len(self.beside) + self.both
        return -(-count // self.across) if self.above else 0


def axis(results: Results, beside: Mapping[str, float] | None = None) -> str | None:
    """A panel for each factor with three or more numbers as levels, as SVG; None where there is none with results.

    Args:
        beside: values of the metric that are not on the axis, with their names: horizontal lines to compare with.
    """
    panels = [(f, lines[:MOST_LINES]) for f, lines in _panels(results)[:MOST_PANELS]]
    if not panels:
        return None

    width = WIDTH if len(panels) > 1 else 0.62 * WIDTH
    keys = [_key(results, lines, beside or {}, width / len(panels)) for _, lines in panels]

    def draw(figure: Figure) -> None:
        for n, ((factor, lines), key) in enumerate(zip(panels, keys, strict=True), 1):
            _draw(figure.add_subplot(1, len(panels), n), results, factor, lines, beside or {}, key)

    title = f"{results.measure.label} against {', '.join(f.shown for f, _ in panels)}"
    return render((width, 2.9 + LEGEND * max(key.rows for key in keys)), draw, "axis", title)


def left_out(results: Results) -> Iterator[str]:
    """What the figure has no room for."""
    panels = _panels(results)
    yield from lines_left_out({f"the axis {f.shown}": len(lines) for f, lines in panels[:MOST_PANELS]}, MOST_LINES)
    if missing := [f.shown for f, _ in panels[MOST_PANELS:]]:
        yield f"not drawn, being more than {MOST_PANELS} axes: {', '.join(missing)}"
    for factor, _ in panels[:MOST_PANELS]:
        names = [name for name, _, levels in _groups(results, factor) if len({x for x, _ in levels}) == FEWEST - 1]
        if names:
            yield f"lines of the axis {factor.shown} with results at fewer than {FEWEST} levels are not drawn: {quoted(names)}"


def _panels(results: Results) -> list[tuple[Factor, list[Line]]]:
    return [(f, lines) for f in results.factors if (lines := lines_of(results, f))]


def lines_of(results: Results, factor: Factor) -> list[Line]:
    """The lines of a factor, one for each choice of the others that has three levels with results."""
    found = []
    for name, bare, levels in _groups(results, factor):
        if len({x for x, _ in levels}) >= FEWEST:
            test = {x: list(arm.values.values()) for x, arm in levels}
            train = {x: v for x, arm in levels if (v := _on_training(results, arm))}
            found.append(Line(name, test, train, bare))
    return found


def _groups(results: Results, factor: Factor) -> Iterator[tuple[str, bool, list[tuple[float, ArmResult]]]]:
    """The arms with results that differ in one factor alone: what the others have, whether that is nothing, and each arm with
    its number.
    """
    if factor.numbers is None:
        return
    at = dict(zip(factor.levels, factor.numbers, strict=True))
    groups: dict[tuple[str, ...], list[tuple[float, ArmResult]]] = {}
    others = [f for f in results.factors if f is not factor]
    for arm in results.arms:
        if arm.values and (level := arm.arm.choice.get(factor.name)) in at:
            choice = tuple(arm.arm.choice.get(f.name, "") for f in others)
            groups.setdefault(choice, []).append((at[level], arm))
    for choice, levels in groups.items():
        varied = [f.level(level) for f, level in zip(others, choice, strict=True) if _varies(groups, f, others)]
        yield ", ".join(varied), not any(choice), levels


def _varies(groups: Mapping[tuple[str, ...], object], factor: Factor, others: Sequence[Factor]) -> bool:
    place = others.index(factor)
    return len({choice[place] for choice in groups}) > 1


def _on_training(results: Results, arm: ArmResult) -> list[float]:
    """The figure of the training images that belongs to one of test or validation images; of a head there is none."""
    if results.measure.on not in ("test", "valid") or isinstance(results.measure, OfHead):
        return []
    try:
        word = metric_of(f"train_{results.measure.word}")
    except ArchError:
        return []
    measured = (word.of(RunFigures(figures, arm.arm.totals)) for figures in arm.figures.values())
    return [value for value in measured if value is not None]


def _key(results: Results, lines: Sequence[Line], beside: Mapping[str, float], inches: float) -> Key:
    """The legend of a panel that is so wide: in two columns where these have room."""
    room = max(SHORTEST, letters(inches))
    both = len(lines) == 1 and bool(lines[0].train)
    names = [f"{PARTS[results.measure.on]} images"] if both else labels([line.name for line in lines], min(LABEL, room))
    extra = labels(list(beside), min(LABEL, room))
    every = [*names, *(["training images"] if both else []), *extra]
    above = len(every) > BELOW
    across = 2 if max(map(len, every)) <= letters(inches, 2) else 1
    return Key(names, extra, both, above, across)


def _draw(
    axes: Axes, results: Results, factor: Factor, lines: Sequence[Line], beside: Mapping[str, float], key: Key
) -> None:
    shown, both = unit(results), key.both
    colours = colours_of(lines)
    for n, (line, name) in enumerate(zip(lines, key.names, strict=True)):
        aside = DODGE * (n - (len(lines) - 1) / 2)
        _curve(axes, line.test, colours[n], shown.factor, name, n, aside)
    if both:
        _curve(axes, lines[0].train, INK, shown.factor, "training images", 1)
    for n, (name, value) in enumerate(zip(key.beside, beside.values(), strict=True), 1):
        axes.axhline(shown.factor * value, color=GREY, linewidth=1.1, linestyle=DASHES[n], label=name, zorder=1.5)
    values = sorted({x for line in lines for x in line.test})
    if geometric(values):
        axes.set_xscale("log")
    ticks(axes, values)
    axes.set(xlabel=factor.axis, ylabel=shown.axis.removeprefix(f"{results.measure.on} ") if both else shown.axis)
    axes.autoscale_view()
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    if both or beside or len(lines) > 1:
        legend(axes, above=key.above, across=key.across)


def colours_of(lines: Sequence[Line]) -> list[str]:
    """A colour for each line. Of several the bare one is black, so that what is added has the same colour in a figure without
    it.
    """
    rest = cycle(COLOURS[:-1])  # without the black
    return [INK if line.bare and len(lines) > 1 else next(rest) for line in lines]


def _curve(axes: Axes, points: Points, colour: str, factor: float, name: str, number: int, aside: float = 0.0) -> None:
    """The seeds small and open, ``aside`` points beside their level, and the means large, joined by a line."""
    from matplotlib.transforms import ScaledTranslation

    shape, figure = SHAPES[number % len(SHAPES)], axes.get_figure(root=True)
    beside = axes.transData + ScaledTranslation(aside / 72, 0, figure.dpi_scale_trans)  # type: ignore[union-attr]
    xs = sorted(points)
    for x in xs:
        axes.plot(
            [x] * len(points[x]),
            [v * factor for v in points[x]],
            shape,
            color=colour,
            markersize=2.6,
            alpha=0.55,
            markeredgewidth=0.6,
            markerfacecolor="none",
            transform=beside,
        )
        axes.update_datalim([(x, v * factor) for v in points[x]])  # which marks beside their level do not
    means = [factor * sum(points[x]) / len(points[x]) for x in xs]
    axes.plot(
        xs,
        means,
        color=colour,
        linewidth=1.3,
        linestyle=DASHES[number % len(DASHES)],
        marker=shape,
        markersize=4,
        markeredgewidth=0,
        label=name or None,
        zorder=3,
    )


def ticks(axes: Axes, values: Sequence[float]) -> None:
    """The levels themselves, where they are few and have room; else those of the scale, as plain numbers."""
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    if len(values) <= TICKS:
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(values, _apart(axes, values, alike(values)))
    elif axes.get_xscale() == "log":
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: tick(v)))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _apart(axes: Axes, values: Sequence[float], texts: Sequence[str]) -> list[str]:
    """The texts of ascending ticks without those that would run into the one before or into the last."""
    places = [math.log(v) if axes.get_xscale() == "log" else v for v in values]
    spec, figure = axes.get_subplotspec(), axes.get_figure(root=True)
    across = 1 if spec is None else spec.get_gridspec().ncols
    inches = 0.0 if figure is None else figure.get_figwidth()
    point = (places[-1] - places[0]) / (72 * INSIDE * inches / across) if inches else 0.0
    reach = [point * LETTER * (len(text) + 1) / 2 for text in texts]
    shown = list(texts)
    before, last = 0, len(texts) - 1
    for n in range(1, last):
        if places[n] - reach[n] < places[before] + reach[before] or places[n] + reach[n] > places[last] - reach[last]:
            shown[n] = ""
        else:
            before = n
    return shown
