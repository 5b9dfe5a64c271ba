"""Metrics: the laws that every one obeys by its entry, and its formula."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
import torch

from archdsl.errors import ArchError
from archdsl.evaluate.mc import Prediction
from archdsl.evaluate.metrics import Tally
from archdsl.expand.metrics import metric, metric_of, spellings, unit_of
from archdsl.laws.figures import Recorded
from archdsl.laws.trial import laws_of
from archdsl.registry import Entry, entries, metric_word
from archdsl.train.scores import Scores, weight_figures
from archdsl.words.metrics.base import Metric, Score
from tests.train.laws import no_word_stays

CPU = torch.device("cpu")
RESULT = {
    "test_accuracy": 0.8,
    "train_accuracy": 0.9,
    "test_loss": 0.7,
    "train_loss": 0.3,
    "valid_loss": 0.6,
    "step": 40,
    "seconds": 5.0,
    "images_per_second": 100.0,
    "epochs": 4,
}


@dataclass
class Run(Recorded):
    result: dict[str, Any] = field(default_factory=lambda: dict(RESULT))
    totals: dict[str, int] = field(default_factory=lambda: {"params": 7, "macs": 9})
    epochs: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {
                "epoch": n,
                "step": 10 * n,
                "seconds": 1.5,
                "loss": 2.0 / n,
                "accuracy": 0.2 * n,
                "valid_loss": 2.5 / n,
                "valid_accuracy": v,
            }
            for n, v in enumerate((0.3, 0.5, 0.45, 0.7), 1)
        ]
    )


@dataclass(frozen=True, slots=True)
class Wide(Score):
    """A number for each image, which is no sum."""

    part: Literal["test", "valid"]

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        return log_probs.max(1).values


@dataclass(frozen=True, slots=True)
class Bare(Wide):
    """One number without a dimension."""

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        return log_probs.sum()


@pytest.mark.parametrize(
    ("made", "why"), [(Wide, "`sums` gives a number for each image"), (Bare, r"it gives a Tensor of shape \(\)")]
)
def test_what_sums_up_no_images_is_refused(made: type[Score], why: str) -> None:
    with no_word_stays():
        metric_word(f"test_{made.__name__.lower()}")(made)
        with pytest.raises(ArchError, match=f"the metric `{made.__name__.lower()}` of .* fails in line [0-9]+: {why}"):
            Scores("test", CPU)


def test_a_score_says_of_which_images_it_is() -> None:
    @dataclass(frozen=True, slots=True)
    class Nowhere(Score):
        """A figure that no run would store."""

        def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
            return log_probs.sum()[None]

    with no_word_stays():
        metric_word("nowhere")(Nowhere)
        for ask in (lambda: Scores("test", CPU), lambda: metric("nowhere"), spellings):
            with pytest.raises(ArchError, match=r"the metric `nowhere` of .* does not say which images") as refused:
                ask()
            assert "`part: Literal" in refused.value.help


@pytest.mark.parametrize("entry", entries("metric"), ids=lambda e: e.name)
def test_laws(entry: Entry) -> None:
    assert entry.summary.endswith(".")
    assert issubclass(entry.make, Metric)
    for example in entry.examples:
        for law in laws_of(entry):
            law.check(example)
        word = metric_of(example)
        assert type(word) is entry.make
        assert word.of(Run({**RESULT, word.name: "text"}, {}, [])) is None or word.name not in RESULT


@pytest.mark.parametrize("classes", [3, 10])
def test_scores_are_those_of_evaluate(classes: int) -> None:
    torch.manual_seed(classes)
    logits, labels = 3 * torch.randn(200, classes), torch.randint(0, classes, (200,))
    scores, tally = Scores("test", CPU), Tally(classes, CPU)
    for part in (slice(0, 128), slice(128, 200)):
        scores.add(logits[part], labels[part])
        tally.add(Prediction(logits[part].double().log_softmax(1)), labels[part])
    found, report = scores.read(), tally.read()
    assert found["test_brier"] == pytest.approx(report.brier, rel=1e-12)
    assert found["test_ece"] == pytest.approx(report.ece, rel=1e-12)
    assert found.get("test_top5") == report.top5
    assert found["test_chance"] == int(labels.bincount().max()) / 200
    scores.reset()
    assert scores.read() == {}


def test_figures_of_weights() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    assert weight_figures(net) == {"weight_norm": 5.0, "zeros": 0.5}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("test_accuracy", 0.8),
        ("test_nll", 0.7),
        ("valid_nll", 0.6),
        ("gap", 0.1),
        ("gap(loss)", 0.4),
        ("steps", 40),
        ("seconds", 5),
        ("speed", 100),
        ("epochs", 4),
        ("params", 7),
        ("macs", 9),
        ("epochs_to(50%)", 2),
        ("steps_to(60%)", 40),
        ("seconds_to(50%)", 3),
        ("epochs_to(1, train_loss)", 2),
        ("steps_to(60%, train_accuracy)", 30),
        ("epochs_to(71%)", None),
        ("test_ece", None),
        ("best_valid_accuracy", None),
    ],
)
def test_values(text: str, value: float | None) -> None:
    found = metric_of(text).of(Run())
    assert found == (None if value is None else pytest.approx(value, rel=1e-12))


def test_the_best_accuracy_is_that_of_all_epochs() -> None:
    """With `patience` a run stores the accuracy of the epoch with the best loss."""
    run = Run(result={**RESULT, "best_valid_accuracy": 0.5})
    assert metric_of("best_valid_accuracy").of(run) == 0.7
    run.epochs.append({"epoch": 5, "step": 50, "valid_accuracy": None})
    assert metric_of("best_valid_accuracy").of(run) == 0.7
    assert metric_of("best_valid_accuracy").of(Run(result={"best_valid_accuracy": 0.5}, epochs=[])) == 0.5
    assert metric_of("best_valid_accuracy").of(Run(result={"best_valid_accuracy": None})) is None


def test_a_threshold_passes_over_what_is_not_a_number() -> None:
    run = Run(epochs=[{"epoch": 1, "step": 1, "valid_loss": math.nan}, {"epoch": 2, "step": 2, "valid_loss": None}])
    assert metric_of("epochs_to(9, valid_loss)").of(run) is None


@pytest.mark.parametrize(
    ("text", "said", "help"),
    [
        ("ece", "`ece` of which images?", "test_ece, valid_ece"),
        ("train_ece", "`ece` is measured on test and valid images", "test_ece"),
        ("test_acuracy", "unknown metric `test_acuracy`", "test_accuracy"),
        ("steps_to", "`steps_to` needs `at`", "usage"),
        ("steps_to(94)", "94 is not an accuracy", "94%"),
        ("steps_to(94%, speed)", "`figure` of `steps_to` is one of", ""),
        ("a + b", "is not a metric", "archdsl words metrics"),
        ("conv(3)", "unknown metric `conv`", ""),
        ("", "is not a metric", ""),
        ("x" * 5000, "unknown metric", ""),
    ],
)
def test_what_is_refused(text: str, said: str, help: str) -> None:
    with pytest.raises(ArchError, match=re.escape(said)) as error:
        metric(text)
    assert help in error.value.help
    assert len(error.value.message) < 300


def test_old_names_go_on_with_a_note() -> None:
    for old in ("accuracy", "loss"):
        word, notes = metric(old)
        assert word.name == f"train_{old}"
        assert notes == (f"the metric `{old}` is that of training, and is called `train_{old}` now",)
    assert metric("accuracy(valid)")[0].name == "valid_accuracy"
    for name in ("test_accuracy", "test_loss", "valid_accuracy", "valid_loss", "best_valid_accuracy", "train_loss"):
        assert metric(name)[0].name == name
        assert name in spellings()
    assert [unit_of(n) for n in ("valid_accuracy", "accuracy", "loss", "nothing", "train.smooth")] == [
        "percent",
        "percent",
        "float",
        "",
        "",
    ]
