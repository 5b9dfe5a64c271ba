"""Studies on data whose targets are not one class an image: the metric of the task decides, unless one is stated."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from archdsl.study.execute.select import SelectionOptions, select
from tests.conftest import Cli
from tests.train.test_numbers import houses

HOUSES = """net linear(8) {norm: bn | } relu linear(classes)
data csv("h.csv", target="price", task=regression)
train adam(0.02) epochs(3) batch(32)
"""
TEXT = """net embed(8) {cell: gru(8) | lstm(8)} linear(classes)
data sonnets(length=32)
train adam(0.02) epochs(1) batch(64)
"""


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_numbers_are_compared_by_r2(cli: Cli, tmp_path: Path) -> None:
    houses(tmp_path / "h.csv")
    (tmp_path / "s.arch").write_text(HOUSES)
    done = cli("ablate", "s.arch", "--seeds", "2", "--format", "csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    base, other = rows(done.stdout)
    assert float(other["delta"]) == pytest.approx(float(other["mean"]) - float(base["mean"]), abs=1e-5)
    assert "test R²" in done.stderr + cli("report", "s.arch", "--seeds", "2", cwd=tmp_path).stdout
    less = cli("report", "s.arch", "--seeds", "2", "--metric", "test_rmse", cwd=tmp_path)
    assert "test RMSE, less is better" in less.stdout
    assert "test accuracy" not in less.stdout
    wrong = cli("report", "s.arch", "--seeds", "2", "--metric", "test_accuracy", cwd=tmp_path)
    assert "test accuracy: 4 finished runs have no figure" in wrong.stdout


def test_language_models_are_compared_by_their_loss(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.arch").write_text(TEXT)
    done = cli("ablate", "t.arch", "--seeds", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "test loss, less is better" in done.stdout
    shown = cli("report", "t.arch", "--seeds", "2", "--metric", "test_perplexity", "--format", "csv", cwd=tmp_path)
    assert all(float(row["mean"]) > 1 for row in rows(shown.stdout))


def test_a_stated_metric_is_kept(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(f"base: |\n  {TEXT.strip().replace(chr(10), chr(10) + '  ')}\n")
    assert select(str(tmp_path / "t.yaml"), SelectionOptions()).metric == "test_loss"
    (tmp_path / "a.yaml").write_text((tmp_path / "t.yaml").read_text() + "metric: test_accuracy\n")
    assert select(str(tmp_path / "a.yaml"), SelectionOptions()).metric == "test_accuracy"
    assert select(str(tmp_path / "t.yaml"), SelectionOptions(metric=("test_accuracy",))).metric == "test_accuracy"
