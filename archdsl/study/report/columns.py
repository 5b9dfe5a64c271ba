"""The columns of the tables of a study: how each kind of figure is shown, and which columns there are."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.expand.metrics import metric_of, spellings
from archdsl.report import Column
from archdsl.report.table import Kind
from archdsl.study.plan.factors import Factor
from archdsl.study.results.results import Results

KINDS: dict[str, tuple[Kind, int]] = {  # of a unit: how a column shows it, with so many decimals
    "percent": ("percent", 2),
    "float": ("float", 4),
    "count": ("float", 1),
    "seconds": ("float", 1),
}
SIZES = ("params", "macs")  # metrics that are columns of every table


def robust_column(results: Results) -> Column:
    """The column of the p value beside that of the t test: of a sequential design, or of a fixed one."""
    name = "p symmetric" if results.options.sequential else "p sign"
    return Column(name, "p", key=name.replace(" ", "_"), digits=4)


def level_column(factor: Factor) -> Column:
    """The column of a factor's levels."""
    return Column(factor.shown, key=f"factor {factor.key}", align="right" if factor.numbers is not None else None)


def more_columns(results: Results) -> list[Column]:
    """A column for each metric that is shown beside the first; its mean over the seeds. Every table has those of the size."""
    words = [metric_of(name) for name in results.more if name not in SIZES]
    return [Column(w.label, KINDS[w.unit][0], key=w.name, digits=KINDS[w.unit][1]) for w in words]


def columns_are(keys: Sequence[str], name: str) -> str:
    """Which columns there are, and how one is added."""
    known = name if name in spellings() else "NAME"
    return f"`--metric {known}` adds a column for a metric; the columns are {', '.join(keys)}"
