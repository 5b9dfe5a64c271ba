"""Columns of a table in any unit: standardised by what varies, and told apart where the training rows are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from archdsl.data import Arrays, load, split
from archdsl.data.normalise import fitted, measured, normalise, standardised
from archdsl.data.table import read
from archdsl.data.targets import spread
from archdsl.errors import EnvError
from archdsl.runs.events import Started, warnings_of
from archdsl.settings.experiment import DataSettings
from archdsl.train.statistics import statistics
from archdsl.words.data.tables import Table
from archdsl.words.tasks import HeadTask, Regression, Several

CPU = torch.device("cpu")
NORTHING = [5_300_000 + 0.37 + 1000.25 * n for n in range(200)]
SITE = [5_412_345.31 + 0.57 * n for n in range(8)]


def table(path: Path, name: str, cells: Sequence[object]) -> Table:
    """A column of features, and classes beside it."""
    path.write_text(f"{name},kind\n" + "".join(f"{cell},{'ab'[n % 2]}\n" for n, cell in enumerate(cells)))
    return Table(str(path), "csv")


def given(rows: np.ndarray) -> torch.Tensor:
    """What a net is given of one column."""
    arrays = Arrays(rows.astype(np.float32)[:, None], np.zeros(len(rows), np.int64))
    mean, std = measured(arrays)
    return normalise(mean, std, CPU, 1)(torch.from_numpy(arrays.images))[:, 0]


@pytest.mark.parametrize("unit", [1e-36, 1e-24, 1e-12, 1e-9, 1e-6, 1.0, 1e6, 1e30])
@pytest.mark.parametrize("mean", [0.0, 5.0])
def test_the_unit_of_a_column_does_not_matter(unit: float, mean: float) -> None:
    rows = np.random.default_rng(0).normal(mean, 1, 100)
    wanted = torch.from_numpy((rows - rows.mean()) / rows.std()).float()
    torch.testing.assert_close(given(rows * unit), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.1, -3e-7, 1e-12, 7_000_000_001.0])
def test_a_column_of_one_value_becomes_0(value: float) -> None:
    assert not given(np.full(1000, value)).any()
    for rounding in (0.0, 1e-16, 1e-10):  # as runs have recorded it
        assert not normalise((value,), (abs(value) * rounding,), CPU, 1).scale.any()


def test_numbers_smaller_than_float32_can_divide_by_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="float32 is too coarse for the column `x`"):
        load(table(tmp_path / "t.csv", "x", [f"{n + 1}e-41" for n in range(20)]))


def test_a_column_that_varies_too_little_is_warned_of(tmp_path: Path) -> None:
    for first, warned in ((2_459_580, True), (80, False)):
        data = table(tmp_path / f"{first}.csv", "day", [first + n // 3 % 4 for n in range(40)])
        _, _, note = statistics(DataSettings(data), split(load(data), None, None, 0))
        said = warnings_of(Started("cpu", "", 1, 0, 1, 1, 1, 1, (note,)))
        assert [text.endswith("subtract a constant: day") for text in said] == [True] * warned


def test_rows_of_a_test_file_may_be_close_together(tmp_path: Path) -> None:
    data = table(tmp_path / "plots.csv", "northing", NORTHING)
    site = table(tmp_path / "plots.test.csv", "northing", SITE)
    assert len(load(data).test) == 8
    assert sum(map(len, (read(site, data.head).train, read(site, data.head).test))) == 8, "for a net"
    with pytest.raises(EnvError, match="float32 is too coarse for the column `northing`"):
        load(site)  # a net that learned from it could not tell the rows apart
    table(tmp_path / "plots.test.csv", "northing", [*SITE, "1e39"])
    with pytest.raises(EnvError, match="row 9, column `northing`: `1e\\+39`, which is out of the range of float32"):
        load(data)


@pytest.mark.parametrize("kind", [False, True])
def test_targets_of_a_test_file_may_be_close_together(tmp_path: Path, kind: bool) -> None:
    for name, cells in (("train", NORTHING), ("test", SITE)):
        rows = "".join(f"{n}.5,{cell}{(',' + 'ab'[n % 2]) * kind}\n" for n, cell in enumerate(cells))
        (tmp_path / f"{name}.csv").write_text(f"x,northing{',kind' * kind}\n" + rows)
    several = Table(str(tmp_path), "csv", "kind", numbers="northing")
    data = several if kind else Table(str(tmp_path), "csv", "northing", kind_of_task="regression")
    assert len(load(data).test) == 8


@pytest.mark.parametrize("wrap", [lambda task: task, lambda task: Several((HeadTask("b", task, ("b",)),))])
def test_a_target_that_is_constant_but_for_rounding_has_the_deviation_1(wrap: Callable[..., object]) -> None:
    train = Arrays(np.zeros((3, 1), np.float32), np.full((3, 1), 0.1))
    assert train.labels.std() > 0
    task = fitted(wrap(Regression()), train)  # type: ignore[arg-type]
    test = standardised(task, Arrays(np.zeros((1, 1), np.float32), np.full((1, 1), 0.2)))
    assert test.labels == pytest.approx(0.1)


def test_a_constant_target_is_a_warning_of_its_own() -> None:
    assert [note.startswith("warning: ") for note in spread("b", np.full(4, 0.1))] == [False, True]
    assert len(spread("b", np.arange(4.0))) == 1
