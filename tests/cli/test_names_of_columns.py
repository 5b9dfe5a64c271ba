"""Names that a person chose may be those of our columns: no table is refused for that."""

from __future__ import annotations

import csv
import io
from typing import Any

from archdsl.cli.views.heads import head_table
from archdsl.cli.views.predictions import prediction_table
from archdsl.report import Column, Table, render
from archdsl.report.table import apart
from tests.cli.conftest import Run


def rows_of(table: Table) -> list[dict[str, str]]:
    stream = io.StringIO()
    render(table, "csv", stream)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def test_targets_that_are_called_as_places_are() -> None:
    values = {"row": 0.5, "file": 0.25, "target_row": 2.0}
    records = [{"file": "t.csv", "row": 7, "predictions": values, "targets": {n: v + 1 for n, v in values.items()}}]
    (found,) = rows_of(prediction_table(list(values), records))
    assert found == {
        "file": "t.csv", "row": "7", "row_2": "0.5", "file_2": "0.25", "target_row": "2.0",
        "target_row_2": "1.5", "target_file": "1.25", "target_target_row": "3.0",
    }  # fmt: skip


def test_heads_that_are_called_as_places_are() -> None:
    heads: dict[str, dict[str, Any]] = {
        "file": {"class": "a", "probability": 0.5},
        "file_probability": {"value": 3.0},
        "row": {"value": 2.0},
    }
    (found,) = rows_of(head_table([{"file": "t.csv", "row": 7, "heads": heads}]))
    assert list(found.values()) == ["t.csv", "7", "a", "0.5", "3.0", "2.0"]
    assert list(found)[:3] == ["file", "row", "file_2"]


def test_a_hole_that_is_called_as_a_proxy_is(run: Run) -> None:
    done = run(
        "params", "conv({synflow: 4 | 8}) relu gap linear(10)", "--data", "fashion-mini", "--proxies", "--format", "csv"
    )
    assert done.code == 0, done.err
    assert [row["synflow"] for row in csv.DictReader(io.StringIO(done.out))] == ["4", "8"]


def test_columns_keep_their_keys_where_they_can() -> None:
    columns = [Column("a"), Column("a_2"), Column("x", key="a"), Column("a"), Column("b")]
    assert [c.id for c in apart(columns)] == ["a", "a_2", "a_3", "a_4", "b"]
    assert [c.name for c in apart(columns)] == ["a", "a_2", "x", "a", "b"]
