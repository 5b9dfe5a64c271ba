"""What became of every weight, as a table with a row a block, or as plain values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from archdsl.report.table import Cell, Column, Table
from archdsl.transfer.copy import STATUSES, Line, Transfer, tally

COLUMNS = (
    Column("part"),
    Column("from"),
    Column("matched by", key="how"),
    Column("exact", "int"),
    Column("reshaped", "int"),
    Column("new", "int"),
    Column("dropped", "int"),
    Column("remark", key="why"),
)
_BLOCK = re.compile(r"^((?:.*?\.)?(?:block\d+|blocks\.\d+(?:\.\d+)?|layer\d\.\d+|stages\.\d+\.blocks\.\d+))\.")


def table(found: Transfer) -> Table:
    """A row for each block or layer of the new net, then the parts of the old one that are left over."""
    rows = [_row(part, list(lines)) for part, lines in groupby(found.lines, _part)]
    totals = found.totals
    footer: tuple[Cell, ...] = ("total", "", "", *(totals[s] for s in STATUSES), "")
    title = f"{found.source} ({found.sha})"
    return Table(COLUMNS, tuple(rows), title, footer, found.notes)


def record(found: Transfer) -> dict[str, Any]:
    """Everything as plain values: totals, blocks, and a line for every tensor."""
    shown = table(found)
    names = [c.id for c in COLUMNS]
    return {
        "source": found.source,
        "sha": found.sha,
        "parameters": dict(found.totals),
        "notes": list(found.notes),
        "parts": [dict(zip(names, row, strict=True)) for row in shown.rows],
        "tensors": [{n: getattr(line, n) for n in Line.__dataclass_fields__} for line in found.lines],
    }


def _part(line: Line) -> tuple[bool, str]:
    return line.status == "dropped", block_of(line.key or line.source)


def block_of(key: str) -> str:
    """The block that a tensor belongs to; where it is in none, its surroundings, or its layer."""
    found = _BLOCK.match(key)
    if found:
        return found[1]
    *around, layer = key.split(".")[:-1] or [key]
    return ".".join(around[:2]) or layer


def _row(part: tuple[bool, str], lines: list[Line]) -> tuple[Cell, ...]:
    dropped, name = part
    sums = [tally(lines, s) or None for s in STATUSES]
    sources = [line.source for line in lines if line.source]
    how = ", ".join(dict.fromkeys(line.how for line in lines if line.how))
    reasons = list(dict.fromkeys(line.why for line in lines if line.why))
    why = reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "") if reasons else ""
    return ("" if dropped else name, name if dropped else _common(sources), how, *sums, why)


def _common(keys: Iterable[str]) -> str:
    """The longest path that all keys begin with."""
    paths = [k.split(".")[:-1] or [k] for k in keys]
    if not paths:
        return ""
    shared = [parts[0] for parts in zip(*paths, strict=False) if len(set(parts)) == 1]
    whole = len(list(zip(*paths, strict=False)))
    for n, parts in enumerate(zip(*paths, strict=False)):
        if len(set(parts)) > 1:
            return ".".join(shared[:n])
    return ".".join(shared[:whole])
