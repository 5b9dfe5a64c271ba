"""What ``eval`` says of a net that predicts numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from archdsl.report import Column, Table
from archdsl.report.numbers import many

if TYPE_CHECKING:
    from archdsl.evaluate.numbers import NumberReport


def number_table(about: dict[str, Any], found: NumberReport) -> Table:
    """The errors of each target."""
    columns = (
        Column("target"),
        Column("R²", "float", key="r2", digits=4),
        Column("RMSE", "float", key="rmse", digits=5),
        Column("MAE", "float", key="mae", digits=5),
        Column("bias", "float", digits=5),
        Column("mean", "float", digits=5),
        Column("sd", "float", digits=5),
    )
    rows = tuple((t.name, t.r2, t.rmse, t.mae, t.bias, t.mean, t.std) for t in found.targets)
    notes = ["RMSE, MAE and bias (prediction less target) in the unit of the target; mean and sd are of the target"]
    if any(t.r2 is None for t in found.targets):
        notes.append("R² is not defined where a target is constant")
    if found.not_finite:
        notes.append(f"for {many(found.not_finite, 'row')} the output of the net is not finite")
    title = f"{about['run']} on {found.rows:,} {about['part']} rows of {about['data']}"
    return Table(columns, rows, title=title, notes=tuple(notes))


def number_record(about: dict[str, Any], found: NumberReport) -> dict[str, Any]:
    """The same as plain values."""
    return {**about, **asdict(found), "targets": [asdict(target) for target in found.targets]}
