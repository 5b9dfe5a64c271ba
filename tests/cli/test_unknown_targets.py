"""Rows whose target is not known yet are predicted, and none of them is called wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from archdsl.errors import EnvError
from archdsl.evaluate.load import Trained
from archdsl.evaluate.rows import read_rows
from archdsl.words.tasks import CLASSIFICATION, HeadTask, Regression, Several, Task

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def net(task: Task, *classes: str, target: str | None = None) -> Trained:
    nothing: Any = None
    return Trained(nn.Identity(), nothing, nothing, (2,), classes, ("a", "b"), target, task)


def written(place: Path, target: str, *cells: str) -> Path:
    file = place / "rows.csv"
    file.write_text("\n".join([f"a,b,{target}", *[f"{n},1,{cell}" for n, cell in enumerate(cells)]]) + "\n")
    return file


def test_of_classes(tmp_path: Path) -> None:
    trained = net(CLASSIFICATION, "no", "yes", target="kind")
    found = read_rows(trained, None, written(tmp_path, "kind", "yes", "", "NA", "no"))
    assert found.right(trained, [1, 1, 0, 1]).endswith("in 1 of 2 rows that have one")
    found = read_rows(trained, None, written(tmp_path, "kind", "", "yes"))
    assert found.right(trained, [1, 1]).endswith("in 1 of 1 row that has one")
    assert read_rows(trained, None, written(tmp_path, "kind", "", "")).right(trained, [1, 1]) == ""
    found = read_rows(trained, None, written(tmp_path, "kind", "no", "yes"))
    assert found.right(trained, [1, 1]).endswith("in 1 of 2 rows")


def test_of_numbers(tmp_path: Path) -> None:
    trained = net(Regression((0.0,), (1.0,)), "price")
    found = read_rows(trained, None, written(tmp_path, "price", "", "1.5", "nan"))
    assert found.known == [{"price": None}, {"price": 1.5}, {"price": None}]
    assert read_rows(trained, None, written(tmp_path, "price", "", "")).known == [{"price": None}] * 2
    with pytest.raises(EnvError, match="row 2, column `price`: `cheap`"):
        read_rows(trained, None, written(tmp_path, "price", "", "cheap"))
    assert read_rows(trained, None, written(tmp_path, "price", "true", "")).known == [{"price": 1.0}, {"price": None}]
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": [1.0, 2.0], "price": pa.array([None, 0.25])}), file)
    assert read_rows(trained, None, file).known == [{"price": None}, {"price": 0.25}]


def test_of_several_heads(tmp_path: Path) -> None:
    heads = (HeadTask("kind", CLASSIFICATION, ("no", "yes")), HeadTask("price", Regression((0.0,), (1.0,)), ("price",)))
    found = read_rows(net(Several(heads), "kind", "price"), None, written(tmp_path, "kind,price", "yes,", ",2"))
    assert found.known == [{"kind": "yes", "price": None}, {"kind": None, "price": 2.0}]
