"""How the evidence about each arm grew, seed by seed, and where it decided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.study.report.figures.canvas import GREY, INK, WIDTH, labels, render
from archdsl.study.report.figures.verdict_forest import COLOURS
from archdsl.study.results.results import ArmResult, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 0.145  # inches of a name
LETTERS = 34  # of a name
ABOVE = 3.0  # powers of ten above the highest threshold that are drawn


@dataclass(frozen=True, slots=True)
class Course:
    """One arm: the decimal logarithm of its evidence after each seed, its verdict, and the seed at which that fell."""

    name: str
    logs: tuple[float, ...]
    verdict: str
    decided: int | None


def deciding(results: Results) -> str | None:
    """The evidence over the seeds as SVG; None for a fixed design, which is looked at once, and below two seeds."""
    if not results.options.sequential:
        return None
    names = dict(zip((a.name for a in results.arms), labels([a.name for a in results.arms], LETTERS), strict=True))
    courses = [course for a in results.compared if (course := course_of(results, a, names[a.name])) is not None]
    if not courses:
        return None
    height = max(2.6, LINE * len(courses) + 0.9)
    return render((WIDTH, height), lambda f: _draw(f, results, courses), "deciding", "Evidence after each seed, by arm")


def course_of(results: Results, arm: ArmResult, name: str) -> Course | None:
    """The evidence on an arm after each seed that counts; None below two."""
    course, _ = results.course(arm)
    if arm.verdict is None or len(course) < 2:
        return None
    logs = tuple(e.counts / math.log(10) for e in course)
    return Course(name, logs, arm.verdict.decision, arm.verdict.decided)


def _draw(figure: Figure, results: Results, courses: list[Course]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    m, alpha = max(1, len(results.compared)), results.options.alpha
    first, last = math.log10(m / alpha), math.log10(1 / alpha)
    top = min(max(first, *(max(c.logs) for c in courses)) + 0.4, first + ABOVE)
    ends: list[tuple[float, float, Course]] = []
    for course in courses:
        ys = [min(y, top - 0.1) for y in course.logs]
        colour, at = COLOURS[course.verdict], (course.decided or len(ys)) - 1
        axes.plot(range(1, len(ys) + 1), ys, color=colour, linewidth=1.2, marker="o", markersize=1.8, zorder=3)
        axes.plot(
            at + 1,
            ys[at],
            "o",
            color=colour,
            markersize=5.5,
            zorder=4,
            markerfacecolor=colour if course.decided else "white",
        )
        ends.append((len(ys), ys[-1], course))
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=1)
    lines = {first: f"{m / alpha:,.0f}: decides among {m}"} if m > 1 else {}
    for level, text in {**lines, last: f"{1 / alpha:,.0f}: decides one alone"}.items():
        axes.axhline(level, color=INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=2)
        axes.annotate(
            text,
            (0.0, level),
            (3, 2),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=7,
            zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )
    axes.set_xlim(0.7, max(3, *(x for x, _, _ in ends)) + 0.4)
    axes.set_ylim(min(-0.6, *(min(c.logs) for c in courses)) - 0.2, top)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.yaxis.set_major_formatter(lambda y, _: f"{10**y:,.6g}" if -3 <= y <= 5 else f"1e{y:g}")
    axes.set_xlabel("seeds")
    axes.set_ylabel("evidence of a difference (e-value)")
    _name(axes, ends, figure.get_figheight())


def _name(axes: Axes, ends: list[tuple[float, float, Course]], height: float) -> None:
    """Names in a column on the right, in the order of the ends of their lines, each with a line that leads to it."""
    low, high = axes.get_ylim()
    gap = (high - low) * LINE / (height - 0.5)
    places: list[float] = []
    ordered = sorted(ends, key=lambda end: (end[1], end[0]))
    for _, y, _ in ordered:
        places.append(max(y, places[-1] + gap) if places else max(y, low + gap / 2))
    ceiling = high
    for n in reversed(range(len(places))):  # those pushed out at the top push the others down
        places[n] = min(places[n], ceiling - gap / 2 if n == len(places) - 1 else ceiling)
        ceiling = places[n] - gap
    edge = axes.get_xlim()[1]
    for (x, y, course), place in zip(ordered, places, strict=True):
        colour = COLOURS[course.verdict]
        axes.plot([x, edge], [y, place], color=colour, linewidth=0.5, linestyle=(0, (1, 2)), alpha=0.8, zorder=1)
        axes.annotate(
            course.name,
            (1.0, place),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=7,
            color=colour,
            va="center",
        )
