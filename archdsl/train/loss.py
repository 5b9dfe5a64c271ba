"""The loss of a step."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from archdsl.words.train.values import Bce


class Mixed(Protocol):
    """Labels (N,) int64; where images are mixed, the ``other`` labels and the ``share`` (0-dim) of the first."""

    @property
    def labels(self) -> Tensor: ...
    @property
    def other(self) -> Tensor | None: ...
    @property
    def share(self) -> Tensor | None: ...


def loss(logits: Tensor, target: Mixed, smooth: float = 0.0, bce: Bce | None = None) -> Tensor:
    """Cross-entropy, with label smoothing (Szegedy et al. 2016); of mixed images the mean weighted by their shares
    (Zhang et al. 2018). With ``bce`` the binary one of each class.
    """
    if bce is not None:
        return _binary(logits, target, smooth, bce.threshold)
    first = functional.cross_entropy(logits, target.labels, label_smoothing=smooth)
    if target.other is None or target.share is None:
        return first
    second = functional.cross_entropy(logits, target.other, label_smoothing=smooth)
    return target.share * first + (1 - target.share) * second


def _binary(logits: Tensor, target: Mixed, smooth: float, threshold: float | None) -> Tensor:
    """The mean over images and classes; the targets are shares of classes, or whether these exceed the threshold."""
    classes = logits.shape[1]
    shares = functional.one_hot(target.labels, classes).to(logits.dtype)
    if target.other is not None and target.share is not None:
        shares = torch.lerp(functional.one_hot(target.other, classes).to(logits.dtype), shares, target.share)
    if threshold is not None:
        shares = (shares > threshold).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, shares * (1 - smooth) + smooth / classes)
