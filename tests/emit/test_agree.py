"""How answers are compared: of a network that draws, its distribution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.errors import ArchError
from archdsl.export.agree import agreement, compare
from archdsl.export.deploy import Form
from archdsl.words.tasks import TASKS, Regression

FORM = Form((6,), 4, mc=True)


def net(rate: float) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(rate), nn.Linear(32, 4)).requires_grad_(False)
    for layer in model:
        if isinstance(layer, nn.Linear):
            layer.weight *= 3
    model.eval()
    model[2].train()
    return model


def runner(model: nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    def run(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found: np.ndarray = model(torch.from_numpy(x)).numpy()
        return found

    return run


def test_the_same_distribution_agrees() -> None:
    found = agreement(runner(net(0.5)), net(0.5), FORM, "it")
    assert set(found.differences) == {7}
    assert 0 < max(found.differences.values()) < 0.3


def test_dropout_that_is_off_is_refused() -> None:
    with pytest.raises(ArchError, match="two passes over one batch are equal"):
        agreement(runner(net(0.5).eval()), net(0.5), FORM, "it")


def test_another_distribution_is_refused() -> None:
    with pytest.raises(ArchError, match="standard errors"):
        agreement(runner(net(0.99)), net(0.1), FORM, "it")


def test_a_runner_that_fails_is_named() -> None:
    def fail(x: np.ndarray) -> np.ndarray:
        raise RuntimeError("no kernel\nand more")

    with pytest.raises(ArchError, match="the engine fails at batch 1: no kernel"):
        agreement(fail, net(0.5), FORM, "the engine")


def test_the_looser_tolerance_is_asked_for() -> None:
    wanted = np.array([[1.0, 2.0, 3.0]], np.float32)
    with pytest.raises(ArchError, match="differs"):
        compare(wanted, wanted + np.float32(0.03), 1)
    assert compare(wanted, wanted + np.float32(0.03), 1, loose=2e-2) == pytest.approx(0.01, rel=1e-3)
    assert compare(wanted, wanted.astype(np.float16), 1) == 0.0


NUMBERS = Form((6,), 1, mc=True, task=Regression((250.0,), (80.0,)))


def one(rate: float, shift: float = 0.0) -> nn.Module:
    """A net that gives one number, which dropout moves."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(rate), nn.Linear(32, 1)).requires_grad_(False)
    model[3].bias += shift  # type: ignore[operator, arg-type]
    model.eval()
    model[2].train()
    return model


def test_numbers_are_compared_by_their_means() -> None:
    """One number for each input has no probabilities, and those of several would be 0 and 1."""
    found = agreement(runner(one(0.5)), one(0.5), NUMBERS, "it")
    assert set(found.differences) == {7}
    assert 0 < found.differences[7] < 0.3
    assert found.spread > 0
    with pytest.raises(ArchError, match="two passes over one batch are equal"):
        agreement(runner(one(0.5).eval()), one(0.5), NUMBERS, "it")
    with pytest.raises(ArchError, match="standard errors"):
        agreement(runner(one(0.5, shift=1.0)), one(0.5), NUMBERS, "it")


def test_the_classes_of_tokens_are_on_the_last_axis() -> None:
    """The means of softmaxes over the places would be of something that no one asks for."""
    form = Form((3, 2), 2, mc=True, task=TASKS["tokens"], shape=(3, 2))
    torch.manual_seed(0)
    noise = nn.Dropout(0.5).train()

    def biased(by: float) -> Callable[[np.ndarray], np.ndarray]:
        def run(x: np.ndarray) -> np.ndarray:
            found: np.ndarray = (noise(torch.ones(len(x), 3, 2)) + torch.tensor([0.0, by])).numpy()
            return found

        return run

    class Reference(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(biased(0.0)(x.numpy()))

    agreement(biased(0.0), Reference(), form, "it")
    with pytest.raises(ArchError, match="standard errors"):
        agreement(biased(3.0), Reference(), form, "it")


@pytest.mark.parametrize("half", [False, True])
def test_numbers_are_compared_as_they_were_trained(half: bool) -> None:
    """In their units, prices of 200,000 ± 3,000 beside numbers of rooms would hide a file that is wrong by a whole deviation."""
    unit, origin = torch.tensor([3000.0, 1.0]), torch.tensor([200_000.0, 4.0])
    form = Form((6,), 2, half=half, task=Regression(tuple(origin.tolist()), tuple(unit.tolist())))
    torch.manual_seed(0)
    model = nn.Linear(6, 2).requires_grad_(False)

    class Reference(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return model(x) * unit + origin

    def other(by: tuple[float, float]) -> Callable[[np.ndarray], np.ndarray]:
        def run(x: np.ndarray) -> np.ndarray:
            found: np.ndarray = Reference()(torch.from_numpy(x)).numpy() + np.array(by, np.float32)
            return found

        return run

    found = agreement(other((0.0, 0.0)), Reference(), form, "it")
    assert max(found.differences.values()) == 0
    assert found.spread > 0.1
    agreement(other((0.02, 0.0)), Reference(), form, "it")  # rounding of so large a number
    for by in ((300.0, 0.0), (0.0, 0.5)):
        with pytest.raises(ArchError, match=r"differs from torch by 0\.\d+ of the largest"):
            agreement(other(by), Reference(), form, "it")
