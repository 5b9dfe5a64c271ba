"""Images that are mixed with each other, and their targets.

What is drawn are a few numbers a step, on the host. ``mix`` takes them as numbers; ``mix_by`` takes them from a tensor
on the device, so that one captured step serves for all of them, and gives the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from archdsl.data.augment.draws import Chances
from archdsl.words.data.changes import Augmentation, CutMix, Mixing, Mixup


@dataclass(frozen=True, eq=False)
class Target:
    """Labels (N,) int64; where images are mixed, the ``other`` labels and the ``share`` (0-dim) of the first."""

    labels: Tensor
    other: Tensor | None = None
    share: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Mixture:
    """The numbers of one step: weights of an image and of its partner, the partner's box, the first label's share."""

    own: float = 1.0
    other: float = 0.0
    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0
    share: float = 1.0

    @property
    def numbers(self) -> tuple[float, ...]:
        """All of them, in the order in which ``mix_by`` takes them."""
        return (self.own, self.other, self.top, self.bottom, self.left, self.right, self.share)


def mixing(words: tuple[Augmentation, ...]) -> tuple[Mixing, ...]:
    """Those of the words that mix images."""
    return tuple(w for w in words if isinstance(w, Mixing))


def mixture(words: tuple[Mixing, ...], chances: Chances, step: int, shape: tuple[int, ...]) -> Mixture:
    """What a step draws for a batch of this shape; two words take turns by chance."""
    coin = chances.at("mix", step, shape[0]).host
    word = words[int(coin.integers(len(words)))] if len(words) > 1 else words[0]
    host = chances.at(word.name, step, shape[0]).host
    drawn = float(host.beta(word.alpha, word.alpha))
    if isinstance(word, Mixup):
        return Mixture(drawn, 1 - drawn, share=drawn)
    return boxed(drawn, float(host.random()), float(host.random()), *shape[2:])


def boxed(share: float, across: float, down: float, height: int, width: int) -> Mixture:
    """The partner's box: 1 - ``share`` of the area before it is cut at the edges, its middle at the shares ``across``
    and ``down`` of the image. The labels weigh as much as the areas after it.
    """
    half = (1 - share) ** 0.5 / 2
    x, y = int(across * width), int(down * height)
    left, right = max(0, int(x - half * width)), min(width, int(x + half * width))
    top, bottom = max(0, int(y - half * height)), min(height, int(y + half * height))
    area = (right - left) * (bottom - top) / (height * width)
    return Mixture(top=top, bottom=bottom, left=left, right=right, share=1 - area)


def mix(
    images: Tensor, labels: Tensor, words: tuple[Augmentation, ...], chances: Chances, step: int
) -> tuple[Tensor, Target]:
    """The normalised batch (N, ...) with each image mixed with the one before it, as the words say."""
    found = mixing(words)
    if not found:
        return images, Target(labels)
    drawn = mixture(found, chances, step, tuple(images.shape))
    weight = torch.full((), drawn.share, device=images.device)  # filled there: a copy would wait for the device
    return blended(images, drawn), Target(labels, labels.roll(1, 0), weight)


def blended(images: Tensor, drawn: Mixture) -> Tensor:
    """The images with their partners in them."""
    partner = images.roll(1, 0)
    if drawn.own != 1.0:
        return drawn.own * images + drawn.other * partner
    images = images.clone()
    rows, columns = slice(drawn.top, drawn.bottom), slice(drawn.left, drawn.right)
    images[..., rows, columns] = partner[..., rows, columns]
    return images


def mix_by(images: Tensor, labels: Tensor, words: tuple[Mixing, ...], numbers: Tensor) -> tuple[Tensor, Target]:
    """As ``mix``, by numbers (7,) on the device; where two words take turns, the other one's numbers change nothing."""
    if not words:
        return images, Target(labels)
    own, other, top, bottom, left, right, share = numbers.unbind()
    partner = images.roll(1, 0)
    mixed = images
    if any(isinstance(w, Mixup) for w in words):
        mixed = own * images + other * partner
    if any(isinstance(w, CutMix) for w in words):
        y = torch.arange(images.shape[2], device=images.device)[:, None]
        x = torch.arange(images.shape[3], device=images.device)
        inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
        mixed = torch.where(inside, partner, mixed)
    return mixed, Target(labels, labels.roll(1, 0), share.float())
