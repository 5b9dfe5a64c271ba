"""The fits of a study: curves through the finished runs of several sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.expand.metrics import metric_of
from archdsl.report.numbers import many
from archdsl.study.plan.fitted import FitLine
from archdsl.study.results.run_figures import RunFigures, figure_of
from archdsl.study.stats.curve_fit import Fitted, fit_curve

if TYPE_CHECKING:
    from archdsl.study.results.results import ArmResult

Values = Mapping[float, Sequence[tuple[int, float]]]  # seed and figure by size


@dataclass(frozen=True)
class FitResult:
    """A fit with its curve. ``values`` are those of the finished runs, by x; ``fitted`` is None, and ``why`` says
    so, where there are too few sizes, or too few have one.
    """

    line: FitLine
    values: Values
    fitted: Fitted | None
    why: str = ""


def fit_results(lines: Iterable[FitLine], arms: Sequence[ArmResult]) -> tuple[FitResult, ...]:
    """Every fit of a study, by the runs that are there."""
    return tuple(_result(arms, line) for line in lines)


def _result(arms: Sequence[ArmResult], line: FitLine) -> FitResult:
    values = {x: _figures(line.fit.metric, (arms[n] for n in numbers)) for x, numbers in line.arms.items()}
    runs = tuple((x, tuple(values[x])) for x in line.fitted if values[x])
    needed, sizes = len(line.fit.coefficients) + 1, len(line.fitted)
    if sizes < needed:
        beside = "" if line.held is None else " beside the one that is held out"
        why = f"there {'is' if sizes == 1 else 'are'} {many(sizes, 'size')}{beside}, and {needed} are needed"
        return FitResult(line, values, None, why)
    if len(runs) < needed:
        return FitResult(
            line, values, None, f"{len(runs)} of {len(line.fitted)} sizes have a finished run, and {needed} are needed"
        )
    held = None if line.held is None or not values[line.held] else (line.held, tuple(values[line.held]))
    return FitResult(line, values, fit_curve(line.fit.kind, line.fit.log, runs, held))


def _figures(name: str, arms: Iterable[ArmResult]) -> list[tuple[int, float]]:
    """The figure of each finished run, by seed."""
    found = []
    for arm in arms:
        for seed, figures in sorted(arm.figures.items()):
            value = figure_of(metric_of(name), RunFigures(figures, arm.arm.totals, arm.folders.get(seed)))
            if value is not None:
                found.append((seed, value))
    return found
