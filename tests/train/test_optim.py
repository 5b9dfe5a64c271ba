"""Optimisers against torch's, schedules against torch's schedulers."""

import math
import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

from archdsl.train.experiment import TrainSettings
from archdsl.train.optim import make_optimizer, set_rate
from archdsl.train.schedule import factor
from archdsl.words.train.values import Adam, Cosine, OneCycle, Sgd, Step

START = torch.linspace(-1, 1, 6)
SGD, NESTEROV = Sgd(0.1, 0.9, False), Sgd(0.1, 0.9, True)
ADAM = Adam(0.01, 0.9, 0.99, 1e-8)


def walk(make, steps: int = 5) -> torch.Tensor:
    """Some steps on a bowl that is not round."""
    weight = nn.Parameter(START.clone())
    optimizer = make([weight])
    for _ in range(steps):
        optimizer.zero_grad()
        (weight**2 * torch.arange(1, 7)).sum().backward()
        optimizer.step()
    return weight.detach()


def ours(settings: TrainSettings) -> torch.Tensor:
    return walk(lambda parameters: make_optimizer(parameters, settings))


@pytest.mark.parametrize(
    ("settings", "theirs"),
    [
        (TrainSettings(SGD), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
        (TrainSettings(Sgd(0.1, 0.0, False)), lambda p: torch.optim.SGD(p, 0.1)),
        (TrainSettings(NESTEROV), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True)),
        (TrainSettings(SGD, l2=0.1), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.1)),
        (TrainSettings(ADAM), lambda p: torch.optim.Adam(p, 0.01, (0.9, 0.99))),
        (TrainSettings(ADAM, l2=0.1), lambda p: torch.optim.Adam(p, 0.01, (0.9, 0.99), weight_decay=0.1)),
        (TrainSettings(ADAM, wd=0.1), lambda p: torch.optim.AdamW(p, 0.01, (0.9, 0.99), weight_decay=0.1)),
        (TrainSettings(replace(ADAM, wd=0.1)), lambda p: torch.optim.AdamW(p, 0.01, (0.9, 0.99), weight_decay=0.1)),
    ],
)
def test_steps_are_torchs(settings: TrainSettings, theirs) -> None:
    torch.testing.assert_close(ours(settings), walk(theirs))


def test_decoupled_decay_of_sgd_is_its_formula() -> None:
    weight, speed = START.clone(), torch.zeros(6)
    for _ in range(5):
        slope = 2 * weight * torch.arange(1, 7)  # at the weights before they shrink
        speed = 0.9 * speed + slope
        weight = weight * (1 - 0.1 * 0.05) - 0.1 * speed
    torch.testing.assert_close(ours(TrainSettings(SGD, wd=0.05)), weight)


def rates(make, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(START.clone())], 1.0)
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
        (OneCycle(0.3, 25.0, 1e4), lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1.0, 40, cycle_momentum=False)),
    ],
)
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


def test_set_rate() -> None:
    optimizer = make_optimizer([nn.Parameter(START.clone())], TrainSettings(SGD))
    set_rate(optimizer, 0.25)
    assert optimizer.param_groups[0]["lr"] == 0.25
