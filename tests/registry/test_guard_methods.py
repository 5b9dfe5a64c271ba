"""What the methods of a word's class give that their kind does not allow, and where they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch

from archdsl.api import experiment_of, load
from archdsl.data import Arrays
from archdsl.data.augment import augment, mix
from archdsl.data.augment.draws import Draws
from archdsl.data.corrupt import corrupt
from archdsl.registry import (
    data_word,
    evaluation_word,
    metric_word,
    setting,
    train_word,
)
from archdsl.registry.types import Positive
from archdsl.settings.schedule import factor
from archdsl.train.loss import loss
from archdsl.train.optim import Update
from archdsl.words.data.base import Augmentation, Corruption, Mixing
from archdsl.words.evaluation.base import Shift
from archdsl.words.metrics.base import Metric, Score
from archdsl.words.train.kinds import Loss, Optimizer, Penalty, Schedule
from tests.registry import faults
from tests.train.laws import no_word_stays

refuse = partial(faults.refuse, __name__)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def words() -> Iterator[None]:
    with no_word_stays():
        for decorator, made in LATER:
            decorator(made)
        yield


LATER: list[tuple[Callable[[type], type], type]] = []


def later(decorator: Callable[[type], type]) -> Callable[[type], type]:
    """The class of a word, which is registered for the tests of this file alone."""

    def keep(made: type) -> type:
        LATER.append((decorator, made))
        return made

    return keep


def images(count: int = 4) -> torch.Tensor:
    return torch.zeros(count, 3, 8, 8, dtype=torch.uint8)


@later(data_word("cifar10 odd9", slot="odd9"))
@setting
class Odd9(Augmentation):
    """Forgets to give the images."""

    def apply(self, images: Any, draw: Any, ops: Any) -> Any:
        images + 1


@later(data_word("cifar10 odd10", slot="odd10"))
@setting
class Odd10(Augmentation):
    """Has the signature of a corruption."""

    def apply(self, images: Any, labels: Any, classes: int, rng: Any, np: Any) -> Any:
        return images, labels


@later(data_word("cifar10 odd11", slot="odd11"))
@setting
class Odd11(Mixing):
    """Gives a number."""

    def mixture(self, rng: Any, shape: tuple[int, ...]) -> Any:
        return 0.5


@later(data_word("cifar10 odd12", slot="odd12"))
@setting
class Odd12(Corruption):
    """Gives the images alone."""

    def apply(self, images: Any, labels: Any, classes: int, rng: Any, np: Any) -> Any:
        return images


@later(train_word("sgd(0.1) odd13", slot="schedule"))
@setting
class Odd13(Schedule):
    """Gives what it is told."""

    told: ClassVar[Any] = None

    def scale(self, at: Any) -> Any:
        return self.told


@later(train_word("odd14", slot="optimizer"))
@setting
class Odd14(Optimizer):
    """Forgets to give the optimiser."""

    lr: Positive = 0.1

    def build(self, optim: Any, groups: Any) -> Any:
        optim.SGD(groups)


@later(train_word("sgd(0.1) odd15", slot="loss"))
@setting
class Odd15(Loss):
    """Gives what it is told."""

    told: ClassVar[Any] = None

    def loss(self, functional: Any, logits: Any, targets: Any, smooth: float) -> Any:
        return self.told(logits)


@later(train_word("sgd(0.1) odd16", slot="odd16"))
@setting
class Odd16(Penalty):
    """Gives what it is told."""

    told: ClassVar[Any] = None
    rate: Positive = 0.1
    weights: bool = False

    def direction(self, torch: Any, values: list[Any]) -> Any:
        return self.told(values)


class Seeks(Metric):
    """A class between a word and its kind."""

    __slots__ = ()

    def of(self, run: Any) -> Any:
        return run.result["nothing"]


@later(metric_word("odd17"))
@setting
class Odd17(Seeks):
    """Looks for what no run has."""


@later(metric_word("test_odd18"))
@setting
class Odd18(Score):
    """Gives a text."""

    part: Literal["test"]

    def sums(self, torch: Any, log_probs: Any, labels: Any) -> Any:
        return log_probs.sum()[None]

    def figure(self, sums: Any, images: int) -> Any:
        return "much"


@later(evaluation_word("odd19(1)"))
@setting
class Odd19(Shift):
    """Gives half of the images."""

    by: Positive

    def apply(self, torch: Any, x: Any, generator: Any) -> Any:
        return x[:1]


def test_data_words() -> None:
    draws = Draws(0, CPU)
    refuse(
        "data word `odd9`",
        "it gives `None`",
        lambda: augment(images(), (Odd9(),), draws, 0),
        "`apply` gives the changed",
    )
    refuse(
        "data word `odd10`", "TypeError", lambda: augment(images(), (Odd10(),), draws, 0), "`apply` gives the changed"
    )
    labels = torch.zeros(4, dtype=torch.int64)
    refuse(
        "data word `odd11`",
        "it gives `0.5`",
        lambda: mix(images().float(), labels, (Odd11(),), draws, 0),
        "a `Mixture`",
    )
    arrays = Arrays(images().numpy(), np.zeros(4, np.int64))
    refuse("data word `odd12`", "it gives a ndarray", lambda: corrupt(arrays, (Odd12(),), 10, 0), "images and labels")


@pytest.mark.parametrize("told", [None, float("nan"), -0.1, float("inf"), "1"])
def test_a_schedule_that_gives_no_factor(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Odd13, "told", told)
    refuse(
        "train word `odd13`",
        f"it gives `{told!r}`",
        lambda: factor(Odd13(), 0, 0, 10, 5),
        "`scale` gives a finite number",
    )


def test_train_words(monkeypatch: pytest.MonkeyPatch) -> None:
    net = torch.nn.Linear(2, 2)
    settings = experiment_of(load("net gap linear(10)\ndata cifar10\ntrain odd14"), checked=False).train
    refuse("train word `odd14`", "it gives `None`", lambda: Update(net, settings), "`build` gives a `torch.optim.Opt")
    logits = torch.zeros(2, 3, requires_grad=True)
    target: Any = SimpleNamespace(labels=torch.zeros(2, dtype=torch.int64), other=None, share=None)
    for told, what in (
        (float, "(TypeError|ValueError|RuntimeError)"),
        (lambda x: 0.0, "it gives `0.0`"),
        (abs, "it gives"),
    ):
        monkeypatch.setattr(Odd15, "told", staticmethod(told))
        refuse("train word `odd15`", what, lambda: loss(logits, target, other=Odd15()), "a tensor of no dimension")
    sgd: Any = load("net gap linear(10)\ntrain sgd(0.1)").graph.train[0].value
    update = Update(net, replace(settings, optimizer=sgd, penalties=(Odd16(),)))
    net(torch.ones(1, 2)).sum().backward()
    for told in (lambda values: [v.sum() for v in values], lambda values: values[:1], lambda values: None):
        monkeypatch.setattr(Odd16, "told", staticmethod(told))
        refuse("train word `odd16`", "it gives ", update.apply, "the shapes of the given ones")


def test_metrics_and_evaluations() -> None:
    run = SimpleNamespace(result={})
    refuse("metric `odd17`", "KeyError: 'nothing'", lambda: Odd17().of(run), "`of` gives a number, or None")
    refuse("metric `odd18`", "it gives `'much'`", lambda: Odd18("test").figure([1.0], 1), "`figure` gives a number")
    shift = Odd19(1.0)
    x = torch.zeros(2, 3, 4, 4)
    refuse("evaluation `odd19`", "it gives a Tensor", lambda: shift.apply(torch, x, None), "of the given shape")
