"""Schedules against torch's schedulers."""

import math
import warnings

import pytest
import torch
from torch import nn

from archdsl.train.schedule import factor
from archdsl.words.train.values import Cosine, OneCycle, Step


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
