"""What ``eval`` says of a net: tables for people, one record for programs."""

from __future__ import annotations

from dataclasses import asdict
from math import exp
from typing import TYPE_CHECKING, Any

from archdsl.report import Cell, Column, Table
from archdsl.report.numbers import many
from archdsl.words.tasks import CLASSIFICATION, TASKS, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archdsl.evaluate import Report, Shift

    Row = tuple[Shift | None, int, Report]

MATRIX = 20  # classes up to which a table shows the whole confusion matrix
CONFUSED = 10  # pairs that are listed where it does not


def tables(about: dict[str, Any], names: Sequence[str], rows: Sequence[Row]) -> list[Table]:
    """The totals, and where the images were evaluated in one state only, the classes and what is taken for what."""
    found = [_totals(about, rows)]
    if len({shift for shift, _, _ in rows}) == 1:
        _, passes, report = rows[-1]
        items = f"{TASKS[about.get('task', CLASSIFICATION.name)].item}s"
        found += [
            _classes(names, report, passes, items),
            _matrix(names, report) if len(names) <= MATRIX else _pairs(names, report, items),
        ]
    return found


def _totals(about: dict[str, Any], rows: Sequence[Row]) -> Table:
    first, task = rows[0][2], TASKS[about.get("task", CLASSIFICATION.name)]
    several = any(r.information is not None for _, _, r in rows)
    more = _of_task(task)
    columns = (
        Column("shift"),
        Column("strength", "int"),
        Column("passes", "int"),
        *(column for column, _ in more),
        Column("accuracy", "percent", digits=2),
        *((Column("top 5", "percent", key="top5", digits=2),) if first.top5 is not None else ()),
        Column("NLL", "float", key="nll", digits=4),
        Column("ECE", "percent", key="ece", digits=2),
        Column("Brier", "float", key="brier", digits=4),
        Column("entropy", "float", digits=4),
        *((Column("mutual information", "float", key="mutual_information", digits=4),) if several else ()),
    )
    notes = [f"ECE of {len(first.bins)} bins of equal width; NLL, entropy and information in nats; Brier from 0 to 2"]
    if several:
        plain = any(r.information is None for _, _, r in rows)
        active = "1 pass: dropout off; several: dropout active" if plain else "dropout active"
        notes.append(f"{active} at its full rate, probabilities averaged")
    if first.evaluations is not None:
        counts = ", ".join(dict.fromkeys(f"{r.evaluations:.4g}" for _, _, r in rows if r.evaluations is not None))
        notes.append(f"evaluations of f in a forward pass: {counts}")
    bad = sum(r.not_finite for _, _, r in rows)
    if bad:
        notes.append(f"for {many(bad, task.item)} the output of the net is not finite")
    return Table(
        columns,
        tuple(_total(shift, passes, r, first.top5 is not None, several, more) for shift, passes, r in rows),
        title=f"{about['run']} on {first.images:,} {about['part']} {task.item}s of {about['data']}"
        + (f", {about['evaluate']}" if "evaluate" in about else ""),
        notes=tuple(notes),
    )


More = tuple[tuple[Column, "Callable[[Report], float | None]"], ...]


def _of_task(task: Task) -> More:
    """The figures that a task has besides those of any classes."""
    if task.name == "segmentation":
        return ((Column("mIoU", "percent", key="miou", digits=2), lambda report: report.miou),)
    if task.name == "tokens":
        return ((Column("perplexity", "float", digits=3), lambda report: exp(min(report.nll, 700.0))),)
    return ()


def _total(shift: Shift | None, passes: int, report: Report, top: bool, several: bool, more: More) -> tuple[Any, ...]:
    what = (shift.word, shift.strength) if shift else ("none", None)
    return (
        *what,
        passes,
        *(figure(report) for _, figure in more),
        report.accuracy,
        *((report.top5,) if top else ()),
        report.nll,
        report.ece,
        report.brier,
        report.entropy,
        *((report.information,) if several else ()),
    )


def _classes(names: Sequence[str], report: Report, passes: int, items: str) -> Table:
    columns = (
        Column("class"),
        Column("precision", "percent", digits=2),
        Column("recall", "percent", digits=2),
        Column("F1", "percent", key="f1", digits=2),
        Column(items, "int", key="support"),
    )
    scores = report.classes
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (n, s.precision, s.recall, s.f1, s.support) for n, s in zip(names, scores, strict=True)
    )
    means = [_mean([r[i] for r in rows]) for i in (1, 2, 3)]
    title = "classes" + (f", {passes} passes" if passes > 1 else "")
    notes = ("means of the classes that have a value; – is 0 of 0",)
    return Table(columns, rows, title, ("mean", *means, report.images), notes)


def _mean(values: Sequence[Cell]) -> float | None:
    """Over the classes that have a value."""
    known = [v for v in values if isinstance(v, float)]
    return sum(known) / len(known) if known else None


def _matrix(names: Sequence[str], report: Report) -> Table:
    columns = (
        Column("#", "int"),
        Column("class"),
        *(Column(str(i), "int", key=f"as {i}") for i in range(len(names))),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (i, name, *row) for i, (name, row) in enumerate(zip(names, report.confusion, strict=True))
    )
    return Table(columns, rows, title="confusion matrix: a row for each true class, a column for each predicted class")


def _pairs(names: Sequence[str], report: Report, items: str) -> Table:
    """The most frequent confusions."""
    pairs = [(count, i, j) for i, row in enumerate(report.confusion) for j, count in enumerate(row) if i != j and count]
    pairs.sort(key=lambda p: (-p[0], p[1], p[2]))
    columns = (Column("class"), Column("predicted"), Column(items, "int", key="images"))
    rows = tuple((names[i], names[j], count) for count, i, j in pairs[:CONFUSED])
    return Table(columns, rows, title=f"the {len(rows)} most frequent confusions of {len(pairs)}")


def record(about: dict[str, Any], names: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    """All of it as plain values."""
    first, task = rows[0][2], TASKS[about.get("task", CLASSIFICATION.name)]
    more = {column.id: figure for column, figure in _of_task(task)}
    return {
        **about,
        f"{task.item}s": first.images,
        "classes": list(names),
        "ece_bins": len(first.bins),
        "results": [{**_result(names, *row), **{name: f(row[2]) for name, f in more.items()}} for row in rows],
    }


def _result(names: Sequence[str], shift: Shift | None, passes: int, report: Report) -> dict[str, Any]:
    return {
        "shift": {"word": shift.word, "strength": shift.strength} if shift else None,
        "passes": passes,
        "accuracy": report.accuracy,
        "top5": report.top5,
        "nll": report.nll,
        "ece": report.ece,
        "brier": report.brier,
        "entropy": report.entropy,
        "mutual_information": report.information,
        "not_finite": report.not_finite,
        **({"evaluations": report.evaluations} if report.evaluations is not None else {}),
        "per_class": [{"class": n, **asdict(s)} for n, s in zip(names, report.classes, strict=True)],
        "confusion": report.confusion,
        "reliability": [asdict(b) for b in report.bins],
    }
