"""The loss of a step."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from archdsl.words.train.kinds import Loss


class Mixed(Protocol):
    """Labels (N,) int64; where images are mixed, the ``other`` labels and the ``share`` (0-dim) of the first."""

    @property
    def labels(self) -> Tensor: ...
    @property
    def other(self) -> Tensor | None: ...
    @property
    def share(self) -> Tensor | None: ...


def loss(logits: Tensor, target: Mixed, smooth: float = 0.0, other: Loss | None = None) -> Tensor:
    """Cross-entropy, with label smoothing (Szegedy et al. 2016); of mixed images the mean weighted by their shares
    (Zhang et al. 2018); or another loss in its place.
    """
    if other is not None:
        result: Tensor = other.loss(functional, logits, _fractions(logits, target), smooth)
        return result
    first = functional.cross_entropy(logits, target.labels, label_smoothing=smooth)
    if target.other is None or target.share is None:
        return first
    second = functional.cross_entropy(logits, target.other, label_smoothing=smooth)
    return target.share * first + (1 - target.share) * second


def _fractions(logits: Tensor, target: Mixed) -> Tensor:
    """The fraction of each class in each image, (N, classes)."""
    classes = logits.shape[1]
    fractions = functional.one_hot(target.labels, classes).to(logits.dtype)
    if target.other is None or target.share is None:
        return fractions
    return torch.lerp(functional.one_hot(target.other, classes).to(logits.dtype), fractions, target.share)
