"""The fits of a study: every run a point, the curve with its band, and the size that was held out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archdsl.errors import ArchError
from archdsl.expand.metrics import metric_of
from archdsl.report.figures import COLOURS
from archdsl.study.plan.levels import geometric
from archdsl.study.report.figures.axis import ticks
from archdsl.study.report.figures.canvas import (
    INK,
    LEGEND,
    PALE,
    WIDTH,
    labels,
    legend,
    letters,
    lines_left_out,
    render,
)
from archdsl.study.results.fits import FitResult
from archdsl.study.results.results import Results
from archdsl.study.results.unit import unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS, MOST_LINES, ACROSS = 3, 7, 2
SHORTEST, LONGEST = 12, 24  # letters of a name in a legend: one that has fewer beside its formula is above it


def fit(results: Results) -> str | None:
    """A panel for each fit as SVG; None where none has a curve."""
    shown = _panels(results)[:MOST_PANELS]
    if not shown:
        return None
    down, across = -(-len(shown) // ACROSS), min(ACROSS, len(shown))
    width = WIDTH if len(shown) > 1 else 0.62 * WIDTH
    room = letters(width / across)
    most = max(len(lines[:MOST_LINES]) * (1 + _broken(lines[:MOST_LINES], room)) for _, lines in shown)

    def draw(figure: Figure) -> None:
        for n, (_, lines) in enumerate(shown, 1):
            _draw(figure.add_subplot(down, across, n), lines[:MOST_LINES], room)

    height = (3.4 + LEGEND * (most - 1)) * down
    return render((width, height), draw, "fit", f"Fits: {', '.join(text for text, _ in shown)}")


def left_out(results: Results) -> Iterator[str]:
    """What the figure has no room for."""
    panels = _panels(results)
    yield from lines_left_out({text: len(lines) for text, lines in panels[:MOST_PANELS]}, MOST_LINES)
    if missing := [text for text, _ in panels[MOST_PANELS:]]:
        yield f"not drawn, being more than {MOST_PANELS} fits: {', '.join(missing)}"


def _panels(results: Results) -> list[tuple[str, list[FitResult]]]:
    """The lines that have a curve, by their fit."""
    panels: dict[str, list[FitResult]] = {}
    for found in results.fitted:
        if found.fitted is not None:
            panels.setdefault(found.line.fit.text, []).append(found)
    return list(panels.items())


def _draw(axes: Axes, lines: list[FitResult], room: int) -> None:
    """One fit; ``room``: letters of a line of its legend."""
    fit = lines[0].line.fit
    word = metric_of(fit.metric)
    factor = 100.0 if word.unit == "percent" else 1.0
    broken = _broken(lines, room)
    joint = "\n" if broken else "; "
    names = labels(
        [one.line.label for one in lines], min(LONGEST, room if broken else max(SHORTEST, _beside(lines, room)))
    )
    for n, (one, name) in enumerate(zip(lines, names, strict=True)):
        words = f"{name}{joint}{_words(one)}" if name else _words(one)
        _line(axes, one, COLOURS[n % len(COLOURS)], factor, words)
    known = axes.get_legend_handles_labels()
    named = dict(zip(reversed(known[1]), reversed(known[0]), strict=True))  # what lines share is explained once
    values = [v for one in lines for row in one.values.values() for _, v in row]
    if fit.log or fit.kind == "power" or geometric(sorted({x for one in lines for x in one.values})):
        axes.set_xscale("log")
    if fit.kind == "power" and min(values) > 0:
        axes.set_yscale("log")
        from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

        near = max(values) < 4 * min(values)
        axes.yaxis.set_major_locator(
            LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0) if near else (1.0, 2.0, 5.0))
        )
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
    ticks(axes, sorted({x for one in lines for x in one.values}))
    ylabel = unit_of(word, max(values, default=0.0)).axis
    axes.set(xlabel=lines[0].line.title or _x_label(fit.x), ylabel=ylabel)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    legend(axes, above=True, across=1, named=dict(reversed(named.items())))


def _x_label(x: str) -> str:
    """The axis of x: a factor, or a count of the network."""
    try:
        return metric_of(x).label
    except ArchError:
        return x


def _ends(one: FitResult) -> list[tuple[float, float]]:
    """The ends of the intervals of the curve, where there are any."""
    curve = one.fitted.curve if one.fitted is not None else ()
    return [(e.low, e.high) for _, e in curve if e.low is not None and e.high is not None]


def _beside(lines: list[FitResult], room: int) -> int:
    """The letters of a line of a legend that its formula leaves to the name."""
    return room - 2 - max(len(_words(one)) for one in lines)


def _broken(lines: list[FitResult], room: int) -> bool:
    """Whether the names are above the formulas, which leave them no room."""
    return any(one.line.label for one in lines) and _beside(lines, room) < SHORTEST


def _words(one: FitResult) -> str:
    """The formula of a line, and its band where it has one."""
    banded = one.fitted is not None and len(_ends(one)) == len(one.fitted.curve)
    return one.line.fit.formula.replace("^−b", "⁻ᵇ") + (", 95 % band" if banded else "")


def _line(axes: Axes, one: FitResult, colour: str, factor: float, words: str) -> None:
    fitted, held = one.fitted, one.line.held
    assert fitted is not None
    xs = [x for x, _ in fitted.curve]
    ends = _ends(one)
    axes.plot(xs, [factor * e.value for _, e in fitted.curve], color=colour, linewidth=1.3, label=words)
    if len(ends) == len(xs):
        axes.fill_between(
            xs,
            [factor * low for low, _ in ends],
            [factor * high for _, high in ends],
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
    if held is not None and (e := fitted.held) is not None:
        reach: list[list[float]] | None = None
        if e.low is not None and e.high is not None:
            reach = [[factor * (e.value - e.low)], [factor * (e.high - e.value)]]
        axes.errorbar(
            [held],
            [factor * e.value],
            reach,
            fmt="D",
            color=INK,
            markersize=4,
            elinewidth=1.1,
            capsize=3.5,
            zorder=5,
            label="prediction of the held-out mean" + (", 95 %" if reach else ""),
        )
    for x, row in one.values.items():
        out = x == held
        axes.plot(
            [x] * len(row),
            [factor * v for _, v in row],
            "o",
            color=colour,
            markersize=5 if out else 3,
            alpha=0.9 if out else 0.55,
            markeredgewidth=1.0 if out else 0,
            markerfacecolor="none" if out else colour,
            label="held out" if out and row else None,
        )
