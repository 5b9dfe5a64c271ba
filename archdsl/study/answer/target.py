"""The cost to reach a target: the first step, second or other cost at which a run's metric is there, by arm.

A run that never got there is right-censored at its last cost. What is compared is the cost up to a common horizon, min(cost,
horizon), whose mean is the restricted mean (Royston & Parmar 2013): the horizon is the smallest last cost of a run that did
not reach the target, so that the restricted cost of each run is known exactly, and verdicts are those of any other
metric. A run that failed before it reached the target counts as one that never does. Beside it: the median of Kaplan & Meier
(1958) with its interval (Brookmeyer & Crowley 1982, log-log), and the log-rank test (Mantel 1966), both by scipy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from archdsl.errors import ArchError
from archdsl.report.numbers import many
from archdsl.study.answer.measurements.cells import name_cell, number_cell
from archdsl.study.answer.measurements.read import Columns, Measurements, order_of
from archdsl.study.answer.measurements.sheet import Sheet, listed
from archdsl.study.answer.measurements.sheet import runs as count
from archdsl.words.data.cells import is_infinite, is_missing

_FORM = re.compile(r"\s*(?P<metric>.+?)\s*(?P<sign>>=|<=|>|<)\s*(?P<value>\S+(?:\s*%)?)\s*", re.DOTALL)
STEP = "step"  # the cost where none is named


@dataclass(frozen=True, slots=True)
class Target:
    """``metric`` is at least, or at most, ``value``; ``percent``: the value had a percent sign and is a fraction."""

    metric: str
    sign: Literal[">=", "<=", ">", "<"]
    value: float
    percent: bool

    def met(self, value: float) -> bool:
        """Whether a value of the metric is there."""
        match self.sign:
            case ">=":
                return value >= self.value
            case "<=":
                return value <= self.value
            case ">":
                return value > self.value
            case "<":
                return value < self.value

    def __str__(self) -> str:
        shown = f"{100 * self.value:g} %" if self.percent else f"{self.value:g}"
        return f"{self.metric} {self.sign} {shown}"


def parse_target(text: str) -> Target:
    """A target from its text, such as ``acc >= 94%``.

    Raises:
        ArchError: it has another form.
    """
    found = _FORM.fullmatch(text)
    wrong = ArchError(
        f"the target `{text[:60]}` has another form than the known one",
        help="a column, >= or <=, and a number: 'acc >= 94%', 'loss <= 0.3'",
    )
    if found is None:
        raise wrong
    try:
        value, percent = number_cell(found["value"], 1, "")
    except ArchError:
        raise wrong from None
    return Target(found["metric"], found["sign"], value, percent)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Costs:
    """The cost of each run of an arm: ``reached`` those of runs that reached the target, ``censored`` the last ones of runs
    that did not.
    """

    reached: tuple[float, ...]
    censored: tuple[float, ...]

    @property
    def runs(self) -> int:
        """How many."""
        return len(self.reached) + len(self.censored)

    def median(self) -> tuple[float | None, float | None, float | None]:
        """The median of Kaplan and Meier with its 95 % interval; None where the curve does not come down to a half."""
        import warnings

        import numpy as np
        from scipy import stats

        if not self.reached:
            return None, None, None
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # where the curve is 0 or 1 its interval is undefined
            curve = stats.ecdf(self._data()).sf
            ends = curve.confidence_interval(0.95, method="log-log")
        crossings = [
            next((float(x) for x, p in zip(part.quantiles, part.probabilities, strict=True) if p <= 0.5), None)
            for part in (curve, ends.low, ends.high)
        ]
        return crossings[0], crossings[1], crossings[2]

    def against(self, other: Costs) -> float | None:
        """The p-value of the log-rank test, for one look; None where no run of either reached the target."""
        from scipy import stats

        if not self.reached and not other.reached:
            return None
        p = float(stats.logrank(self._data(), other._data()).pvalue)
        return p if p == p else None

    def _data(self) -> object:
        from scipy import stats

        return stats.CensoredData(uncensored=list(self.reached), right=list(self.censored))


@dataclass(frozen=True, slots=True)
class Reached:
    """The restricted costs as measurements, the costs of each arm, the horizon (None where each run got there), and the
    ``grid``: the smallest step between two costs at which the metric was logged. Costs are known up to a step of it only.
    """

    measurements: Measurements
    costs: Mapping[str, Costs]
    horizon: float | None
    grid: float


@dataclass(slots=True)
class _Run:
    """One run while its rows are read: the cost at which the target was first met, and the last cost."""

    state: str
    label: str
    ident: str
    first: float | None = None
    last: float = float("-inf")


def reached(sheet: Sheet, columns: Columns, target: Target, cost: str | None, run: str | None = None) -> Reached:
    """The cost to reach a target, from a table with a row for each step, or with a row for each run and its cost.

    Args:
        columns: its metric is that of the target.
        cost: the column of the cost; None for ``step``.
        run: the column that tells runs apart; None for that of the tool, or for the pair.

    Raises:
        ArchError: a column, a cell or a row that cannot be taken.
    """
    columns, notes = columns.of(sheet)
    if sheet.steps is not None and (cost is None or cost not in sheet.names):
        sheet = sheet.steps(columns.metric)
    at, note = sheet.find(cost or STEP, "--cost")
    replace(columns, metric=at).check()
    own = sheet.tool.run if sheet.tool.run in sheet.names else None
    ident, more = (own, "") if run is None else sheet.find(run, "--run")
    if columns.pair is None and ident is None and cost is None:
        raise ArchError(
            "which rows are of one run is not known",
            help="--pair or --run names the column that tells runs apart; --cost COLUMN is for a row each run",
        )
    found, rows, grid, empty = _runs(sheet, columns, target, at, ident)
    single = "each row is taken as a run" if columns.pair is None and ident is None else ""
    said = (
        f"read as {sheet.what}: {many(rows, 'row')}, {many(len(found), 'run')}",
        *sheet.notes,
        *notes,
        *(text for text in (note, more, single) if text),
        *empty,
    )
    return _restricted(found, columns, at, rows, grid, said)


def _runs(
    sheet: Sheet, columns: Columns, target: Target, at: str, ident: str | None
) -> tuple[dict[tuple[str, str], _Run], int, float, tuple[str, ...]]:
    runs, number = dict[tuple[str, str], _Run](), 0
    wanted = [columns.arm, columns.metric, at, *(name for name in (columns.pair, ident) if name is not None)]
    percent, empty, costs = dict[bool, int](), list[int](), set[float]()
    for number, row, state, label in sheet.entries(wanted, columns.only):
        if state == "other":
            continue
        arm = name_cell(row[0], number, columns.arm)
        name = name_cell(row[3], number, columns.pair or ident or "") if len(row) > 3 else str(number)
        own = str(row[-1]) if ident is not None else ""
        run = runs.setdefault((arm, name), _Run(state, label or f"{arm}, {name}", own))
        if run.ident != own:
            raise ArchError(
                f"the runs `{run.ident}` and `{own}` both have {columns.arm} `{arm}` and {columns.pair} `{name}`",
                help="keep one of them with --only: a run counts once",
            )
        if row[2] is None and row[1] is None:
            continue  # a run that a tool has without a step of this metric
        spent, _ = number_cell(row[2], number, at)
        run.last = max(run.last, spent)
        if row[1] is None or is_missing(str(row[1]).strip()) or is_infinite(str(row[1]).strip()):
            empty.append(number)  # a step at which the metric was not logged, or a run that diverged
            continue
        costs.add(spent)
        value, per_cent = number_cell(row[1], number, columns.metric)
        percent.setdefault(per_cent, number)
        if len(percent) == 2:
            raise ArchError(
                f"column `{columns.metric}` has a percent sign in row {percent[True]} and none in row {percent[False]}",
                help="write all values in one form",
            )
        if per_cent and not target.percent:
            form = f"{target.metric} {target.sign}"
            more = (
                f", or '{form} {100 * target.value:g}%' where it is a fraction of 1" if abs(target.value) <= 1 else ""
            )
            raise ArchError(
                f"the target is {target}, without a percent sign, and row {number} has {100 * value:g}%",
                help=f"'{form} {target.value:g}%'{more}",
            )
        if target.percent and not per_cent and abs(value) > 1.5:
            raise ArchError(
                f"the target is {target}, which means {target.value:g}, and row {number} has {value:g}",
                help=f"'{target.metric} {target.sign} {100 * target.value:g}' for a metric in percent",
            )
        if target.met(value):
            run.first = spent if run.first is None else min(run.first, spent)
    grid = min((b - a for a, b in pairwise(sorted(costs))), default=0.0)
    if not empty:
        return runs, number, grid, ()
    said = f"rows without a number in `{columns.metric}`: {len(empty):,}, first row {empty[0]}; the target is not met there"
    return runs, number, grid, (said,)


def _restricted(
    runs: Mapping[tuple[str, str], _Run], columns: Columns, at: str, rows: int, grid: float, notes: Sequence[str]
) -> Reached:
    kept = {name: run for name, run in runs.items() if run.state != "unfinished"}
    if not kept:
        raise ArchError("no run is finished", help="give a table with finished runs")
    empty = [run.label for run in kept.values() if run.last == float("-inf") and run.state == "finished"]
    if empty:
        raise ArchError(
            f"{count(len(empty))} finished without a step that has the metric of the target: {listed(empty)}",
            help="log the metric in each run, or leave them out with --only",
        )
    ends = [run.last for run in kept.values() if run.first is None and run.state == "finished"]
    longest = max(max(run.last, run.first or run.last) for run in kept.values())
    failed = [run for run in kept.values() if run.state == "failed" and run.first is None]
    horizon = min(ends) if ends else longest if failed else None
    arms: dict[str, dict[str, float]] = {}
    split: dict[str, tuple[list[float], list[float]]] = {}
    for (arm, name), run in kept.items():
        there, not_there = split.setdefault(arm, ([], []))
        if run.first is not None:
            there.append(run.first)
        else:
            not_there.append(longest if run.state == "failed" else run.last)
        cost = run.first if run.first is not None else longest
        arms.setdefault(arm, {})[name] = cost if horizon is None else min(cost, horizon)
    order, _ = order_of(dict.fromkeys(name for of_arm in arms.values() for name in of_arm))
    said = [*notes]
    waiting = [run.label for run in runs.values() if run.state == "unfinished"]
    if waiting:
        said.append(f"{count(len(waiting))} not finished, left out: {listed(waiting)}")
    if failed:
        said.append(
            f"{count(len(failed))} failed before the target, counted as never reaching it: {listed([r.label for r in failed])}"
        )
    if horizon is not None:
        lost = sum(run.first is None for run in kept.values())
        said.append(
            f"{lost} of {many(len(kept), 'run')} did not reach the target: costs are compared up to {horizon:g} {at}, the "
            "restricted mean; a run that was not there by then counts as that"
        )
    costs = {arm: Costs(tuple(there), tuple(not_there)) for arm, (there, not_there) in split.items()}
    return Reached(Measurements(arms, order, tuple(said), replace(columns, metric=at), rows), costs, horizon, grid)
