"""The columns of the tables of a study: how each kind of figure is shown, and which columns there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from archdsl.expand.metrics import metric_of, spellings
from archdsl.report import Column
from archdsl.report.table import Kind
from archdsl.study.plan.factors import Factor
from archdsl.study.results.results import Results
from archdsl.study.results.unit import SCIENTIFIC, unit_of

if TYPE_CHECKING:
    from archdsl.words.metrics.base import Metric

KINDS: dict[str, tuple[Kind, int]] = {  # of a unit: how a column shows it, with so many decimals
    "percent": ("percent", 2),
    "float": ("float", 4),
    "count": ("float", 1),
    "seconds": ("float", 1),
}
SIZES = ("params", "macs")  # metrics that are columns of every table


def kind_of(metric: Metric, values: Iterable[float | None]) -> tuple[Kind, int]:
    """How a column shows values of a metric, with so many decimals: those of ``KINDS``, or more where the largest value
    would have few digits left.
    """
    kind, digits = KINDS[metric.unit]
    if kind == "percent":
        return kind, digits
    own = unit_of(metric, max((abs(v) for v in values if v is not None), default=0.0)).digits
    if own == SCIENTIFIC:
        return "int", digits  # which shows a number that is not whole by its significant digits
    return kind, max(digits, own if metric.unit == "float" else own - 2)


def kind_of_measure(results: Results) -> tuple[Kind, int]:
    """``kind_of`` for the metric of a study."""
    return kind_of(results.measure, (v for a in results.arms for v in a.values.values()))


def robust_column(results: Results) -> Column:
    """The column of the p value beside that of the t test: of a sequential design, or of a fixed one."""
    name = "p symmetric" if results.options.sequential else "p sign"
    return Column(name, "p", key=name.replace(" ", "_"), digits=4)


def level_column(factor: Factor) -> Column:
    """The column of a factor's levels."""
    return Column(factor.shown, key=f"factor {factor.key}", align="right" if factor.numbers is not None else None)


def more_columns(results: Results) -> list[Column]:
    """A column for each metric that is shown beside the first; its mean over the seeds. Every table has those of the size."""
    found = []
    for name in results.more:
        if name not in SIZES:
            word = metric_of(name)
            kind, digits = kind_of(word, (v for a in results.arms for v in a.more.get(name, {}).values()))
            found.append(Column(word.label, kind, key=word.name, digits=digits))
    return found


def columns_are(keys: Sequence[str], name: str) -> str:
    """Which columns there are, and how one is added."""
    known = name if name in spellings() else "NAME"
    return f"`--metric {known}` adds a column for a metric; the columns are {', '.join(keys)}"
