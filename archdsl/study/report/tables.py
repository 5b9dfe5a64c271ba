"""Results as tables of plain data: one row an arm, with what a reader needs to evaluate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archdsl.errors import ArchError, suggest
from archdsl.expand.metrics import metric_of
from archdsl.report import Cell, Column, Table
from archdsl.report.numbers import many
from archdsl.study.plan.design import is_grid
from archdsl.study.plan.levels import number as number_of
from archdsl.study.plan.plan import Found
from archdsl.study.report import tuning_table
from archdsl.study.report.columns import KINDS, SIZES, columns_are, level_column, more_columns, robust_column
from archdsl.study.report.notes import notes
from archdsl.study.report.planning import expected, single_test
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.run_figures import UNTRAINED, RunFigures, figure_of
from archdsl.study.stats import detectable
from archdsl.study.stats import summary as summary_of

COMPARED = (  # with a reference
    *("verdict", "delta", "reference", "low", "high", "p", "p_symmetric", "p_sign", "decided"),
    *("superiority", "detectable"),
)


def table(results: Results, people: bool = True, columns: Sequence[str] = ()) -> Table:
    """The table of a study: the reference first, the others in the order of the design.

    Args:
        people: counts of runs and levels are words, and the columns are those that fit a terminal; else counts are
            numbers of their own, and all columns are there.
        columns: the columns to show, by their keys or headings; ``all`` for every one.

    Raises:
        ArchError: unknown columns.
    """
    share = results.measure.unit == "percent"
    kind, digits = KINDS[results.measure.unit]

    def value(name: str, key: str) -> Column:
        return Column(name, kind, key=key, digits=digits)

    def change(name: str, key: str, signed: bool = True) -> Column:
        return Column(name, "points" if share else "float", key=key, digits=digits, signed=signed)

    verdict = [
        Column("verdict"),
        change("Δ", "delta"),
        change("low", "low"),
        change("high", "high"),
        Column("p", "p", key="p", digits=4, omit=5),
        replace(robust_column(results), omit=2),
    ]
    runs = [Column("runs", align="right", omit=3)] if people else [Column("finished", "int"), Column("runs", "int")]
    runs += [
        replace(value("mean", "mean"), omit=4),
        replace(value("sd", "sd"), omit=1),
        value("reference", "reference"),
    ]
    every = [
        Column("arm"),
        *map(level_column, results.factors),
        *(verdict + runs if people else runs + verdict),
        Column("decided", "int"),
        Column("P(better)", "float", key="superiority", digits=2),
        change("detectable", "detectable", False),
        Column("params", "int"),
        Column("MACs", "compact", key="macs"),
        *more_columns(results),
        *tuning_table.columns(results.tuning),
        Column("others"),
    ]
    wanted = _wanted(results, every, columns, people)
    shown = [replace(c, omit=0) if columns else c for c in every if c.id in wanted]  # what was asked for stays
    rows = [_cells(results, arm, people) for arm in results.arms]
    return Table(
        tuple(shown), tuple(tuple(row[c.id] for c in shown) for row in rows), results.title, notes=tuple(notes(results))
    )


DEFAULT = ("arm", "verdict", "delta", "low", "high", "p", "p_symmetric", "p_sign", "runs", "mean", "sd")


def _wanted(results: Results, every: Sequence[Column], columns: Sequence[str], people: bool) -> set[str]:
    """The keys of the columns to show."""
    keys = [column.id for column in every]
    named = {column.name: column.id for column in every}
    named["p_robust"] = robust_column(results).id  # as both were called
    columns = [named.get(name, name) if name not in keys else name for name in columns]
    for name in columns:
        if name != "all" and name not in keys:
            raise ArchError(f"unknown column `{name}`", help=suggest(name, keys) or columns_are(keys, name))
    if columns and "all" not in columns:
        return {"arm", *columns}
    grid = is_grid(results.design) and (len(results.factors) > 1 or not results.compares)
    factors = {key for key in keys if key.startswith("factor ") and (grid or columns)}
    failed = {"others"} if any(others(a.outcomes) for a in results.arms) else set[str]()
    if columns or not people:
        shown = {key for key in keys if not key.startswith("factor ") and key != "others"}
    else:
        same = {a.planned for a in results.arms} == {len(results.seeds)} and results.done == results.planned
        shown = {*DEFAULT, *(metric_of(name).name for name in results.more)} - ({"runs"} if same else set())
    return (shown | factors | failed) - (set() if results.compares else {*COMPARED})


def level(text: str, people: bool = True) -> Cell:
    """A level of a factor: for people its text, for machines a number or a truth value where it is one."""
    if people:
        return text or "none"
    if text in ("true", "false"):
        return text == "true"
    value = number_of(text)
    return int(text) if text.strip("+-").isdecimal() else value if value is not None else text or "none"


def _cells(results: Results, result: ArmResult, people: bool) -> dict[str, Cell]:
    """The cells of an arm by their columns."""
    robust = robust_column(results).id
    summary, compared, verdict = result.summary, result.comparison, result.verdict
    better = None if compared is None else compared.superiority
    if better is not None and not results.higher_is_better:
        better = 1 - better
    finished = result.states.get("finished", 0)
    cells: dict[str, Cell] = {
        "arm": result.name,
        **{f"factor {f.key}": level(result.arm.choice.get(f.name, ""), people) for f in results.factors},
        **dict.fromkeys(("verdict", "delta", "low", "high", "p", robust, "decided")),
        "finished": finished,
        "runs": f"{finished}/{result.planned}" if people else result.planned,
        "mean": summary.mean,
        "sd": summary.sd,
        "reference": None if compared is None else compared.reference,
        "superiority": better,
        "detectable": None if compared is None else compared.detectable,
        "params": result.arm.totals["params"],
        "macs": result.arm.totals["macs"],
        **{metric_of(name).name: summary_of(list(values.values())).mean for name, values in result.more.items()},
        **tuning_table.cells(results.tuning, result.name, people),
        "others": others(result.outcomes),
    }
    if verdict is not None:
        cells |= {"verdict": verdict.decision, "delta": verdict.evidence.delta, "low": verdict.low, "high": verdict.high,
                  "p": verdict.p, robust: verdict.p_symmetric, "decided": verdict.decided}  # fmt: skip
    return cells


FIGURES = (  # of a run, beside the metrics of its study
    "test_accuracy", "test_loss", "valid_accuracy", "valid_loss", "best_valid_accuracy", "train_accuracy", "train_loss",
    "epochs", "seconds",
)  # fmt: skip


def each(results: Results, people: bool = True) -> Table:
    """One row a run, with the levels of its factors and all its figures: for analyses of one's own."""
    names = [f.name for f in results.factors]
    shown = tuple(name for name in dict.fromkeys((*FIGURES, results.metric, *results.more)) if name not in SIZES)
    failed = {(arm, seed): status for arm, seed, status, _ in results.failures}
    columns = (
        Column("arm"),
        *map(level_column, results.factors),
        Column("seed", "int"),
        Column("status"),
        *(_column(name) for name in shown),
        Column("params", "int"),
        Column("MACs", "compact", key="macs"),
        Column("run"),
    )
    rows: list[tuple[Cell, ...]] = []
    for a in results.arms:
        levels = [level(a.arm.choice.get(n, ""), people) for n in names]
        for seed in sorted(results.seeds[: a.planned]):
            status = (
                UNTRAINED
                if seed in a.untrained
                else "finished"
                if seed in a.figures
                else failed.get((a.name, seed), "running" if seed in a.folders else "missing")
            )
            folder = a.folders.get(seed)
            run = RunFigures(a.figures[seed], a.arm.totals, folder) if seed in a.figures else None
            figures = [_figure(name, run) for name in shown]
            rows.append((a.name, *levels, seed, status, *figures, a.arm.totals["params"], a.arm.totals["macs"],
                         None if folder is None else str(folder)))  # fmt: skip
    return Table(columns, tuple(rows), results.title)


