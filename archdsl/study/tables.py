"""Results as tables of plain data: one row an arm, with what a reader needs to evaluate it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archdsl.expand.metrics import metric_of
from archdsl.report import Cell, Column, Table
from archdsl.report.table import Kind
from archdsl.study.arms import GRIDS
from archdsl.study.factors import Factor
from archdsl.study.levels import number as number_of
from archdsl.study.outcomes import unmeasured, untrained
from archdsl.study.plan import Found
from archdsl.study.results import ArmResult, Results
from archdsl.study.run_figures import UNTRAINED, RunFigures
from archdsl.study.stats import MISSING, detectable, seeds_to_reject
from archdsl.study.stats import summary as summary_of

P_LEVEL = 0.05
COMPARED = ("delta", "low", "high", "p_holm", "superiority", "detectable")  # columns of comparisons with a reference
KINDS: dict[str, tuple[Kind, int]] = {  # of a unit: how a column shows it, with so many decimals
    "percent": ("percent", 2), "float": ("float", 4), "count": ("float", 1), "seconds": ("float", 1),
}  # fmt: skip
NAMED = 8  # arms and seeds that a note names


def table(results: Results, people: bool = True) -> Table:
    """The table of a study: the reference first, the others in the order of the design.

    Args:
        people: counts of runs and levels are words; else they are numbers of their own.
    """
    share = results.measure.unit == "percent"
    kind, digits = KINDS[results.measure.unit]

    def value(name: str, key: str) -> Column:
        return Column(name, kind, key=key, digits=digits)

    def change(name: str, key: str, signed: bool = True) -> Column:
        return Column(name, "points" if share else "float", key=key, digits=digits, signed=signed)

    grid = results.design in GRIDS and (len(results.factors) > 1 or not results.compares)
    columns = [
        Column("arm"),
        *(level_column(f) for f in results.factors if grid),
        *((Column("runs", align="right"),) if people else (Column("finished", "int"), Column("runs", "int"))),
        value("mean", "mean"),
        value("sd", "sd"),
        change("Δ", "delta"),
        change("low", "low"),
        change("high", "high"),
        Column("p Holm", "p", key="p_holm", digits=4),
        Column("P(better)", "float", key="superiority", digits=2),
        change("detectable", "detectable", False),
        Column("params", "int"),
        Column("MACs", "compact", key="macs"),
        *more_columns(results),
    ]
    rows = [_row(results, arm, grid, people) for arm in results.arms]
    if any(row[-1] for row in rows):
        columns.append(Column("others"))
    else:
        rows = [row[:-1] for row in rows]
    kept = [n for n, c in enumerate(columns) if results.compares or c.id not in COMPARED]
    return Table(tuple(columns[n] for n in kept), tuple(tuple(row[n] for n in kept) for row in rows), results.title,
                 notes=tuple(notes(results)))  # fmt: skip


def level_column(factor: Factor) -> Column:
    """The column of a factor's levels."""
    return Column(factor.shown, key=f"factor {factor.key}", align="right" if factor.numbers is not None else None)


def more_columns(results: Results) -> list[Column]:
    """A column for each metric that is shown beside the first; its mean over the seeds."""
    words = [metric_of(name) for name in results.more]
    return [Column(w.label, KINDS[w.unit][0], key=w.name, digits=KINDS[w.unit][1]) for w in words]


def level(text: str, people: bool = True) -> Cell:
    """A level of a factor: for people its text, for machines a number or a truth value where it is one."""
    if people:
        return text or "none"
    if text in ("true", "false"):
        return text == "true"
    value = number_of(text)
    return int(text) if text.strip("+-").isdecimal() else value if value is not None else text or "none"


def _row(results: Results, result: ArmResult, grid: bool, people: bool) -> tuple[Cell, ...]:
    summary, compared = result.summary, result.comparison
    better = None if compared is None else compared.superiority
    if better is not None and not results.higher_is_better:
        better = 1 - better
    deltas = (None,) * 3 if compared is None else (compared.delta, compared.low, compared.high)
    return (
        result.name,
        *(level(result.arm.choice.get(f.name, ""), people) for f in results.factors if grid),
        *((f"{summary.n}/{result.planned}",) if people else (summary.n, result.planned)),
        summary.mean,
        summary.sd,
        *deltas,
        result.p,
        better,
        None if compared is None else compared.detectable,
        result.arm.totals["params"],
        result.arm.totals["macs"],
        *(summary_of(list(values.values())).mean for values in result.more.values()),
        others(result.outcomes),
    )  # fmt: skip


FIGURES = (  # of a run, beside the metrics of its study
    "test_accuracy", "test_loss", "valid_accuracy", "valid_loss", "best_valid_accuracy", "train_accuracy", "train_loss",
    "epochs", "seconds",
)  # fmt: skip


