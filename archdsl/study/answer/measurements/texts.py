"""Tables in text: csv, tsv and jsonl."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from archdsl.errors import ArchError
from archdsl.study.answer.measurements.sheet import Sheet, flat, listed
from archdsl.words.data.csvs import separator


def separated(text: str, kind: str, path: str) -> Sheet:
    """A csv or tsv file; its separator is found as in tables of data.

    Raises:
        ArchError: a row has another length, or quotes are not closed.
    """
    try:
        mark = separator(text, Path(path), "\t" if kind == "tsv" else ",")
    except csv.Error as error:
        raise ArchError(f"{path} is not {kind} ({error})", help="save the table again as csv, in UTF-8") from error

    def records() -> Iterator[list[str]]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        try:
            yield from reader
        except csv.Error as error:
            raise ArchError(f"line {reader.line_num} is not {kind} ({error})", help="quotes must be closed") from error

    names = tuple(name.strip() for name in next(records(), []))

    def rows(wanted: Sequence[str]) -> Iterator[tuple[str, ...]]:
        places, width = [names.index(name) for name in wanted], len(names)
        cells = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
        for number, row in enumerate(filter(None, islice(records(), 1, None)), 1):
            if len(row) != width:
                raise ArchError(
                    f"row {number} has {len(row)} cells, the header has {len(names)}",
                    help="rows count from 1 after the header; a cell with a comma in it needs quotes",
                )
            yield cells(row)

    return Sheet(kind, names, rows)


def jsonl(text: str) -> Sheet:
    """A JSON object on each line; nested ones have names joined by points (``config.model``).

    Raises:
        ArchError: a line is not an object, or lacks a column.
    """

    def records() -> Iterator[dict[str, Any]]:
        for number, line in enumerate((line for line in io.StringIO(text) if line.strip()), 1):
            try:
                row = json.loads(line)
                if isinstance(row, dict):
                    yield dict(flat(row)) if any(isinstance(cell, dict) for cell in row.values()) else row
            except (ValueError, RecursionError) as error:
                raise ArchError(f"row {number} is not JSON ({error})", help="one object a line") from error
            if not isinstance(row, dict):
                raise ArchError(
                    f"row {number} is not an object", help='one object a line: {"model": "a", "seed": 0, "acc": 0.9}'
                )

    names = tuple(next(records(), {}))

    def rows(wanted: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for number, row in enumerate(records(), 1):
            lacking = next((name for name in wanted if name not in row), None)
            if lacking is not None:
                raise ArchError(
                    f"unknown column `{lacking}` in row {number}", help=f"its columns are {listed(list(row))}"
                )
            yield tuple([row[name] for name in wanted])

    return Sheet("jsonl", names, rows)
