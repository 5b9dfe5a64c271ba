"""Augmentations of a whole batch: each word's own ``apply``, with its draws and the functions that it may use."""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.data.augment import ops
from archdsl.data.augment.draws import Draws
from archdsl.errors import ArchError, InternalError
from archdsl.words.data.base import Augmentation, Mixing
from archdsl.words.tasks import IGNORED


def augment(
    images: Tensor,
    words: tuple[Augmentation, ...],
    draws: Draws,
    step: int,
    total: int | None = None,
    start: int = 0,
) -> Tensor:
    """The batch (N, C, H, W) of bytes after all augmentations, in their order; shape, type and device stay.

    Args:
        step: of the run; it keys the draws.
        total, start: the batch is the rows from ``start`` on of a step's ``total``.

    Raises:
        ArchError: a word changed shape, type or device.
    """
    for word in words:
        if not isinstance(word, Mixing):
            changed = word.apply(images, draws.at(word.stream, step, len(images), total, start), ops)
            images = _checked(word, images, changed)
    return images


def augment_with_masks(
    images: Tensor,
    masks: Tensor,
    words: tuple[Augmentation, ...],
    draws: Draws,
    step: int,
    total: int | None = None,
    start: int = 0,
) -> tuple[Tensor, Tensor]:
    """The same images as those of ``augment``, and the classes of their pixels. What moves pixels moves their classes with
    them; pixels that come in from outside of an image are ignored.

    Args:
        masks: (N, H, W) int64, classes below 255, or ``IGNORED``.

    Raises:
        ArchError: a word changed shape, type or device.
        InternalError: a word has no rule for masks.
    """
    for word in words:
        if word.masks == "keeps":
            images = augment(images, (word,), draws, step, total, start)
        elif word.masks == "moves":
            both = torch.cat((images, (masks - IGNORED)[:, None].to(images.dtype)), 1)  # 0 is ignored, as a border is 0
            both = augment(both, (word,), draws, step, total, start)
            images, masks = both[:, :-1], both[:, -1].long() + IGNORED
        else:
            raise InternalError(f"`{word.name}` has no rule for masks")
    return images, masks


def _checked(word: Augmentation, before: Tensor, after: Tensor) -> Tensor:
    if (after.shape, after.dtype, after.device) != (before.shape, before.dtype, before.device):
        raise ArchError(
            f"`{word.name}` of {type(word).__module__} changes the batch from {_sort(before)} to {_sort(after)}",
            help="an augmentation keeps shape, type and device",
        )
    return after


def _sort(images: Tensor) -> str:
    return f"{'x'.join(map(str, images.shape))} {images.dtype} on {images.device}"
