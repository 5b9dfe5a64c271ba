"""The tables of a report besides that of the arms: effects and learning curves, in every format."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from archdsl.errors import ArchError
from archdsl.report import Column, Table
from archdsl.study.report import effect_table
from archdsl.study.report.effect_table import level_effects
from archdsl.study.report.parquet import parquet
from tests.conftest import Cli
from tests.study.conftest import Whole
from tests.study.test_axes import BASE, made


def test_effects_of_levels_are_those_of_a_least_squares_fit() -> None:
    rng = np.random.default_rng(1)
    arms = list(product(range(3), range(4)))
    values = {n: {0: float(rng.normal()), 5: float(rng.normal())} for n in range(len(arms))}
    found = list(level_effects(arms, [list("abc"), list("wxyz")], values))
    assert len(found) == 3 + 4 + 12
    for seed in (0, 5):
        grid = np.array([values[n][seed] for n in range(12)]).reshape(3, 4)
        rows, columns = grid.mean(1) - grid.mean(), grid.mean(0) - grid.mean()
        rest = grid - grid.mean() - rows[:, None] - columns[None]
        expected = [*rows, *columns, *rest.ravel()]
        assert [f.effect.per_seed[seed] for f in found] == pytest.approx(expected)
        assert [f.mean[seed] for f in found] == pytest.approx([*grid.mean(1), *grid.mean(0), *grid.ravel()])
    assert [f.effect.name for f in found[:8]] == ["a", "b", "c", "w", "x", "y", "z", "a × w"]
    assert list(level_effects(arms[:-1], [list("abc"), list("wxyz")], values)) == [], "an arm is left out"


def test_tables_of_effects() -> None:
    text = BASE + "factors: {width: [16, 4, 8], mix: mixup(0.2)}\ndesign: full\n"
    shown = effect_table.table(made(text, lambda arm, seed: 0.1 * arm + 0.001 * seed * (arm > 2)))
    assert [r[0] for r in shown.rows][:5] == ["width=4", "width=8", "width=16", "mix=mixup(0.2)", "mix=none"]
    assert sum(r[3] for r in shown.rows[:3]) == pytest.approx(0), "effects sum to 0"  # type: ignore[misc]
    assert [c.kind for c in shown.columns][2:4] == ["percent", "points"]
    two = effect_table.table(
        made(BASE + "factors: {width: [16, 4], mix: mixup(0.2)}\ndesign: full\n", lambda arm, seed: arm / 8)
    )
    assert [(r[0], r[1]) for r in two.rows] == [
        ("width: 16 against 4", "main"),
        ("mix", "main"),
        ("width × mix", "interaction"),
    ]
    with pytest.raises(ArchError, match="no effects"):
        effect_table.table(made(BASE + "factors: {width: [16, 4], mix: mixup(0.2)}\n", lambda arm, seed: 0.5))


def test_parquet_keeps_kinds() -> None:
    table = Table(
        (Column("a"), Column("b"), Column("c"), Column("d"), Column("e")),
        ((1, "x", None, 2, True), (2, 0.5, None, 0.25, None)),
    )
    read = pyarrow.parquet.read_table(io.BytesIO(parquet(table)))
    assert [str(f.type) for f in read.schema] == ["int64", "string", "double", "double", "bool"]
    assert read.to_pylist()[1] == {"a": 2, "b": "0.5", "c": None, "d": 0.25, "e": None}


def test_curves_as_data(whole: Whole, place: Path, here: Cli) -> None:
    whole.into(place)
    done = here("report", "tiny.arch", "--seeds", "2", "--curves", "--format", "csv", cwd=place)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(r["arm"], r["factor norm"], r["seed"], r["epoch"], r["step"]) for r in rows[:3]] == [
        ("base", "bn", "0", "1", "2"),
        ("base", "bn", "0", "2", "4"),
        ("base", "bn", "1", "1", "2"),
    ]
    assert len(rows) == 8
    assert all(float(r["train_loss"]) > 0 and 0 <= float(r["train_accuracy"]) <= 1 for r in rows)
    found: dict[str, Any] = json.loads(
        here("report", "tiny.arch", "--seeds", "2", "--curves", "--format", "json", cwd=place).stdout
    )
    assert len(found["epochs"]) == 8
    both = here("report", "tiny.arch", "--curves", "--effects", cwd=place)
    assert both.returncode == 2
    assert "--effects and --curves are two tables" in both.stderr
    for option in ("--each", "--effects", "--curves", "--claims"):
        refused = here("report", "tiny.arch", option, "--columns", "verdict", cwd=place)
        assert (refused.returncode, f"--columns has no effect on {option}" in refused.stderr) == (2, True)
    command = [
        sys.executable,
        "-m",
        "archdsl",
        "report",
        "tiny.arch",
        "--seeds",
        "2",
        "--curves",
        "--format",
        "parquet",
    ]
    done_as_bytes = subprocess.run(command, cwd=place, capture_output=True, check=True)
    assert pyarrow.parquet.read_table(io.BytesIO(done_as_bytes.stdout)).num_rows == 8


@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "json", "table"])
def test_the_seeds_that_a_difference_takes_are_said_beside_formats_without_notes(
    whole: Whole, place: Path, here: Cli, format: str
) -> None:
    whole.into(place)
    for command in (("report",), ("ablate", "--dry-run")):
        name, *more = command
        done = here(name, "tiny.arch", *more, "--seeds", "2", "--detect", "1%", "--format", format, cwd=place)
        assert done.returncode == 0, done.stderr
        places = [text.count("to detect 1.00 points") for text in (done.stdout, done.stderr)]
        assert places == ([1, 0] if format in ("json", "table") else [0, 1])
