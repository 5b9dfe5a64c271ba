"""The headings and captions of the figures of a study's page, and what is said there of its results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from archdsl.study.report import fit_text
from archdsl.study.report.effect_table import meaning
from archdsl.study.report.figures.axis import left_out as axis_left_out
from archdsl.study.report.figures.curves import Runs, kinds_of
from archdsl.study.report.figures.deciding import left_out as deciding_left_out
from archdsl.study.report.figures.fit import left_out as fits_left_out
from archdsl.study.report.figures.heat import left_out as heat_left_out
from archdsl.study.report.figures.pareto import left_out as pareto_left_out
from archdsl.study.report.notes import trained_on
from archdsl.study.results.results import Results

CAPTIONS = {
    "forest": (
        "Differences",
        (
            "Mean difference from REFERENCE over the seeds that count, with its interval. The intervals hold together, over all "
            "comparisons at once: one that leaves out 0 is a verdict."
        ),
    ),
    "deciding": (
        "Evidence over the seeds",
        (
            "Evidence against “no difference” after each seed. It begins at 1; a filled point is where the arm was decided. "
            "The first arm to be decided needs to cross the upper line, one that is left alone the lower one (Holm). Where "
            "spreads are uneven it is what counts by the rule for them. An arm ends as “same” by its interval, below the lines."
        ),
    ),
    "strips": (
        "Seeds",
        (
            "Every dot is a run. A line joins it to the run of REFERENCE with the same seed, of which an open dot is above it; "
            "lines that all lean one way are what a paired comparison sees."
        ),
    ),
    "axis": (
        "Along each axis",
        (
            "Every dot is a run, the lines join the means. The axis is logarithmic where the levels are by equal factors, "
            "or uneven over more than a decade."
        ),
    ),
    "fit": (
        "Fits",
        (
            "Every dot is a run, the line is the fit, the band its 95 % interval over the seeds. Rings are the runs of the size "
            "that the fit leaves out."
        ),
    ),
    "heat": ("Grid", ("Each cell is an arm. Hatched cells have no finished run.")),
    "effects": (
        "Effects",
        (
            "What a factor changes by being there, and where two factors together give more or less than their sum. Grey dots "
            "are seeds; names joined by = cannot be distinguished."
        ),
    ),
    "pareto": (
        "What it costs",
        (
            "Filled points are on the Pareto front: no other arm is as good for less. Bars are ± one standard deviation; "
            "numbers are those of the table. Seconds are wall time: they depend on the machine and on what ran beside, so that "
            "small differences of them mean nothing."
        ),
    ),
    "curves": (
        "Learning curves",
        ("Every seed is a thin line, the mean a thick one, drawn as far as all seeds of the arm go."),
    ),
}


def _effects(results: Results) -> Iterable[str]:
    """What the effects are, by the design."""
    yield meaning(results)


SAID: Mapping[str, tuple[Callable[[Results], Iterable[str]], ...]] = {
    "axis": (axis_left_out,),
    "deciding": (deciding_left_out,),
    "effects": (_effects,),
    "fit": (fit_text.sentences, fits_left_out),
    "heat": (heat_left_out,),
    "pareto": (pareto_left_out,),
}


def said_of_curves(results: Results, points: Mapping[str, Runs]) -> Iterator[str]:
    """What holds for the learning curves of figures that a run takes while it trains, where one of these is drawn."""
    if not {"loss", "accuracy"}.isdisjoint(kinds_of(results, points)):
        yield "training figures are means over an epoch"
        yield from trained_on(results)
