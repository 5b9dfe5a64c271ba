"""The loss of a step, and of an evaluation."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from archdsl.errors import InternalError
from archdsl.words.tasks import CLASSIFICATION, IGNORED, Several, Task
from archdsl.words.train.kinds import Loss


class Plain(NamedTuple):
    """Targets, see ``Task.items``, of examples that are not mixed."""

    labels: Tensor
    other: Tensor | None = None
    share: Tensor | None = None


class Mixed(Protocol):
    """Targets, see ``Task.items``; where images are mixed, the ``other`` labels and the ``share`` (0-dim) of the first."""

    @property
    def labels(self) -> Tensor: ...
    @property
    def other(self) -> Tensor | None: ...
    @property
    def share(self) -> Tensor | None: ...


def loss(
    output: Tensor, target: Mixed, smooth: float = 0.0, other: Loss | None = None, task: Task = CLASSIFICATION
) -> Tensor:
    """The mean loss of the items of a batch.

    Of classes the cross-entropy, with label smoothing (Szegedy et al. 2016); of mixed images the mean weighted by their
    shares (Zhang et al. 2018); of places the mean over those that are not ignored, 0 where all are. Of numbers the squared
    error. Or another loss in its place. Of several heads the sum of their losses, each times its weight.
    """
    if isinstance(task, Several):
        if other is not None:
            raise InternalError(f"the loss `{other.word}` would be left out: several heads have their own")
        return _of_heads(output, target.labels, task)
    if not task.counted:
        return _of_numbers(output, target.labels, other)
    if not task.whole:
        return _of_places(*task.items(output, target.labels), smooth, other)
    if other is not None:
        result: Tensor = other.loss(functional, output, _fractions(output, target), smooth)
        return result
    first = functional.cross_entropy(output, target.labels, label_smoothing=smooth)
    if target.other is None or target.share is None:
        return first
    second = functional.cross_entropy(output, target.other, label_smoothing=smooth)
    return target.share * first + (1 - target.share) * second


def _of_heads(output: Tensor, targets: Tensor, task: Several) -> Tensor:
    each = [loss(own, Plain(wanted), task=head.task) for head, own, wanted in task.each(output, targets)]
    return torch.stack([task.weight(number) * value for number, value in enumerate(each)]).sum()


def _of_numbers(output: Tensor, targets: Tensor, other: Loss | None) -> Tensor:
    if other is None:
        return functional.mse_loss(output, targets)
    result: Tensor = other.loss(functional, output, targets, 0.0)
    return result


def _of_places(logits: Tensor, labels: Tensor, smooth: float, other: Loss | None) -> Tensor:
    if other is not None:
        counted = labels != IGNORED
        fractions = functional.one_hot(labels.where(counted, 0), logits.shape[1]) * counted[:, None]
        result: Tensor = other.loss(functional, logits, fractions.to(logits.dtype), smooth)
        return result
    whole = functional.cross_entropy(logits, labels, ignore_index=IGNORED, label_smoothing=smooth, reduction="sum")
    return whole / (labels != IGNORED).sum().clamp(min=1)


def _fractions(logits: Tensor, target: Mixed) -> Tensor:
    """The fraction of each class in each image, (N, classes)."""
    classes = logits.shape[1]
    fractions = functional.one_hot(target.labels, classes).to(logits.dtype)
    if target.other is None or target.share is None:
        return fractions
    return torch.lerp(functional.one_hot(target.other, classes).to(logits.dtype), fractions, target.share)
