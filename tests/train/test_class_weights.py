"""Class weights: counted in the training part of a run, said in its log, and of pixels and tokens as well."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from archdsl.api import experiment_of, load
from archdsl.data.augment import Target
from archdsl.errors import ArchError, SpecError
from archdsl.train.loss import loss
from archdsl.words.tasks import IGNORED, TASKS
from archdsl.words.train.losses import Ce
from tests.conftest import Cli


def rare(path: Path, rows: int = 400) -> Path:
    """A table in which one row in ten is of the class `yes`; the column x tells it, with much noise."""
    rng = np.random.default_rng(0)
    kind = np.arange(rows) % 10 == 0
    x = kind + rng.normal(0, 0.7, rows)
    lines = [f"{a:.4f},{b:.4f},{'yes' if k else 'no'}" for a, b, k in zip(x, rng.normal(size=rows), kind, strict=True)]
    path.write_text("\n".join(["x,y,kind", *lines]) + "\n", "utf-8")
    return path


def test_a_run_counts_its_training_rows(tmp_path: Path, cli: Cli) -> None:
    rare(tmp_path / "r.csv")
    text = 'net linear(classes)\ndata csv("r.csv", target="kind")\ntrain adam(0.05) epochs(30) batch(32) {} seed(1)\n'
    (tmp_path / "plain.arch").write_text(text.format(""))
    (tmp_path / "even.arch").write_text(text.format("ce(balanced)"))
    (tmp_path / "again.arch").write_text(text.format("ce(weights=[1, 9])"))
    recall = {}
    for name in ("plain", "even", "again"):
        done = cli("train", f"{name}.arch")
        assert done.returncode == 0, done.stderr
        (run,) = tmp_path.glob(f"runs/{name}-*")
        log = (run / "events.jsonl").read_text() + done.stderr
        assert ("class weights: no 0.5" in log) == (name == "even")
        (tmp_path / "yes.csv").write_text("x,y\n" + "".join(f"{1 + d / 10},0\n" for d in range(-9, 10)))
        rows = json.loads(cli("predict", str(run), "yes.csv", "--format", "json").stdout)
        recall[name] = np.mean([row["class"] == "yes" for row in rows])
    assert recall["even"] > recall["plain"] + 0.2
    assert abs(recall["even"] - recall["again"]) <= 0.2


@pytest.mark.parametrize("task", ["segmentation", "tokens"])
def test_ignored_places_do_not_count(task: str) -> None:
    torch.manual_seed(0)
    labels = torch.randint(-1, 3, (2, 4, 4) if task == "segmentation" else (2, 6))
    output = torch.randn((2, 3, 4, 4) if task == "segmentation" else (2, 6, 3))
    weights = (0.5, 1.0, 3.0)
    logits = output if task == "segmentation" else output.transpose(1, 2)
    expected = functional.cross_entropy(
        logits, labels, torch.tensor(weights), ignore_index=IGNORED, label_smoothing=0.1
    )
    found = loss(output, Target(labels), 0.1, Ce(weights=weights), TASKS[task])
    torch.testing.assert_close(found, expected)
    none = torch.full_like(labels, IGNORED)
    assert float(loss(output, Target(none), 0.1, Ce(weights=weights), TASKS[task])) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("ce", "`ce` has no weights for the classes"),
        ("ce(balanced, weights=[1, 2])", "two weights"),
        ("ce(weights=[1, 0])", "must be above 0"),
        ("ce(weights=[1, -2])", "must be above 0"),
        ("ce(weights=[1, 2])", "2 weights, and there are 10 classes"),
        ("ce(balanced) bce", "`bce` and `ce` both set the loss"),
        ("ce(weights=late)", "a list of numbers like"),
        ("ce(balanced) mae", "both set the loss"),
    ],
)
def test_weights_that_do_not_fit(words: str, message: str) -> None:
    with pytest.raises((ArchError, SpecError), match=message):
        experiment_of(load(f"net gap linear(classes)\ndata fashion-mini\ntrain adam {words}"))


def test_numbers_have_no_classes(tmp_path: Path) -> None:
    path = rare(tmp_path / "r.csv")
    text = f'net linear(1)\ndata csv("{path}", target="y", task=regression)\ntrain adam ce(balanced)'
    with pytest.raises(ArchError, match="`ce` is a loss for classification and segmentation and tokens"):
        experiment_of(load(text))
