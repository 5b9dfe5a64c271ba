"""The step in which a metric is counted, and what follows from it for equal differences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells as cells_of
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.results.scale import scale_of
from tests.conftest import Cli
from tests.train.conftest import write_folder

TABLE = "a,b,target\n" + "".join(f"{n},{n % 5},{'xy'[n % 2]}\n" for n in range(60))


def _resolution(place: Path, data: str, metric: str, found: bool = False) -> float:
    text = f"base: |\n  net flatten linear(4) relu linear(classes)\n  data {data}\n  train sgd(0.1) epochs(1)\n"
    study = study_of(f"{text}factors: {{lr: [sgd(0.1), sgd(0.2)]}}\nseeds: 2\n", "s.yaml", "s", place)
    arms = arms_of(study)
    cells = cells_of(arms, (0, 1))
    known = {c.key: Found("finished", {"test_images": 40}, {}) for c in cells} if found else None
    return scale_of(metric, arms, cells, known).resolution


@pytest.mark.parametrize(
    ("data", "metric", "images"),
    [
        ("fashion-mini", "test_accuracy", 2000),
        ("fashion-mini valid(10%)", "valid_accuracy", 800),
        ("fashion-mini subset(100) valid(10%)", "valid_accuracy", 10),
        ("fashion-mini subset(100) valid(10)", "train_accuracy", 90),
        ('csv("t.csv")', "test_accuracy", 12),
        ('csv("t.csv") valid(25%)', "valid_accuracy", 12),
        ('folder("pictures", size=8)', "test_accuracy", 2),
        ("fashion-mini", "test_loss", 0),
        ("fashion-mini", "weight_norm", 0),
    ],
)
def test_the_step_is_one_image_of_the_part(place: Path, data: str, metric: str, images: int) -> None:
    (place / "t.csv").write_text(TABLE)
    write_folder(place / "pictures")
    assert _resolution(place, data, metric) == (1 / images if images else 0)


def test_data_that_is_gone_has_the_step_of_its_runs(place: Path, cli: Cli) -> None:
    (place / "t.csv").write_text(TABLE)
    (place / "s.yaml").write_text(
        'base: |\n  net linear(4) relu linear(classes)\n  data csv("t.csv")\n  train sgd(0.1) epochs(1)\n'
        "factors: {lr: [sgd(1e-9), sgd(2e-9)]}\nseeds: 3\nsame: 1%\n"
    )
    before = json.loads(cli("ablate", "s.yaml", "--format", "json").stdout)
    (place / "t.csv").unlink()
    after = json.loads(cli("report", "s.yaml", "--format", "json").stdout)
    assert after["arms"][1]["low"] == before["arms"][1]["low"] < -0.01


def test_equal_results_on_few_rows_are_not_called_the_same(place: Path, cli: Cli) -> None:
    """On 12 test rows a difference below 8 points cannot be seen."""
    (place / "t.csv").write_text(TABLE)
    (place / "s.yaml").write_text(
        'base: |\n  net linear(4) relu linear(classes)\n  data csv("t.csv")\n  train sgd(1e-9) epochs(1)\n'
        "factors: {lr: [sgd(1e-9), sgd(1e-8)]}\nsame: 0.5%\nseeds: 4\n"
    )
    done = cli("ablate", "s.yaml", "--format", "json")
    assert done.returncode == 0, done.stderr
    arm = json.loads(done.stdout)["arms"][1]
    assert arm["verdict"] == "open"
    assert arm["low"] < -0.01
    assert arm["high"] > 0.01