def each(results: Results, people: bool = True) -> Table:
    """One row a run, with the levels of its factors and all its figures: for analyses of one's own."""
    names = [f.name for f in results.factors]
    shown = tuple(dict.fromkeys((*FIGURES, results.metric, *results.more)))
    failed = {(arm, seed): status for arm, seed, status, _ in results.failures}
    columns = (
        Column("arm"), *map(level_column, results.factors), Column("seed", "int"), Column("status"),
        *(_column(name) for name in shown),
        Column("params", "int"), Column("MACs", "compact", key="macs"), Column("run"),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for a in results.arms:
        levels = [level(a.arm.choice.get(n, ""), people) for n in names]
        for seed in sorted(results.seeds):
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
    value = None if run is None else metric_of(name).of(run)
    return int(value) if value is not None and metric_of(name).unit == "count" and value.is_integer() else value


def others(states: Mapping[str, int]) -> str:
    """Counts of runs that have no result, or did not train, in words."""
    return ", ".join(f"{n} {state}" for state, n in sorted(states.items()) if state not in ("finished", "missing"))


def notes(results: Results) -> Iterable[str]:
    """What is below the table."""
    n, m = len(results.seeds), len(results.compared)
    name, measure = results.measure.label, results.measure
    sign = "" if measure.higher else " (less is better)"
    sign += "; differences in points" if measure.unit == "percent" else ""
    against = f"Δ is against `{results.reference.name}`, seed by seed, with its 95 % t interval"
    if not results.compares:
        against = "a grid over numbers has no reference; --baseline FACTOR=LEVEL compares with one arm"
    yield (f"{name}{sign}; {against}; what varies is the seed (initial weights, order, augmentation, dropout, split), "
           f"{evaluated_on(results)[0]}")  # fmt: skip
    if m and n < (needed := seeds_to_reject(m)):
        yield (f"the exact sign-flip test with Holm's correction over {m} comparison{'s' if m > 1 else ''} cannot go "
               f"below {P_LEVEL:g} with {n} seed{'s' if n > 1 else ''}; it takes {needed}")  # fmt: skip
    yield from lacking(results)
    yield from unmeasured(results)
    yield from untrained(results)
    for words, whose in undefined(results):
        yield f"{words} ({', '.join(whose[:3])}{' and others' if len(whose) > 3 else ''})"
    yield from results.notes
    if results.aliases:
        yield "effects that cannot be distinguished: " + "; ".join(results.aliases)
    for arm, seed, status, message in results.failures[:5]:
        yield f"{arm}, seed {seed}: {status}" + (f": {message.splitlines()[0]}" if message else "")
    if len(results.failures) > 5:
        yield f"and {len(results.failures) - 5} more runs without a result"
    made = ", ".join(f"{k} {v}" for k, v in results.conditions.items() if v)
    yield f"{results.done} of {results.planned} runs" + (f"; {made}" if made else "")


def evaluated_on(results: Results) -> tuple[str, str]:
    """On which images the metric is measured, and what its spread therefore includes or leaves out."""
    if results.measure.on == "test":
        return "on this test set", "it does not include the variation between test sets"
    if results.measure.on == "valid":
        return ("on the validation images that each seed draws for itself",
                "it includes the variation between such draws from the same set")  # fmt: skip
    if results.measure.on == "train":
        return "on the training images", "it says nothing about new images"
    return "over whole runs", "it says nothing about new images"


def undefined(results: Results) -> Iterable[tuple[str, list[str]]]:
    """Why figures are undefined, each reason once, with the arms that it applies to; missing seeds are listed."""
    found: dict[str, list[str]] = {}
    for arm in results.arms[1:]:
        for words in arm.comparison.why if arm.comparison is not None else ():
            if MISSING not in words:
                found.setdefault(words, []).append(arm.name)
    return found.items()


def lacking(results: Results) -> Iterable[str]:
    """One line on the seeds that arms lack, if some arm has them; the table counts the runs."""
    known = {seed for a in results.arms for seed in a.values}
    gaps = [(a.name, sorted(known - a.values.keys())) for a in results.arms]
    told = [
        f"{name} {', '.join(map(str, seeds[:NAMED]))}{' …' if len(seeds) > NAMED else ''}"
        for name, seeds in gaps
        if seeds
    ]
    if told:
        more = f"; and {len(told) - NAMED} more arms" if len(told) > NAMED else ""
        yield f"without a result, by seed: {'; '.join(told[:NAMED])}{more}; a comparison takes the seeds that both arms have"


def preview(
    results: Results,
    found: Sequence[tuple[int, Found]],
    seconds: float,
    guessed: bool,
    jobs: int,
    more: Sequence[str] = (),
) -> Table:
    """What `--dry-run` prints: arms with their runs, costs and what is there already.

    Args:
        found: arm and state of each planned run.
        seconds: the estimate for what is missing, over all workers.
        guessed: no run of this machine is behind it.
        more: notes to show below.
    """
    rows: list[tuple[Cell, ...]] = []
    for number, arm in enumerate(results.arms):
        cached = sum(1 for n, f in found if n == number and f.status in ("finished", "diverged"))
        totals = arm.arm.totals
        rows.append((arm.name, arm.planned, cached, totals["params"], totals["macs"], totals["depth"],
                     arm.arm.spec.hash))  # fmt: skip
    missing = sum(1 for _, f in found if f.status not in ("finished", "diverged"))
    columns = (Column("arm"), Column("runs", "int"), Column("cached", "int"), Column("params", "int"),
               Column("MACs", "compact", key="macs"), Column("depth", "int"), Column("hash"))  # fmt: skip
    n = len(results.seeds)
    sds = [a.comparison.sd for a in results.arms[1:] if a.comparison is not None and a.comparison.sd]
    least = detectable(n, sum(sds) / len(sds) if sds else 1.0) if n > 1 else None
    unit = "" if sds else " standard deviations of the paired difference"
    shown = "undefined with one seed" if least is None else (
        f"{100 * least:.2f} points" if sds and results.measure.unit == "percent" else f"{least:.3g}{unit}")  # fmt: skip
    workers = f"{jobs} worker{'s' if jobs > 1 else ''}"
    time = f"about {duration(seconds)} on {workers}" + (
        " (an assumption: no finished run to estimate it from)" if guessed else ""
    )
    return Table(columns, tuple(rows), results.title, notes=(
        f"{missing} of {results.planned} runs are missing; {time if missing else 'nothing is left to run'}",
        f"the smallest difference that {n} seed{'s' if n > 1 else ''} can detect (power 0.8): {shown}",
        *more,
        *results.notes,
    ))  # fmt: skip


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
