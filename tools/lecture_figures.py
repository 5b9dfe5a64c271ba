"""The figures of the lecture with their captions: what is drawn, and what its marks mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

LOGARITHMIC = "The horizontal axis is logarithmic."


def drawn(kind: str, results: Any, small: Any, beside: Sequence[str] = ()) -> str | None:
    """A figure of a study by its kind, as SVG; None where the study has none.

    Args:
        small: the results of the small form of the study.
        beside: arms of it that an axis is compared with, by their names.
    """
    from archdsl.study.report import figures
    from archdsl.study.report.sections.answers import forests
    from archdsl.study.results.curves import read_curves

    if kind == "curves":
        return figures.curves(results, read_curves(results))
    if kind == "forest":
        return next(iter(forests(results)), None)
    if kind == "axis":
        return figures.axis(results, dict(_beside(results.measure, small, name) for name in beside))
    found: str | None = {"fit": figures.fit, "heat": figures.heat, "pareto": figures.pareto, "strips": figures.strips}[
        kind
    ](results)
    return found


def _beside(measure: Any, small: Any, name: str) -> tuple[str, float]:
    """The label of an arm, and its mean of a metric."""
    from archdsl.study.results.run_figures import RunFigures

    arm = next(a for a in small.arms if a.name == name)
    found = [measure.of(RunFigures(row, arm.arm.totals, arm.folders.get(seed))) for seed, row in arm.figures.items()]
    return arm.label, sum(found) / len(found)


def caption(kind: str, results: Any, words: str) -> str:
    """The words of the page on a figure, and what its marks mean."""
    return " ".join([words, *MARKS[kind](results)])


def _seeds(results: Any) -> str:
    """How many seeds the arms have: ``5 seeds``, ``3 to 5 seeds``."""
    counts = sorted({len(arm.values) for arm in results.arms if arm.values})
    return f"{counts[0]} seeds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _axis(results: Any) -> Iterator[str]:
    from archdsl.study.plan.levels import geometric
    from archdsl.study.report.figures.axis import lines_of

    yield f"Small open marks are single runs ({_seeds(results)}), and lines join the means."
    levels = [
        sorted({x for line in lines for x in line.test}) for f in results.factors if (lines := lines_of(results, f))
    ]
    if any(geometric(values) for values in levels):
        yield LOGARITHMIC


def _curves(results: Any) -> Iterator[str]:
    from archdsl.study.report.figures.curves import LOSSES, TOGETHER, mean_curves, steep

    several = len(results.arms) > TOGETHER
    yield f"Thin lines are single runs ({_seeds(results)}), and thick ones the means of the epochs that all of them have."
    if not several and any(steep(lines) for kind, lines in mean_curves(results).items() if kind in LOSSES):
        yield "The axis of the training loss is logarithmic."


def _heat(results: Any) -> Iterator[str]:
    yield f"Each cell has the mean ± the standard deviation of {_seeds(results)}."


def _forest(results: Any) -> Iterator[str]:
    yield (
        f"Squares are mean differences of runs with the same seed ({_seeds(results)}). The lines are intervals that all hold "
        "together with 95 % confidence; open squares are undecided."
    )
    if results.claims:
        yield "The intervals of the claims below are those of another family, and differ."


def _strips(results: Any) -> Iterator[str]:
    yield f"Each dot is a run ({_seeds(results)})."


def _pareto(results: Any) -> Iterator[str]:
    yield (
        f"Marks are means of {_seeds(results)}, and bars are ± one standard deviation. Filled marks, joined by steps, are on the "
        "Pareto front: no other arm is both cheaper and better. "
        "Names without room beside their mark are left out or led to it by a line."
    )


def _fit(results: Any) -> Iterator[str]:
    yield (
        f"Dots are single runs ({_seeds(results)}), the line is the fit, and the band its 95 % interval at each size, from a "
        "bootstrap over the seeds. Where the curves of the few seeds happen to cross, it is narrower than what is known there."
    )


MARKS: dict[str, Callable[[Any], Iterator[str]]] = {
    "axis": _axis,
    "curves": _curves,
    "fit": _fit,
    "forest": _forest,
    "heat": _heat,
    "pareto": _pareto,
    "strips": _strips,
}
