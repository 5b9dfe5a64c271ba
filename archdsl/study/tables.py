"""Results as tables of plain data: one row an arm, with what a reader needs to evaluate it."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.errors import ArchError, suggest
from archdsl.report import Cell, Column, Table
from archdsl.study.notes import notes
from archdsl.study.plan import Found
from archdsl.study.planning import expected
from archdsl.study.results import ArmResult, Results
from archdsl.study.stats import detectable


def table(results: Results, people: bool = True, columns: Sequence[str] = ()) -> Table:
    """The table of a study: the reference first, the others in the order of the design.

    Args:
        people: counts of runs and levels are words, and the columns are those that fit a terminal; else counts are
            numbers of their own, and all columns are there.
        columns: the columns to show, by their keys; ``all`` for every one.

    Raises:
        ArchError: unknown columns.
    """
    share = results.higher_is_better
    kind, digits = ("percent", 2) if share else ("float", 4)

    def value(name: str, key: str) -> Column:
        return Column(name, kind, key=key, digits=digits)  # type: ignore[arg-type]

    def change(name: str, key: str, signed: bool = True) -> Column:
        return Column(name, "points" if share else "float", key=key, digits=digits, signed=signed)

    robust = "p symmetric" if results.options.sequential else "p sign"
    verdict = [
        Column("verdict"),
        change("Δ", "delta"),
        change("low", "low"),
        change("high", "high"),
        Column("p", "p", key="p", digits=4),
        Column(robust, "p", key="p_robust", digits=4),
    ]
    runs = [Column("runs", align="right")] if people else [Column("finished", "int"), Column("runs", "int")]
    runs += [value("mean", "mean"), value("sd", "sd")]
    every = [
        Column("arm"),
        *(Column(f.label or f.name, key=f"factor {f.name}") for f in results.factors),
        *(verdict + runs if people else runs + verdict),
        Column("decided", "int"),
        Column("P(better)", "float", key="superiority", digits=2),
        change("detectable", "detectable", False),
        Column("params", "int"),
        Column("MACs", "compact", key="macs"),
        Column("others"),
    ]
    wanted = _wanted(results, every, columns, people)
    shown = [column for column in every if column.id in wanted]
    rows = [_cells(results, arm, people) for arm in results.arms]
    return Table(tuple(shown), tuple(tuple(row[c.id] for c in shown) for row in rows), results.title,
                 notes=tuple(notes(results)))  # fmt: skip


DEFAULT = ("arm", "verdict", "delta", "low", "high", "p", "p_robust", "runs", "mean", "sd")


def _wanted(results: Results, every: Sequence[Column], columns: Sequence[str], people: bool) -> set[str]:
    """The keys of the columns to show."""
    keys = [column.id for column in every]
    for name in columns:
        if name != "all" and name not in keys:
            raise ArchError(
                f"unknown column `{name}`", help=suggest(name, keys) or f"the columns are {', '.join(keys)}"
            )
    if columns and "all" not in columns:
        return {"arm", *columns}
    grid = results.design in ("grid", "full") and len(results.factors) > 1
    factors = {key for key in keys if key.startswith("factor ") and (grid or columns)}
    failed = {"others"} if any(others(dict(a.states)) for a in results.arms) else set[str]()
    if columns or not people:
        return {key for key in keys if not key.startswith("factor ") and key != "others"} | factors | failed
    same = {a.planned for a in results.arms} == {len(results.seeds)} and results.done == results.planned
    return {*DEFAULT} - ({"runs"} if same else set()) | factors | failed


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


def _cells(results: Results, result: ArmResult, people: bool) -> dict[str, Cell]:
    """The cells of an arm by their columns."""
    summary, compared, verdict = result.summary, result.comparison, result.verdict
    better = None if compared is None else compared.superiority
    if better is not None and not results.higher_is_better:
        better = 1 - better
    finished = result.states.get("finished", 0)
    cells: dict[str, Cell] = {
        "arm": result.name,
        **{f"factor {f.name}": level(result.arm.choice.get(f.name, ""), people) for f in results.factors},
        **dict.fromkeys(("verdict", "delta", "low", "high", "p", "p_robust", "decided")),
        "finished": finished,
        "runs": f"{finished}/{result.planned}" if people else result.planned,
        "mean": summary.mean,
        "sd": summary.sd,
        "superiority": better,
        "detectable": None if compared is None else compared.detectable,
        "params": result.arm.totals["params"],
        "macs": result.arm.totals["macs"],
        "others": others(result.states),
    }
    if verdict is not None:
        cells |= {"verdict": verdict.decision, "delta": verdict.evidence.delta, "low": verdict.low, "high": verdict.high,
                  "p": verdict.p, "p_robust": verdict.p_symmetric, "decided": verdict.decided}  # fmt: skip
    return cells


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
        for seed in sorted(results.seeds[: a.planned]):
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
    more_columns, more_cells, plan = (
        expected(results) if results.options.sequential else ((), [()] * len(results.arms), [])
    )
    for number, (arm, cells) in enumerate(zip(results.arms, more_cells, strict=True)):
        cached = sum(1 for n, f in found if n == number and f.status in ("finished", "diverged"))
        totals = arm.arm.totals
        rows.append((arm.name, len(results.seeds), cached, totals["params"], totals["macs"], totals["depth"], *cells,
                     arm.arm.spec.hash))  # fmt: skip
    missing, every = sum(1 for _, f in found if f.status not in ("finished", "diverged")), len(found)
    columns = (Column("arm"), Column("runs", "int"), Column("cached", "int"), Column("params", "int"),
               Column("MACs", "compact", key="macs"), Column("depth", "int"), *more_columns, Column("hash"))  # fmt: skip
    workers = f"{jobs} worker{'s' if jobs > 1 else ''}"
    time = f"about {duration(seconds)} on {workers}" + (
        " (an assumption: no finished run to estimate it from)" if guessed else ""
    )
    most = " at most" if results.options.sequential else ""
    return Table(columns, tuple(rows), results.title, notes=(
        f"{missing} of {every} runs are missing{most}; {time + most if missing else 'nothing is left to run'}",
        *(plan or [_detectable(results)]),
        *more,
        *results.notes,
    ))  # fmt: skip


def _detectable(results: Results) -> str:
    """What a fixed number of seeds can show."""
    n = len(results.seeds)
    sds = [a.comparison.sd for a in results.arms[1:] if a.comparison is not None and a.comparison.sd]
    least = detectable(n, sum(sds) / len(sds) if sds else 1.0) if n > 1 else None
    unit = "" if sds else " standard deviations of the paired difference"
    shown = "undefined with one seed" if least is None else (
        f"{100 * least:.2f} points" if sds and results.higher_is_better else f"{least:.3g}{unit}")  # fmt: skip
    return f"the smallest difference that {n} seed{'s' if n > 1 else ''} can detect (power 0.8): {shown}"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
