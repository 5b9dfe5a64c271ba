"""Nets with several heads: their loss, gradients and figures against direct computation, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.api import experiment_of, load
from archdsl.data import load as load_data
from archdsl.data import split
from archdsl.data.augment import Target
from archdsl.emit.build import build
from archdsl.errors import ArchError
from archdsl.expand.metrics import metric
from archdsl.runs.events import EpochDone, Finished
from archdsl.train.distributed import Distributed
from archdsl.train.fit import fit
from archdsl.train.head_scores import HeadScores
from archdsl.train.init import initialise
from archdsl.train.job import Job, steps_left
from archdsl.train.loop import Training
from archdsl.train.loss import loss
from archdsl.train.options import FitOptions
from archdsl.train.prepare import prepare
from archdsl.train.signals import Interrupted
from archdsl.words.tasks import CLASSIFICATION, HeadTask, Regression, Several, record, recorded

from .heads import homes, text

CPU = torch.device("cpu")
TASK = Several(
    (HeadTask("kind", CLASSIFICATION, ("a", "b", "c")), HeadTask("price", Regression((7.0,), (2.0,)), ("price",))),
    (1.0, 0.5),
)


class ByHand(nn.Module):
    """The network of the tests, written in torch."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Linear(2, 16)
        self.hidden, self.kind, self.price = nn.Linear(16, 8), nn.Linear(8, 3), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(x).relu()
        return self.kind(self.hidden(x).relu()), self.price(x)


def by_hand(model: nn.Module) -> ByHand:
    """The same network with the weights of ours, which come in the same order."""
    other = ByHand()
    other.load_state_dict(dict(zip(other.state_dict(), model.state_dict().values(), strict=True)))
    return other


def job(path: Path, train: str) -> Job:
    """A job in float32 without any fast path."""
    experiment = experiment_of(load(text(path, train)))
    model = build(load(text(path, train)).trace)
    options = FitOptions(device="cpu", speed="fp32", compile="off")
    return prepare(model, experiment, options, Distributed(), lambda: False).job


def test_loss_and_gradients_are_those_of_a_net_by_hand(tmp_path: Path) -> None:
    model = build(load(text(homes(tmp_path / "h.csv"))).trace)
    initialise(model, 1)
    other = by_hand(model)
    x, kinds, prices = torch.randn(32, 2), torch.randint(3, (32,)), torch.randn(32, 1)
    found = loss(model(x), Target(torch.cat((kinds[:, None].float(), prices), 1)), task=TASK)
    logits, values = other(x)
    wanted = functional.cross_entropy(logits, kinds) + 0.5 * functional.mse_loss(values, prices)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    found.backward()
    wanted.backward()
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-6)


@pytest.mark.holds("weigh")
@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_a_run_is_that_of_a_loop_by_hand(tmp_path: Path, weight: float) -> None:
    words = f" weigh(price, {weight})" if weight != 1 else ""
    work = job(homes(tmp_path / "h.csv"), f"sgd(0.05, momentum=0) epochs(2) batch(24){words}")
    other = by_hand(work.model)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.05)
    losses = []
    for epoch in (1, 2):
        whole = 0.0
        for group in steps_left(work, epoch, (epoch - 1) * work.per_epoch):
            (rows, targets), *_ = work.train.batches(group.parts, CPU)
            logits, values = other(work.normalise(rows))
            first = functional.cross_entropy(logits, targets[:, 0].long())
            value = first + weight * functional.mse_loss(values[:, 0], targets[:, 1])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            whole += float(value.detach()) * len(rows)
        losses.append(whole / len(work.train))
    events = list(Training(work).events())
    assert [e.loss for e in events if isinstance(e, EpochDone)] == pytest.approx(losses, rel=1e-5)
    for ours, theirs in zip(work.model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    done = events[-1]
    assert isinstance(done, Finished)
    figures = done.figures
    assert done.test_loss == pytest.approx(figures["test_kind_loss"] + weight * figures["test_price_loss"], rel=1e-6)
    assert done.test_accuracy is None


def test_figures_of_each_head() -> None:
    torch.manual_seed(0)
    output, kinds, prices = torch.randn(40, 4), torch.randint(3, (40,)), torch.randn(40)
    targets = torch.stack((kinds.float(), prices), 1)
    scores = HeadScores("test", CPU, TASK)
    for part in (slice(0, 15), slice(15, 40)):
        scores.add(output[part], targets[part])
    found = scores.read()
    logits, values = output[:, :3], output[:, 3]
    assert found["test_kind_accuracy"] == pytest.approx(float((logits.argmax(1) == kinds).float().mean()))
    assert found["test_kind_loss"] == pytest.approx(float(functional.cross_entropy(logits, kinds)), rel=1e-6)
    brier = (logits.softmax(1) - functional.one_hot(kinds, 3)).square().sum(1).mean()
    assert found["test_kind_brier"] == pytest.approx(float(brier), rel=1e-6)
    squares = (values - prices).square()
    assert found["test_price_loss"] == pytest.approx(float(squares.mean()), rel=1e-6)
    assert found["test_price_rmse"] == pytest.approx(2.0 * float(squares.mean().sqrt()), rel=1e-6)
    r2 = 1 - squares.sum() / (prices - prices.mean()).square().sum()
    assert found["test_price_r2"] == pytest.approx(float(r2), rel=1e-5)
    scores.reset()
    assert scores.read() == {}


def test_a_figure_of_a_head_has_a_name() -> None:
    word, notes = metric("test_kind_accuracy")
    assert (word.name, word.unit, word.higher, word.on, notes) == ("test_kind_accuracy", "percent", True, "test", ())
    assert word.label == "test kind accuracy"
    result = {"test_loss": 2.0, "test_kind_accuracy": 0.5, "test_kind_loss": 1.2, "test_kind_x_loss": 9.0}
    run = SimpleNamespace(result=result, totals={}, epochs=())
    assert word.of(run) == 0.5
    assert metric("test_kind_nll")[0].of(run) == 1.2
    assert metric("test_price_r2")[0].of(run) is None
    assert metric("test_nll")[0].of(run) is None, "the loss of several heads is no likelihood"
    assert metric("test_perplexity")[0].of(run) is None
    assert word.chance_in(TASK, 4) == pytest.approx(1 / 3)
    assert metric("test_loss")[0].chance_in(TASK, 4) == pytest.approx(math.log(3) + 0.5)
    with pytest.raises(ArchError, match="unknown metric"):
        metric("test_kind_acuracy")


def test_the_task_is_recorded() -> None:
    assert recorded(record(TASK)) == TASK
    assert TASK.reported[:2] == ("test_loss", "test_kind_accuracy")
    assert TASK.unfitted.weights == ()


def test_a_run_is_resumed_to_the_bit(tmp_path: Path) -> None:
    spec = load(
        text(homes(tmp_path / "h.csv"), "adam(0.01) epochs(4) batch(32) weigh(price, 0.5) ema(0.9)", "valid(20%)")
    )
    whole = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "whole", device="cpu")
    steps = 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == 9

    with pytest.raises(Interrupted):
        fit(build(spec.trace), experiment_of(spec), out=tmp_path / "cut", stop=stop, device="cpu")
    resumed = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "cut", device="cpu")
    for name, value in whole.state().items():
        assert torch.equal(value, resumed.state()[name])
    assert whole.result is not None
    assert resumed.result is not None
    for name in ("test_loss", "test_kind_accuracy", "test_price_r2", "valid_kind_loss"):
        assert whole.result[name] == resumed.result[name]


