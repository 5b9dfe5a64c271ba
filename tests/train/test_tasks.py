"""What the output of a net is for: losses, sums, scores and whole runs of each task, against direct computation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from archdsl.api import load
from archdsl.data.augment import Target
from archdsl.errors import SpecError
from archdsl.train.loss import loss
from archdsl.train.metrics import Meter
from archdsl.train.scores import Scores
from archdsl.words.tasks import CLASSIFICATION, IGNORED, TASKS, Regression, record, recorded
from archdsl.words.train.losses import Huber, Mae

CPU = torch.device("cpu")
TOKENS, SEGMENTATION, REGRESSION = TASKS["tokens"], TASKS["segmentation"], TASKS["regression"]


def places(task: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits of 3 examples with 5 classes, labels of which some are ignored, and the logits with the classes last."""
    torch.manual_seed(1)
    if task == "segmentation":
        logits, labels = torch.randn(3, 5, 4, 6), torch.randint(-1, 5, (3, 4, 6))
        return logits, labels, logits.permute(0, 2, 3, 1)
    logits, labels = torch.randn(3, 7, 5), torch.randint(-1, 5, (3, 7))
    return logits, labels, logits


@pytest.mark.parametrize("task", ["segmentation", "tokens"])
@pytest.mark.parametrize("smooth", [0.0, 0.1])
def test_the_loss_of_places_is_the_mean_over_those_that_count(task: str, smooth: float) -> None:
    logits, labels, last = places(task)
    found = loss(logits, Target(labels), smooth, task=TASKS[task])
    each = []
    for row, label in zip(last.reshape(-1, 5), labels.flatten().tolist(), strict=True):
        if label != IGNORED:
            wanted = torch.full((5,), smooth / 5)
            wanted[label] += 1 - smooth
            each.append(-(wanted * row.log_softmax(0)).sum())
    assert float(found) == pytest.approx(float(torch.stack(each).mean()), rel=1e-6)
    assert float(loss(logits, Target(torch.full_like(labels, IGNORED)), task=TASKS[task])) == 0


@pytest.mark.parametrize("task", ["segmentation", "tokens"])
def test_the_sums_of_places(task: str) -> None:
    logits, labels, last = places(task)
    meter, scores = Meter(CPU, TASKS[task]), Scores("test", CPU, TASKS[task])
    for part in (slice(0, 1), slice(1, 3)):
        meter.add(loss(logits[part], Target(labels[part]), task=TASKS[task]), logits[part], labels[part], 1)
        scores.add(logits[part], labels[part])
    known = labels != IGNORED
    figures = meter.read()
    assert figures.accuracy == pytest.approx(float((last.argmax(-1) == labels)[known].float().mean()))
    assert figures.loss == pytest.approx(float(functional.cross_entropy(last[known], labels[known])), rel=1e-6)
    read = scores.read()
    probs = last[known].softmax(1)
    brier = (probs - functional.one_hot(labels[known], 5)).square().sum(1).mean()
    assert read["test_brier"] == pytest.approx(float(brier), rel=1e-6)
    assert ("test_miou" in read) == (task == "segmentation")
    again = Meter(CPU, TASKS[task])
    again.load({name: value.clone() for name, value in meter.state().items()})
    assert again.read() == figures


def test_miou_by_brute_force() -> None:
    logits, labels, last = places("segmentation")
    scores = Scores("valid", CPU, SEGMENTATION)
    scores.add(logits, labels)
    chosen, known = last.argmax(-1), labels != IGNORED
    each = []
    for c in range(5):
        mine, found = (labels == c) & known, (chosen == c) & known
        if (mine | found).any():
            each.append(float((mine & found).sum()) / float((mine | found).sum()))
    assert scores.read()["valid_miou"] == pytest.approx(np.mean(each))


@pytest.mark.holds("mae huber")
def test_losses_of_numbers() -> None:
    torch.manual_seed(0)
    output, targets = torch.randn(9, 2), torch.randn(9, 2)
    error = (output - targets).abs()
    assert loss(output, Target(targets), task=REGRESSION) == pytest.approx(float(error.square().mean()))
    assert loss(output, Target(targets), other=Mae(), task=REGRESSION) == pytest.approx(float(error.mean()))
    near = torch.where(error <= 0.5, error.square() / 2, 0.5 * (error - 0.25))
    assert loss(output, Target(targets), other=Huber(0.5), task=REGRESSION) == pytest.approx(float(near.mean()))


@pytest.mark.parametrize("targets", [1, 3])
def test_scores_of_numbers_are_in_the_unit_of_a_single_target(targets: int) -> None:
    rng = np.random.default_rng(0)
    true, given = rng.normal(50, 7, (40, targets)), rng.normal(50, 7, (40, targets))
    task = Regression(tuple(true.mean(0)), tuple(true.std(0)))
    scores = Scores("test", CPU, task)
    for part in (slice(0, 11), slice(11, 40)):
        scores.add(*(torch.from_numpy((v[part] - true.mean(0)) / true.std(0)) for v in (given, true)))
    read = scores.read()
    scale = 1 if targets == 1 else true.std(0)
    error = (given - true) / scale
    assert read["test_mse"] == pytest.approx((error**2).mean())
    assert read["test_rmse"] == pytest.approx(math.sqrt((error**2).mean()))
    assert read["test_mae"] == pytest.approx(np.abs(error).mean())
    r2 = 1 - ((given - true) ** 2).sum(0) / ((true - true.mean(0)) ** 2).sum(0)
    assert read["test_r2"] == pytest.approx(r2.mean())
    assert not {"test_brier", "test_ece", "test_top5"} & read.keys()


def test_a_constant_target_has_no_r2() -> None:
    scores = Scores("test", CPU, REGRESSION)
    scores.add(torch.randn(5, 1), torch.full((5, 1), 3.0))
    assert "test_r2" not in scores.read()


def test_tasks_are_recorded() -> None:
    for task in TASKS.values():
        assert recorded(json.loads(json.dumps(record(task)))) == task
    fitted = Regression((1.5,), (2.0,))
    assert recorded(record(fitted)) == fitted
    assert record(CLASSIFICATION) is None


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("input 3x8x8\nclasses 4\ntask segmentation\nnet conv(6) relu conv(classes, 1)", (4, 8, 8)),
        ("input 6\nclasses 2\ntask regression\nnet linear(3) relu linear(classes)", (2,)),
        ("input 3x8x8\ntask features\nnet conv(6, s=2)", (6, 4, 4)),
        ("input 3x8x8\ntask classification\nnet conv(6)", (10,)),
    ],
)
def test_a_text_states_its_task(text: str, out: tuple[int, ...]) -> None:
    spec = load(text)
    assert spec.trace.out == out
    assert load(spec.canonical).hash == spec.hash


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("task segmentation\nnet conv(6, s=2)", "A305", "each pixel of 32x32 has one of 10 classes"),
        ("task regresion\nnet linear(3)", "A208", "`regresion` is not a task"),
        ("task 3\nnet linear(3)", "A208", "`3` is not a task"),
        ("task tokens\ntask tokens\nnet linear(3)", "A105", "a second `task`"),
    ],
)
def test_tasks_that_do_not_fit(text: str, code: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        load(text)
    assert error.value.diagnostics[0].code == code
    assert message in str(error.value)
