"""How the evidence about each arm grew, and where it decided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.study.report.figures.canvas import GREY, INK, render, short, width
from archdsl.study.report.figures.verdict_forest import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 0.145  # inches of a name
LETTERS, FEWER = 34, 18  # of a name, and of one on a narrow page
ABOVE = 3.0  # powers of ten above the highest threshold that are drawn
POINTS = 400  # of a curve: more cannot be seen
FEW = 40  # points up to which each is marked
NAMED = 40  # arms that have their name at the end of the curve: those with the most evidence
PLAIN = 6  # powers of ten that are written out


@dataclass(frozen=True, slots=True)
class Course:
    """One arm: the decimal logarithm of its evidence after each seed or pair, its verdict, and where that fell."""

    name: str
    logs: tuple[float, ...]
    verdict: str
    decided: int | None


def evidence(
    courses: Sequence[Course], *, alpha: float, family: int, unit: str = "seeds", slim: bool = False
) -> str | None:
    """Curves of evidence as SVG; None where no arm has two seeds.

    Args:
        family: the number of comparisons: the first verdict needs evidence of family / alpha, a last one 1 / alpha.
        unit: what the evidence is after.
        slim: for a narrow page.
    """
    shown = _shown(courses)
    if not shown:
        return None
    height = max(2.6, LINE * min(len(shown), NAMED) + 1.1)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        ends = _curves(axes, shown, alpha, family)
        axes.set_xlabel(unit)
        axes.set_ylabel("evidence of a difference (e-value)")
        most = sorted(ends, key=lambda end: -end[2].logs[-1])[:NAMED]
        _name(axes, [end for end in ends if end in most], height, FEWER if slim else LETTERS)

    key = "slim-evidence" if slim else "evidence"
    return render((width(slim), height), draw, key, f"Evidence after each {unit.removesuffix('s')}, by arm")


def unnamed(courses: Sequence[Course]) -> Iterator[str]:
    """A sentence where some curves have no name."""
    if (count := len(_shown(courses))) > NAMED:
        yield f"of the {count} curves the {NAMED} that end with the most evidence have their names"


def _shown(courses: Sequence[Course]) -> list[Course]:
    return [course for course in courses if len(course.logs) > 1]


def _curves(axes: Axes, courses: Sequence[Course], alpha: float, family: int) -> list[tuple[float, float, Course]]:
    """The curves with the thresholds, which are named above the axes; gives the end of each curve."""
    from matplotlib.ticker import MaxNLocator

    first, last = math.log10(family / alpha), math.log10(1 / alpha)
    top = min(max(first, *(max(c.logs) for c in courses)) + 0.4, first + ABOVE)
    ends: list[tuple[float, float, Course]] = []
    for course in courses:
        ys, n = [min(y, top - 0.1) for y in course.logs], len(course.logs)
        at, colour = (course.decided or n) - 1, COLOURS[course.verdict]
        kept = sorted({*range(0, n, -(-n // POINTS)), at, n - 1})
        marker = "o" if n <= FEW else ""
        axes.plot(
            [x + 1 for x in kept], [ys[x] for x in kept], color=colour, linewidth=1.2, marker=marker, markersize=1.8
        )
        fill = colour if course.decided else "white"
        axes.plot(at + 1, ys[at], "o", color=colour, markersize=5.5, zorder=4, markerfacecolor=fill)
        ends.append((n, ys[-1], course))
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=1)
    for level in {first, last}:
        axes.axhline(level, color=INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    among = f"{family / alpha:,.0f} decides among {family}, " if family > 1 else ""
    axes.set_title(f"dashed: {among}{1 / alpha:,.0f} decides one alone", loc="left", fontsize=7)
    longest = max(x for x, _, _ in ends)
    axes.set_xlim(1 - 0.015 * max(longest, 20), max(3, longest) + 0.02 * max(longest, 20))
    axes.set_ylim(min(-0.6, *(min(c.logs) for c in courses)) - 0.2, top)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.yaxis.set_major_formatter(lambda y, _: f"{10**y:,.7g}" if -3 <= y <= PLAIN else f"1e{y:g}")
    return ends


def _name(axes: Axes, ends: list[tuple[float, float, Course]], height: float, letters: int) -> None:
    """Names in a column on the right, in the order of the ends of their lines, each with a line that leads to it."""
    low, high = axes.get_ylim()
    gap = (high - low) * LINE / (height - 0.7)
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
            short(course.name, letters),
            (1.0, place),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=7,
            color=colour,
            va="center",
        )