@pytest.mark.parametrize(
    ("data", "train", "message"),
    [
        ("", "adam weigh(rice, 2)", "names no head"),
        ("", "adam weigh(price, 2) weigh(price, 3)", "the head `price` has two weights"),
        ("mixup(0.2)", "adam", "`mixup` mixes images of one class each"),
        ("randomlabels(10%)", "adam", "`randomlabels` changes images of one class each"),
        ("", "adam smooth(0.1)", "`smooth` smooths classes"),
        ("", "adam tta", "`tta` averages the classes"),
        ("", "adam bce", "`bce` is a loss for classification"),
        ("", "adam ce(balanced)", "`ce` is a loss for classification"),
        ("", "adam huber", "`huber` is a loss for regression"),
        ("", "muon(0.02)", "`muon` may treat the last layer in another way"),
        ("", "adam agc", "`agc` may treat the last layer in another way"),
        ("", "adam layerdecay(75%)", "`layerdecay` counts blocks from the last layer"),
        ("valid(10%)", "adam patience(3, on=accuracy)", "`patience` watches an accuracy"),
    ],
)
def test_words_that_do_not_fit_several_heads(tmp_path: Path, data: str, train: str, message: str) -> None:
    spec = load(text(homes(tmp_path / "h.csv"), train, data))
    with pytest.raises(ArchError, match=message):
        experiment_of(spec)


@pytest.mark.parametrize(
    "train", ["lamb(5e-3)", "sgd(0.1, nesterov) wd(1e-4) clip(1) cosine", "adam l2(1e-4) rate(price, 0.1)"]
)
def test_words_that_treat_layers_alike(tmp_path: Path, train: str) -> None:
    assert experiment_of(load(text(homes(tmp_path / "h.csv"), train))).train.epochs == 10


def test_weights_need_heads() -> None:
    with pytest.raises(ArchError, match="weighs the loss of one of several heads"):
        experiment_of(load("net gap linear(classes)\ndata fashion-mini\ntrain adam weigh(kind, 2)"))


def test_seeds_are_not_fused(tmp_path: Path) -> None:
    from archdsl.train.fused.eligible import why_not_fusable

    experiment = experiment_of(load(text(homes(tmp_path / "h.csv"))))
    assert "the task is heads" in why_not_fusable(experiment.train, (), experiment.data.dataset.task)  # type: ignore[union-attr]


def test_targets_are_standardised_by_the_training_rows(tmp_path: Path) -> None:
    from archdsl.train.statistics import targets

    experiment = experiment_of(load(text(homes(tmp_path / "h.csv"), data="valid(20%)")))
    data = experiment.data
    task, parts = targets(data, experiment.train, split(load_data(data.dataset), data.valid, data.subset, 0))
    assert isinstance(task, Several)
    labels = parts.train.labels  # type: ignore[union-attr]
    assert labels.dtype.name == "float32"
    assert set(labels[:, 0].tolist()) == {0.0, 1.0, 2.0}
    assert float(labels[:, 1].mean()) == pytest.approx(0, abs=1e-6)
    assert float(labels[:, 1].std()) == pytest.approx(1, abs=1e-6)
    price = task.heads[1].task
    assert isinstance(price, Regression)
    assert price.std[0] > 1000
