"""Schedules against torch's schedulers."""

import math
import warnings

import pytest
import torch
from torch import nn

from archdsl.errors import ArchError
from archdsl.runs.events import EpochDone
from archdsl.settings.experiment import TrainSettings
from archdsl.settings.schedule import check, factor, risen
from archdsl.train.early_stopping import EarlyStopping
from archdsl.words.train.run import Patience
from archdsl.words.train.schedules import (
    Cooldown,
    Cosine,
    Exponential,
    Linear,
    Milestones,
    OneCycle,
    Plateau,
    Poly,
    Restarts,
    Step,
    Triangle,
    Warmup,
    warmup,
)


def rates(make, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(3))], 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a scheduler's complaint about steps without gradients
        scheduler = make(optimizer)
        found = []
        for _ in range(steps):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        (None, lambda o: torch.optim.lr_scheduler.ConstantLR(o, 1.0)),
        (Cosine(0.0), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40)),
        (Cosine(0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40, eta_min=0.1)),
        (Step(2, 0.5), lambda o: torch.optim.lr_scheduler.StepLR(o, 20, gamma=0.5)),
        (Exponential(0.7), lambda o: torch.optim.lr_scheduler.StepLR(o, 10, gamma=0.7)),
        (Milestones((1, 3), 0.2), lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [10, 30], gamma=0.2)),
        (Poly(0.9, 0.0), lambda o: torch.optim.lr_scheduler.PolynomialLR(o, 40, power=0.9)),
        (Restarts(1, 1, 0.0), lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 10)),
        (Restarts(1, 2, 0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 10, 2, 0.1)),
        (OneCycle(0.3, 25.0, 1e4), lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1.0, 40, cycle_momentum=False)),
    ],
)
@pytest.mark.holds("cosine step onecycle exponential milestones poly restarts")
def test_schedules_are_torchs(schedule, theirs) -> None:
    found = [factor(schedule, 0, step, 40, 10) for step in range(40)]
    assert found == pytest.approx(rates(theirs, 40), abs=1e-9)


def test_warmup_rises_in_equal_steps_and_the_cosine_has_the_rest() -> None:
    found = [factor(Cosine(0.0), 2, step, 50, 10) for step in range(50)]
    assert found[:20] == pytest.approx([(i + 1) / 20 for i in range(20)])
    assert found[20:] == pytest.approx([(1 + math.cos(math.pi * i / 30)) / 2 for i in range(30)])


@pytest.mark.parametrize("up", [0.0, 1e-9, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_onecycle_is_finite_at_its_bounds(up: float, steps: int) -> None:
    found = [factor(OneCycle(up, 25.0, 1e4), 0, step, steps, 1) for step in range(steps)]
    assert all(0 <= f <= 1 + 1e-12 for f in found)


@pytest.mark.holds("cooldown")
def test_cooldown_stays_and_goes_down() -> None:
    found = [factor(Cooldown(0.25, "linear", 0.0), 0, step, 40, 10) for step in range(40)]
    assert found == pytest.approx([1.0] * 30 + [1 - i / 10 for i in range(10)])
    cosine = [factor(Cooldown(0.25, "cosine", 0.2), Warmup(share=0.1), step, 40, 10) for step in range(40)]
    assert cosine[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert cosine[4:30] == [1.0] * 26
    assert cosine[30:] == pytest.approx([0.2 + 0.4 * (1 + math.cos(math.pi * i / 10)) for i in range(10)])
    assert [factor(Cooldown(0.0, "linear", 0.0), 0, step, 4, 1) for step in range(4)] == [1.0] * 4


def test_a_power_of_1_is_a_line() -> None:
    lines = (Poly(1.0, 0.3), Linear(0.3))
    assert len({tuple(round(factor(s, 0, i, 20, 5), 12) for i in range(20)) for s in lines}) == 1


@pytest.mark.parametrize(
    ("word", "rise"),
    [
        (warmup(2), 20),
        (warmup(0.1), 5),
        (warmup(7, True), 7),
        (warmup(0.001), 1),
    ],
)
@pytest.mark.holds("warmup")
def test_a_warmup_over_epochs_a_share_or_steps(word: int | Warmup, rise: int) -> None:
    assert risen(word, 50, 10) == rise
    found = [factor(None, word, step, 50, 10) for step in range(50)]
    assert found == pytest.approx([min(1.0, (i + 1) / rise) for i in range(50)])


def test_a_rise_without_a_run_behind_it_is_refused() -> None:
    for schedule, word in ((Cosine(0.0), Warmup(steps=50)), (None, Warmup(steps=51)), (Poly(1.0, 0.0), 5)):
        with pytest.raises(ArchError, match="leaves nothing of a run of 50") as caught:
            check(schedule, word, 50, 10)
        assert caught.value.help
    check(None, Warmup(steps=50), 50, 10)
    for bad in ((1.5,), (0.0,), (0,), (-3,), (20_000,), (0.1, True)):
        with pytest.raises(ArchError):
            warmup(*bad)


LOSSES = [1.0, 0.9, 0.89, 0.895, 0.9, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.49, 0.49, 0.49, 0.49]


def done(epoch: int, loss: float, accuracy: float = 0.5) -> EpochDone:
    return EpochDone(epoch, epoch * 10, 1.0, 0.5, loss, accuracy, 0.1, 1.0, 10.0)


@pytest.mark.holds("plateau")
def test_a_plateau_is_torchs() -> None:
    """torch lowers the rate when more than ``patience`` epochs were no better, we when so many were, as Keras does."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(3))], 1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=1, threshold=0.02, threshold_mode="abs", min_lr=0.2
    )
    stopping = EarlyStopping(TrainSettings(schedule=Plateau(2, 0.5, 0.02, 0.2)))
    seen = []
    for epoch, loss in enumerate(LOSSES, 1):
        theirs.step(loss)
        stopping.follow(done(epoch, loss))
        again = EarlyStopping(TrainSettings(schedule=Plateau(2, 0.5, 0.02, 0.2)))
        again.load(stopping.state())  # what a checkpoint carries over
        stopping = again
        assert stopping.factor == pytest.approx(optimizer.param_groups[0]["lr"])
        seen.append(stopping.factor)
    assert seen[0] == 1.0
    assert sorted(set(seen), reverse=True) == [1.0, 0.5, 0.25, 0.2]


def test_patience_on_the_accuracy() -> None:
    stopping = EarlyStopping(TrainSettings(patience=Patience(2, 0.01, "accuracy")))
    better = [stopping.follow(done(i, 1.0 + i, a)) for i, a in enumerate([0.5, 0.6, 0.605, 0.609], 1)]
    assert better == [True, True, False, False]
    assert stopping.best_epoch == 2
    assert stopping.why == "no better validation accuracy for 2 epochs"


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Linear(), [1 - i / 10 for i in range(10)]),
        (Linear(0.5), [1 - i / 20 for i in range(10)]),
        (Exponential(0.5), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625]),
        (Triangle(0.4, 0.2, 0.1), [0.2, 0.4, 0.6, 0.8, 1, 0.85, 0.7, 0.55, 0.4, 0.25]),
        (Cosine(), [(1 + math.cos(math.pi * i / 10)) / 2 for i in range(10)]),
        (Step(2, 0.1), [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01]),
    ],
    ids=["linear", "linear-end", "exponential", "triangle", "cosine", "step"],
)
@pytest.mark.holds("linear triangle")
def test_factors_of_ten_steps(schedule: object, expected: list[float]) -> None:
    assert [factor(schedule, 0, i, 10, 2) for i in range(10)] == pytest.approx(expected)
