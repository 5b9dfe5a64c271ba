"""Results as tables of plain data: one row an arm, with what a reader needs to evaluate it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archdsl.report import Cell, Column, Table
from archdsl.study.plan import Found
from archdsl.study.results import ArmResult, Results
from archdsl.study.stats import MISSING, detectable, seeds_to_reject

P_LEVEL = 0.05
NAMED = 8  # arms and seeds that a note names


def table(results: Results, people: bool = True) -> Table:
    """The table of a study: the reference first, the others in the order of the design.

    Args:
        people: counts of runs and levels are words; else they are numbers of their own.
    """
    share = results.higher_is_better
    kind, digits = ("percent", 2) if share else ("float", 4)

    def value(name: str, key: str) -> Column:
        return Column(name, kind, key=key, digits=digits)  # type: ignore[arg-type]

    def change(name: str, key: str, signed: bool = True) -> Column:
        return Column(name, "points" if share else "float", key=key, digits=digits, signed=signed)

    grid = results.design in ("grid", "full") and len(results.factors) > 1
    columns = [
        Column("arm"),
        *(Column(f.label or f.name, key=f"factor {f.name}") for f in results.factors if grid),
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
    ]
    rows = [_row(results, arm, grid, people) for arm in results.arms]
    if any(row[-1] for row in rows):
        columns.append(Column("others"))
    else:
        rows = [row[:-1] for row in rows]
    return Table(tuple(columns), tuple(rows), results.title, notes=tuple(notes(results)))


def level(text: str, people: bool = True) -> Cell:
    """A level of a factor: for people its text, for machines a number or a truth value where it is one."""
    if people:
        return text or "none"
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or "none"


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
        others(result.states),
    )  # fmt: skip


FIGURES = (
    ("test_accuracy", "percent"), ("test_loss", "float"), ("valid_accuracy", "percent"), ("valid_loss", "float"),
    ("best_valid_accuracy", "percent"), ("train_accuracy", "percent"), ("train_loss", "float"), ("epochs", "int"),
    ("seconds", "float"),
)  # fmt: skip


def each(results: Results, people: bool = True) -> Table:
    """One row a run, with the levels of its factors and all its figures: for analyses of one's own."""
    names = [f.name for f in results.factors]
    failed = {(arm, seed): status for arm, seed, status, _ in results.failures}
    columns = (
        Column("arm"), *(Column(n, key=f"factor {n}") for n in names), Column("seed", "int"), Column("status"),
        *(Column(f.replace("_", " "), kind, key=f, digits={"percent": 2, "float": 4}.get(kind)) for f, kind in FIGURES),  # type: ignore[arg-type]
        Column("params", "int"), Column("MACs", "compact", key="macs"), Column("run"),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for a in results.arms:
        levels = [level(a.arm.choice.get(n, ""), people) for n in names]
        for seed in sorted(results.seeds):
            status = (
                "finished"
                if seed in a.figures
                else failed.get((a.name, seed), "running" if seed in a.folders else "missing")
            )
            figures = [a.figures.get(seed, {}).get(f) for f, _ in FIGURES]
            folder = a.folders.get(seed)
            rows.append((a.name, *levels, seed, status, *figures, a.arm.totals["params"], a.arm.totals["macs"],
                         None if folder is None else str(folder)))  # fmt: skip
    return Table(columns, tuple(rows), results.title)


def others(states: dict[str, int] | object) -> str:
    """Counts of runs that have no result, in words."""
    assert isinstance(states, dict)
    return ", ".join(f"{n} {state}" for state, n in sorted(states.items()) if state not in ("finished", "missing"))


def notes(results: Results) -> Iterable[str]:
    """What is below the table."""
    n, m = len(results.seeds), len(results.compared)
    name = results.metric.replace("_", " ")
    sign = "; differences in points" if results.higher_is_better else " (less is better)"
    yield (f"{name}{sign}; Δ is against `{results.reference.name}`, seed by seed, with its 95 % t interval; what varies "
           f"is the seed (initial weights, order, augmentation, dropout, split), {evaluated_on(results)[0]}")  # fmt: skip
    if m and n < (needed := seeds_to_reject(m)):
        yield (f"the exact sign-flip test with Holm's correction over {m} comparison{'s' if m > 1 else ''} cannot go "
               f"below {P_LEVEL:g} with {n} seed{'s' if n > 1 else ''}; it takes {needed}")  # fmt: skip
    yield from lacking(results)
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
    if results.metric.startswith("test"):
        return "on this test set", "it does not include the variation between test sets"
    if "valid" in results.metric:
        return ("on the validation images that each seed draws for itself",
                "it includes the variation between such draws from the same set")  # fmt: skip
    return "on the training images", "it says nothing about new images"


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
        f"{100 * least:.2f} points" if sds and results.higher_is_better else f"{least:.3g}{unit}")  # fmt: skip
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