def _column(name: str) -> Column:
    word = metric_of(name)
    if name == "epochs":
        return Column(name, "int")
    kind, digits = KINDS["float" if word.unit == "seconds" else word.unit]
    return Column(name.replace("_", " "), kind, key=name, digits=digits)


def _figure(name: str, run: RunFigures | None) -> float | None:
    value = None if run is None else figure_of(metric_of(name), run)
    return int(value) if value is not None and metric_of(name).unit == "count" and value.is_integer() else value


def others(states: Mapping[str, int]) -> str:
    """Counts of runs that have no result, or did not train, in words."""
    return ", ".join(f"{n} {state}" for state, n in sorted(states.items()) if state not in ("finished", "missing"))


def preview(
    results: Results,
    found: Sequence[tuple[int, Found]],
    seconds: float,
    basis: str,
    jobs: int,
    more: Sequence[str] = (),
    left: int = 0,
) -> Table:
    """What `--dry-run` prints: arms with their runs, costs and what is there already.

    Args:
        found: arm and state of each planned run.
        seconds: the estimate for what is missing, over all workers.
        basis: what the estimate rests on.
        more: notes to show below.
        left: runs that are there, do not count, and are not trained again: of other conditions, or damaged.
    """
    rows: list[tuple[Cell, ...]] = []
    more_columns, more_cells, plan = (
        expected(results) if results.options.sequential else ((), [()] * len(results.arms), [])
    )
    for number, (arm, cells) in enumerate(zip(results.arms, more_cells, strict=True)):
        cached = sum(1 for n, f in found if n == number and f.status in ("finished", "diverged"))
        totals = arm.arm.totals
        rows.append((arm.name, len(results.seeds), cached, totals["params"], totals["macs"], totals["depth"], *cells,
                     arm.arm.spec.hash))  # fmt: skip
    missing, every = sum(1 for _, f in found if f.status not in ("finished", "diverged")) - left, len(found)
    columns = (Column("arm"), Column("runs", "int"), Column("cached", "int"), Column("params", "int"),
               Column("MACs", "compact", key="macs"), Column("depth", "int"), *more_columns, Column("hash"))  # fmt: skip
    workers = f"{many(jobs, 'worker')}"
    time = f"about {duration(seconds)} on {workers} ({basis})"
    most = "at most " if results.options.sequential else ""
    return Table(
        columns,
        tuple(rows),
        results.title,
        notes=(
            f"{most}{missing} of {many(every, 'run')} {'is' if missing == 1 else 'are'} missing; "
            + (f"{most}{time}" if missing else "nothing is left to run"),
            *([_left(left)] if left else []),
            *(plan or ([_detectable(results)] if len(results.arms) > 1 else [])),
            *more,
            *results.notes,
        ),
    )


def _left(count: int) -> str:
    """What is said of runs that a study neither counts nor trains."""
    said = ("is", "does", "it") if count == 1 else ("are", "do", "them")
    return (
        f"{many(count, 'run')} of other conditions, or damaged, {said[0]} there and {said[1]} not count: --again trains "
        f"{said[2]} again"
    )


def _detectable(results: Results) -> str:
    """What a fixed number of seeds can show."""
    n = len(results.seeds)
    sds = [a.comparison.sd for a in results.arms[1:] if a.comparison is not None and a.comparison.sd]
    alpha = results.options.alpha
    least = detectable(n, sum(sds) / len(sds) if sds else 1.0, alpha) if n > 1 else None
    unit = "" if sds else " standard deviations of the paired difference"
    shown = (
        "undefined with one seed"
        if least is None
        else (f"{100 * least:.2f} points" if sds and results.measure.unit == "percent" else f"{least:.3g}{unit}")
    )
    return f"the smallest difference that {many(n, 'seed')} can detect ({single_test(alpha)}): {shown}"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return many(round(seconds / 60), "minute")
    return f"{seconds / 3600:.1f} hours"
