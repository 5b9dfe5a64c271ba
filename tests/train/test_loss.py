"""The loss of a step against its formula, with mixed targets and smoothing."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from archdsl.data.augment import Target
from archdsl.emit.vision import import_torchvision
from archdsl.train.loss import loss
from archdsl.words.train.losses import Bce, Ce

LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS, OTHER = torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([1, 1, 3, 0, 2, 1])
PLAIN, MIXED = Target(LABELS), Target(LABELS, OTHER, torch.tensor(0.7, dtype=torch.float64))


def shares(target: Target) -> torch.Tensor:
    first = functional.one_hot(target.labels, 4).double()
    return first if target.other is None else 0.7 * first + 0.3 * functional.one_hot(target.other, 4).double()


@pytest.mark.parametrize("smooth", [0.0, 0.1])
@pytest.mark.parametrize("target", [PLAIN, MIXED], ids=["plain", "mixed"])
@pytest.mark.holds("smooth")
def test_cross_entropy(target: Target, smooth: float) -> None:
    """Szegedy et al. 2016, section 7; of mixed images Zhang et al. 2018: the cross-entropy with the blended target."""
    wanted = shares(target) * (1 - smooth) + smooth / 4
    expected = -(wanted * LOGITS.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss(LOGITS, target, smooth), expected)


@pytest.mark.parametrize("smooth", [0.0, 0.1])
@pytest.mark.parametrize("target", [PLAIN, MIXED], ids=["plain", "mixed"])
@pytest.mark.parametrize("threshold", [None, 0.2, 0.5])
@pytest.mark.holds("bce")
def test_binary_cross_entropy(target: Target, smooth: float, threshold: float | None) -> None:
    wanted = shares(target)
    wanted = wanted if threshold is None else (wanted > threshold).double()
    wanted = wanted * (1 - smooth) + smooth / 4
    p = LOGITS.sigmoid()
    expected = -(wanted * p.log() + (1 - wanted) * (1 - p).log()).mean()
    torch.testing.assert_close(loss(LOGITS, target, smooth, Bce(threshold)), expected)


@pytest.mark.parametrize("smooth", [0.0, 0.1])
@pytest.mark.holds("ce")
def test_class_weights_are_those_of_torch(smooth: float) -> None:
    weights = (0.5, 1.0, 4.0, 2.5)
    expected = functional.cross_entropy(LOGITS, LABELS, LOGITS.new_tensor(weights), label_smoothing=smooth)
    torch.testing.assert_close(loss(LOGITS, PLAIN, smooth, Ce(weights=weights)), expected)
    wanted = shares(MIXED) * LOGITS.new_tensor(weights)
    expected = -(wanted * LOGITS.log_softmax(1)).sum() / wanted.sum()
    torch.testing.assert_close(loss(LOGITS, MIXED, 0.0, Ce(weights=weights)), expected)
    torch.testing.assert_close(loss(LOGITS, PLAIN, smooth, Ce(weights=(1.0,) * 4)), loss(LOGITS, PLAIN, smooth))


def test_balanced_weights() -> None:
    """As scikit-learn's `class_weight="balanced"`: N / (C · n)."""
    assert Ce(balanced=True).counted((10, 30, 0)) == Ce(weights=(2.0, 2 / 3, 1.0))
    assert Ce(weights=(2.0, 2 / 3)).said(("a", "b")) == "class weights: a 2, b 0.6667"
    assert Ce(weights=(0.5,) * 10 + (2.0,)).said(tuple("abcdefghijk")) == "class weights from 0.5 to 2"


def test_it_is_timms() -> None:
    import_torchvision()
    timm = pytest.importorskip("timm.loss")
    theirs = timm.BinaryCrossEntropy(smoothing=0.1)(LOGITS.float(), LABELS)
    torch.testing.assert_close(loss(LOGITS.float(), PLAIN, 0.1, Bce()), theirs)
