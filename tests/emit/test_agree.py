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
