"""What ``eval`` and ``predict`` show of a net with several heads."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from archdsl.cli.views.evaluation import record, tables
from archdsl.evaluate.metrics import Report
from archdsl.report import Column, Table
from archdsl.report.table import apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.evaluate.heads import HeadReport, HeadsReport


def heads_tables(about: dict[str, Any], found: HeadsReport) -> list[Table]:
    """The figures of each head in a row, and of each head of classes what is taken for what."""
    columns = (
        Column("head"),
        Column("task"),
        Column("weight", "float", digits=4),
        Column("loss", "float", digits=4),
        Column("accuracy", "percent", digits=2),
        Column("ECE", "percent", key="ece", digits=2),
        Column("Brier", "float", key="brier", digits=4),
        Column("R²", "float", key="r2", digits=4),
        Column("RMSE", "float", key="rmse", digits=5),
        Column("MAE", "float", key="mae", digits=5),
    )
    notes = [
        f"the loss of the net is {found.loss:.4g}: the sum of the losses, each times its weight",
        "the loss of classes in nats, of numbers in squared standard deviations; RMSE and MAE in the unit of the number",
    ]
    bad = sum(h.found.not_finite for h in found.heads)
    if bad:
        notes.append(f"{bad} outputs of heads are not finite")
    title = f"{about['run']} on {found.rows:,} {about['part']} examples of {about['data']}"
    first = Table(columns, tuple(_row(h) for h in found.heads), title=title, notes=tuple(notes))
    more = [
        replace(table, title=f"{h.head.name}: {table.title}")
        for h in found.heads
        if isinstance(h.found, Report)
        for table in tables(about, h.head.classes, [(None, 1, h.found)])[1:]
    ]
    return [first, *more]


def _row(h: HeadReport) -> tuple[Any, ...]:
    head = (h.head.name, h.head.task.name, h.weight, h.loss)
    if isinstance(h.found, Report):
        return (*head, h.found.accuracy, h.found.ece, h.found.brier, None, None, None)
    (target,) = h.found.targets
    return (*head, None, None, None, target.r2, target.rmse, target.mae)


def heads_record(about: dict[str, Any], found: HeadsReport) -> dict[str, Any]:
    """All of it as plain values."""
    return {**about, "rows": found.rows, "loss": found.loss, "heads": [_record(h) for h in found.heads]}


def _record(h: HeadReport) -> dict[str, Any]:
    head = {"head": h.head.name, "task": h.head.task.name, "weight": h.weight, "loss": h.loss}
    if isinstance(h.found, Report):
        whole = record({}, h.head.classes, [(None, 1, h.found)])
        return {**head, "classes": whole["classes"], "ece_bins": whole["ece_bins"], **whole["results"][0]}
    return {**head, **asdict(h.found.targets[0]), "not_finite": h.found.not_finite}


def head_table(records: Sequence[dict[str, Any]]) -> Table:
    """A row for each example: its place, what each head says of it, and the targets where the file has them."""
    known = any("targets" in r for r in records)
    places = [name for name in ("file", "row") if any(name in r for r in records)]
    heads = list(records[0]["heads"]) if records else []
    columns: list[Column] = [Column(name, "int" if name == "row" else "text") for name in places]
    for name in heads:
        if "class" in records[0]["heads"][name]:
            columns += [Column(name), Column(f"{name} probability", "percent", digits=2, key=f"{name}_probability")]
        else:
            columns.append(Column(name, "float", digits=6))
    columns += [Column(f"true {name}", key=f"target_{name}") for name in heads] if known else []
    return Table(apart(columns), tuple(_cells(r, places, heads, known) for r in records))


def _cells(r: dict[str, Any], places: Sequence[str], heads: Sequence[str], known: bool) -> tuple[Any, ...]:
    cells: list[Any] = [r[name] for name in places]
    for name in heads:
        said = r["heads"][name]
        cells += [said["class"], said["probability"]] if "class" in said else [said["value"]]
    return (*cells, *(r.get("targets", {}).get(name) for name in heads)) if known else tuple(cells)
