"""Images that are mixed with each other, and their targets.

What is drawn are a few numbers a step, on the host. ``mix`` takes them as numbers; ``mix_by`` takes them from a tensor
on the device, so that one captured step serves for all of them, and gives the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from archdsl.data.augment.draws import Draws
from archdsl.words.data.base import Augmentation, Mixing, Mixture


@dataclass(frozen=True, eq=False)
class Target:
    """Labels (N,) int64; where images are mixed, the ``other`` labels and the ``share`` (0-dim) of the first."""

    labels: Tensor
    other: Tensor | None = None
    share: Tensor | None = None


def mixing(words: tuple[Augmentation, ...]) -> tuple[Mixing, ...]:
    """Those of the words that mix images."""
    return tuple(w for w in words if isinstance(w, Mixing))


def mixture(words: tuple[Mixing, ...], draws: Draws, step: int, shape: tuple[int, ...]) -> Mixture:
    """What a step draws for a batch of this shape; several words take turns at random."""
    coin = draws.at("mix", step, shape[0]).host
    word = words[int(coin.integers(len(words)))] if len(words) > 1 else words[0]
    host = draws.at(word.stream, step, shape[0]).host
    return word.mixture(host, shape)


def mix(
    images: Tensor, labels: Tensor, words: tuple[Augmentation, ...], draws: Draws, step: int
) -> tuple[Tensor, Target]:
    """The normalised batch (N, ...) with each image mixed with the one before it, as the words say."""
    ways = mixing(words)
    if not ways:
        return images, Target(labels)
    drawn = mixture(ways, draws, step, tuple(images.shape))
    weight = torch.full((), drawn.label, device=images.device)  # filled there: a copy would wait for the device
    return blended(images, drawn), Target(labels, labels.roll(1, 0), weight)


def blended(images: Tensor, drawn: Mixture) -> Tensor:
    """The images with their partners in them."""
    partner = images.roll(1, 0)
    mixed = drawn.own * images + drawn.other * partner if drawn.own != 1.0 else images.clone()
    rows, columns = slice(drawn.top, drawn.bottom), slice(drawn.left, drawn.right)
    if drawn.bottom > drawn.top:
        mixed[..., rows, columns] = partner[..., rows, columns]
    return mixed


def mix_by(images: Tensor, labels: Tensor, words: tuple[Mixing, ...], numbers: Tensor) -> tuple[Tensor, Target]:
    """As ``mix``, by numbers (7,) on the device; where two words take turns, the other one's numbers change nothing."""
    if not words:
        return images, Target(labels)
    own, other, top, bottom, left, right, share = numbers.unbind()
    partner = images.roll(1, 0)
    mixed = images
    if any(w.blends for w in words):
        mixed = own * images + other * partner
    if any(w.boxes for w in words):
        y = torch.arange(images.shape[2], device=images.device)[:, None]
        x = torch.arange(images.shape[3], device=images.device)
        inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
        mixed = torch.where(inside, partner, mixed)
    return mixed, Target(labels, labels.roll(1, 0), share.float())
