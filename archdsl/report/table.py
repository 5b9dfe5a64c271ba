"""A table as plain frozen data; it knows neither networks nor how it will be drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Align", "Cell", "Column", "Kind", "Table", "apart"]

Cell = str | int | float | bool | None
Align = Literal["left", "right"]
Kind = Literal["text", "int", "compact", "float", "p", "percent", "points", "bytes"]


@dataclass(frozen=True, slots=True)
class Column:
    """What a column is called and how people read its values; machines always get the value itself.

    `key` names the column for machines (JSON, CSV) where the heading is not a good key. `digits` counts
    the decimals of `float`, `p`, `percent` and `points`; a smaller `p` is shown as `< 0.001`. A percent cell
    holds a fraction, 0.934 for 93.4 %, and a points cell a difference of fractions, 0.012 for 1.2. `signed`
    numbers say that they are positive. `omit` is the order in which a terminal that is too narrow leaves columns out,
    1 first; 0 is never.
    """

    name: str
    kind: Kind = "text"
    align: Align | None = None
    key: str = ""
    digits: int | None = None
    signed: bool = False
    omit: int = 0

    @property
    def id(self) -> str:
        """The name that machines see."""
        return self.key or self.name

    @property
    def side(self) -> Align:
        """Numbers are on the right, so that their magnitudes can be compared; words on the left."""
        return self.align or ("left" if self.kind == "text" else "right")


def apart(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Columns of which some have names that a person chose: the later one of two with one key has it with a number."""
    found: dict[str, Column] = {}
    for column in columns:
        keys = (column.id, *(f"{column.id}_{n}" for n in range(2, len(found) + 3)))
        key = next(key for key in keys if key not in found)
        found[key] = column if key == column.id else replace(column, key=key)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, rows, and what stands around them. The footer (totals) and the notes are for people only."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    title: str = ""
    footer: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a row that does not fit: a shifted column would be read as a wrong result."""
        width = len(self.columns)
        for row in (*self.rows, *([self.footer] if self.footer else [])):
            if len(row) != width:
                raise ValueError(f"a row of {len(row)} cells in a table of {width} columns: {row!r}")
        if len({column.id for column in self.columns}) != width:
            raise ValueError("two columns of one table share a key")

    def without(self, place: int) -> Table:
        """The table without a column."""
        kept = [n for n in range(len(self.columns)) if n != place]
        rows = tuple(tuple(row[n] for n in kept) for row in self.rows)
        footer = tuple(self.footer[n] for n in kept) if self.footer else ()
        return replace(self, columns=tuple(self.columns[n] for n in kept), rows=rows, footer=footer)
