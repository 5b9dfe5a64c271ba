"""Formulas (1) to (4): images, targets, and what ends a run.

Each formula of docs/formulas.md is computed in numpy and compared with what the word of a text does. Where a word draws at
random, the test reads the mask or the weight that was drawn, and computes the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from archdsl.data.augment import augment, mix
from archdsl.data.augment.draws import Draws
from archdsl.runs.events import EpochDone
from archdsl.train.early_stopping import EarlyStopping
from archdsl.train.loss import loss
from tests.formulas.common import CPU, RNG, Array, data_settings, layer, log_softmax, same, tensor, train_settings


def mixed_loss(logits: torch.Tensor, target: Any, weight: float, labels: Array) -> None:
    """The loss of mixed images is the cross-entropy with mixed one-hot targets."""
    onehot = np.eye(10)[labels]
    soft = weight * onehot + (1 - weight) * np.roll(onehot, 1, 0)
    same(loss(logits, target), -(soft * log_softmax(logits.numpy())).sum(1).mean(), 1e-6)  # λ is float32


def test_formula_01_mixup() -> None:
    words = data_settings("mixup(0.4)").augment
    x, labels = tensor(8, 3, 4, 4), torch.arange(8)
    mixed, target = mix(x, labels, words, Draws(0, CPU), 1)
    weight = float(target.share)
    same(mixed, weight * x.numpy() + (1 - weight) * np.roll(x.numpy(), 1, 0), 1e-6)
    mixed_loss(tensor(8, 10), target, weight, labels.numpy())
    weights = [float(mix(x, labels, words, Draws(0, CPU), step)[1].share) for step in range(4000)]
    assert np.mean(weights) == pytest.approx(0.5, abs=0.03), "the mean of Beta(α, α)"
    assert np.var(weights) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01), "its variance, 1 / (4·(2α + 1))"


def test_formula_02_cutmix() -> None:
    words = data_settings("cutmix(1)").augment
    x, labels = tensor(8, 3, 10, 12), torch.arange(8)
    for step in range(20):
        mixed, target = mix(x, labels, words, Draws(0, CPU), step)
        own = (mixed == x).all(1).all(0).numpy()  # (10, 12): which pixels stayed
        rows, columns = np.flatnonzero(~own.all(1)), np.flatnonzero(~own.all(0))
        if len(rows):
            box = np.zeros((10, 12), bool)
            box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
            assert (box == ~own).all(), "what changed is one box"
        same(mixed, np.where(own, x.numpy(), np.roll(x.numpy(), 1, 0)))
        assert float(target.share) == pytest.approx(own.mean(), abs=1e-6)
        mixed_loss(tensor(8, 10), target, own.mean(), labels.numpy())


def test_formula_03_label_smoothing() -> None:
    smooth = train_settings("adam smooth(0.1)").smooth
    logits, labels = tensor(6, 10), torch.arange(6)
    soft = (1 - 0.1) * np.eye(10)[:6] + 0.1 / 10
    target = mix(tensor(6, 1, 2, 2), labels, (), Draws(0, CPU), 0)[1]
    same(loss(logits, target, smooth), -(soft * log_softmax(logits.numpy())).sum(1).mean())


def test_formula_03_additive_brightness() -> None:
    words = data_settings("brightness(0.2, additive)").augment
    x = torch.from_numpy(RNG.integers(60, 196, (500, 1, 4, 4), np.uint8))  # nothing is cut off at 0 or 255
    added = augment(x, words, Draws(0, CPU), 0).numpy().astype(float) - x.numpy()
    constant = added[:, 0, 0, 0]
    assert (added == constant[:, None, None, None]).all(), "one constant for an image"
    assert np.abs(constant).max() <= 0.2 * 255
    assert constant.mean() == pytest.approx(0, abs=3 * 0.2 * 255 / np.sqrt(3 * 500)), "of a uniform distribution"
    assert constant.std() == pytest.approx(0.2 * 255 / np.sqrt(3), rel=0.06)
    bright = augment(torch.full_like(x, 250), words, Draws(0, CPU), 0).numpy().astype(float)
    assert (bright == np.clip(250 + constant, 0, 255)[:, None, None, None]).all()


def test_formula_03_additive_noise() -> None:
    noise = layer("noise(0.3) gap linear(10)", "noise")
    x = tensor(200, 3, 8, 8)
    drawn = (noise(x) - x).numpy()
    assert drawn.mean() == pytest.approx(0, abs=5 * 0.3 / np.sqrt(drawn.size))
    assert drawn.std() == pytest.approx(0.3, rel=0.01)
    same(noise.eval()(x), x.numpy())


@pytest.mark.parametrize(
    ("words", "power", "eps"), [("converged(1e-4, squared)", 2, 1e-4), ("converged(1e-3)", 1, 1e-3)]
)
def test_formula_04_early_stopping(words: str, power: int, eps: float) -> None:
    losses = 0.3 + 2 * 0.7 ** np.arange(60)
    changes = np.abs(np.diff(losses)) ** power
    expected = int(np.flatnonzero(changes < eps)[0]) + 2  # epochs count from 1, and a change needs two
    stopping = EarlyStopping(train_settings(f"adam epochs(100) {words}"))
    ended = 0
    for epoch, value in enumerate(losses, 1):
        stopping.follow(EpochDone(epoch, epoch, float(value), 0.5, None, None, 0.1, 1.0, 1.0))
        if stopping.why:
            ended = epoch
            break
    assert ended == expected
