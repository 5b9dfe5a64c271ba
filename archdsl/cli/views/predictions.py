"""What ``predict`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.report import Column, Table
from archdsl.report.table import apart

if TYPE_CHECKING:
    from collections.abc import Sequence


def prediction_table(names: Sequence[str], records: Sequence[dict[str, Any]]) -> Table:
    """A row for each row of the files: its place, the predicted numbers, and the targets where the file has them."""
    known = any("targets" in record for record in records)
    columns = (
        Column("file"),
        Column("row", "int"),
        *(Column(name, "float", digits=6) for name in names),
        *((Column(f"true {name}", key=f"target_{name}") for name in names) if known else ()),
    )
    rows = tuple(
        (
            r["file"],
            r["row"],
            *(r["predictions"][name] for name in names),
            *((r.get("targets", {}).get(name) for name in names) if known else ()),
        )
        for r in records
    )
    return Table(apart(columns), rows)


def text_table(records: Sequence[dict[str, Any]]) -> Table:
    """A row for each continuation."""
    columns = (Column("file"), Column("prompt"), Column("continuation"))
    return Table(columns, tuple((r["file"], r["prompt"], r["continuation"]) for r in records))


def mask_table(records: Sequence[dict[str, Any]]) -> Table:
    """A row for each picture: its classes, the largest first, and its mask."""
    saved = any("mask" in record for record in records)
    columns = (Column("file"), Column("classes"), *((Column("mask"),) if saved else ()))
    rows = []
    for r in records:
        largest = sorted(r["classes"].items(), key=lambda pair: -pair[1])
        shown = ", ".join(f"{name} {100 * fraction:.1f} %" for name, fraction in largest)
        rows.append((r["file"], shown, *((r.get("mask"),) if saved else ())))
    return Table(columns, tuple(rows))


def class_table(rows: Sequence[dict[str, Any]], top: int, several: bool) -> Table:
    """The records as a table: a pair of columns for each of the likeliest classes."""
    ranks = range(1, top + 1)
    pairs = [
        column
        for n in ranks
        for column in (
            Column("class" if n == 1 else f"class {n}", key="class" if n == 1 else f"class_{n}"),
            Column(
                "probability" if n == 1 else f"probability {n}",
                "percent",
                digits=2,
                key="probability" if n == 1 else f"probability_{n}",
            ),
        )
    ]
    rest = [name for name in ("row", "target") if any(name in r for r in rows)]
    places = (Column("file"), *(Column(name, "int" if name == "row" else "text") for name in rest))
    columns = (
        *places,
        *pairs,
        Column("entropy", "float", digits=4),
        *((Column("mutual information", "float", key="mutual_information", digits=4),) if several else ()),
    )
    return Table(
        columns,
        tuple(
            (
                r["file"],
                *(r.get(name) for name in rest),
                *(cell for t in r["top"] for cell in (t["class"], t["probability"])),
                r["entropy"],
                *((r["mutual_information"],) if several else ()),
            )
            for r in rows
        ),
    )
