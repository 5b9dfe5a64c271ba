"""The loss of a step."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from torch.nn import functional


class Mixed(Protocol):
    """Labels (N,) int64; where images are mixed, the ``other`` labels and the ``share`` (0-dim) of the first."""

    @property
    def labels(self) -> Tensor: ...
    @property
    def other(self) -> Tensor | None: ...
    @property
    def share(self) -> Tensor | None: ...


def loss(logits: Tensor, target: Mixed, smooth: float = 0.0) -> Tensor:
    """Cross-entropy, with label smoothing (Szegedy et al. 2016); of mixed images the mean weighted by their shares
    (Zhang et al. 2018).
    """
    first = functional.cross_entropy(logits, target.labels, label_smoothing=smooth)
    if target.other is None or target.share is None:
        return first
    second = functional.cross_entropy(logits, target.other, label_smoothing=smooth)
    return target.share * first + (1 - target.share) * second
