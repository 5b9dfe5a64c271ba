"""Tables and pictures in a notebook. Everything is escaped; a picture is an ``img``, so that no id meets another one's."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape

from archdsl.report.numbers import many
from archdsl.report.table import Table
from archdsl.report.text import on_one_line, printable, shown

MOST = 200  # rows that a notebook shows


def html_table(table: Table, marked: int | None = None) -> str:
    """A table with its title above and its notes below; of a long one the first rows.

    Args:
        marked: the row in bold.
    """
    body, _ = shown(table)
    sides = [f' style="text-align:{column.side}"' for column in table.columns]
    title = f"<caption>{_text(on_one_line(table.title))}</caption>" if table.title else ""
    head = "".join(f"<th{side}>{_text(c.name)}</th>" for c, side in zip(table.columns, sides, strict=True))
    rows = (
        "<tr>" + "".join(_cell(cell, side, n == marked) for cell, side in zip(row, sides, strict=True)) + "</tr>"
        for n, row in enumerate(body[:MOST])
    )
    left = len(body) - MOST
    notes = [*table.notes, *([f"and {many(left, 'more row')}"] if left > 0 else [])]
    below = "".join(f'<div style="font-size:85%;opacity:.75">{_text(note)}</div>' for note in notes)
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{below}"


def html_picture(svg: str, title: str) -> str:
    """An SVG as an ``img`` of its own."""
    data = b64encode(svg.encode()).decode("ascii")
    return f'<img alt="{escape(printable(title))}" style="max-width:100%" src="data:image/svg+xml;base64,{data}">'


def html_parts(parts: Iterable[str]) -> str:
    """Parts one below the other."""
    return "".join(f"<div>{part}</div>" for part in parts if part)


def _cell(text: str, side: str, bold: bool) -> str:
    return f"<td{side}>{f'<b>{_text(text)}</b>' if bold else _text(text)}</td>"


def _text(text: str) -> str:
    return escape(printable(text))
