"""Formulas (5) to (9): penalties and decay.

Each formula of docs/formulas.md is computed in numpy and compared with what the word of a text does. Where a word draws at
random, the test reads the mask or the weight that was drawn, and computes the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.train.optim import Update, reparametrise
from tests.formulas.common import Array, train_settings


class Quadratic(nn.Module):
    """½·‖w - z‖² over a matrix with zeros in it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3, bias=False).double()
        self.z = torch.from_numpy(np.linspace(-1.5, 1.5, 12).reshape(3, 4))
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(np.linspace(0.9, -0.9, 12).reshape(3, 4)))
            self.linear.weight[0] = 0.0

    def forward(self) -> torch.Tensor:
        return 0.5 * (self.linear.weight - self.z).square().sum()


def weights_after(words: str, steps: int) -> Array:
    settings, model = train_settings(words), Quadratic()
    if settings.spred:
        reparametrise(model)
    update = Update(model, settings)
    for _ in range(steps):
        update.zero()
        model().backward()
        update.apply()
    return model.linear.weight.detach().numpy().copy()


def by_rule(rule: Callable[[Array, Array, int], Array], steps: int) -> Array:
    """The same by a rule: new weights from weights, gradient and the step counted from 1."""
    start = Quadratic()
    w, z = start.linear.weight.detach().numpy().copy(), start.z.numpy()
    for t in range(1, steps + 1):
        w = rule(w, w - z, t)
    return w


def test_formula_05_l2_penalty() -> None:
    expected = by_rule(lambda w, g, _: w - 0.1 * (g + 0.05 * w), 7)
    np.testing.assert_allclose(weights_after("sgd(0.1, momentum=0) l2(0.05)", 7), expected, rtol=1e-12)


def test_formula_06_l1_penalty() -> None:
    expected = by_rule(lambda w, g, _: w - 0.1 * (g + 0.05 * np.sign(w)), 7)
    np.testing.assert_allclose(weights_after("sgd(0.1, momentum=0) l1(0.05)", 7), expected, rtol=1e-12)


def test_formula_07_spred() -> None:
    """Plain gradients of a·b with decay on both end at the minimum of the L1 penalty, the soft threshold."""
    z, rate = np.linspace(-1.5, 1.5, 12).reshape(3, 4), 0.3
    soft = np.sign(z) * np.maximum(np.abs(z) - rate, 0)
    np.testing.assert_allclose(weights_after(f"sgd(0.1, momentum=0) spred({rate})", 4000), soft, atol=1e-8)
    a = np.linspace(0.01, 5, 200_000)  # the identity behind it: the least of (a² + b²)/2 with a·b = w is |w|
    for w in (-1.3, 0.4, 2.0):
        assert ((a**2 + (w / a) ** 2) / 2).min() == pytest.approx(abs(w), rel=1e-8)


def test_formula_08_group_lasso() -> None:
    def rule(w: Array, g: Array, _: int) -> Array:
        norms = np.sqrt((w**2).sum(1, keepdims=True))
        return w - 0.1 * (g + 0.05 * np.sqrt(4) * np.divide(w, norms, out=np.zeros_like(w), where=norms > 0))

    found = weights_after("sgd(0.1, momentum=0) grouplasso(0.05)", 7)
    np.testing.assert_allclose(found, by_rule(rule, 7), rtol=1e-12)


def test_formula_09_decoupled_weight_decay() -> None:
    """Equal to the L2 penalty under SGD; under Adam both follow rules of their own, which differ."""
    coupled, decoupled = (weights_after(f"sgd(0.1, momentum=0) {word}(0.05)", 7) for word in ("l2", "wd"))
    np.testing.assert_allclose(decoupled, coupled, rtol=1e-12)
    moments: dict[str, Any] = {}

    def adam(w: Array, g: Array, t: int) -> Array:
        if t == 1:
            moments.update(m=0.0, v=0.0)
        moments["m"] = 0.9 * moments["m"] + 0.1 * g
        moments["v"] = 0.999 * moments["v"] + 0.001 * g * g
        return w - 0.1 * (moments["m"] / (1 - 0.9**t)) / (np.sqrt(moments["v"] / (1 - 0.999**t)) + 1e-8)

    shrunk = by_rule(lambda w, g, t: adam(w, g, t) - 0.1 * 0.05 * w, 7)
    through = by_rule(lambda w, g, t: adam(w, g + 0.05 * w, t), 7)
    np.testing.assert_allclose(weights_after("adam(0.1) wd(0.05)", 7), shrunk, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weights_after("adam(0.1) l2(0.05)", 7), through, rtol=1e-9, atol=1e-12)
    assert np.abs(shrunk - through).max() > 1e-3
