"""Images that are mixed with each other, and their targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from archdsl.train.chance import Chances
from archdsl.words.data.changes import Augmentation, CutMix, Mixing, Mixup


@dataclass(frozen=True, eq=False)
class Target:
    """Labels (N,) int64; where images are mixed, the ``other`` labels and the ``share`` (0-dim) of the first."""

    labels: Tensor
    other: Tensor | None = None
    share: Tensor | None = None


def mix(
    images: Tensor, labels: Tensor, words: tuple[Augmentation, ...], chances: Chances, step: int
) -> tuple[Tensor, Target]:
    """The normalised batch (N, ...) with each image mixed with the one before it, as the words say; two words take turns
    by chance.
    """
    mixing = [w for w in words if isinstance(w, Mixing)]
    if not mixing:
        return images, Target(labels)
    coin = chances.at("mix", step, len(images)).host
    word = mixing[int(coin.integers(len(mixing)))] if len(mixing) > 1 else mixing[0]
    host = chances.at(word.name, step, len(images)).host
    drawn = float(host.beta(word.alpha, word.alpha))
    partner = images.roll(1, 0)
    match word:
        case Mixup():
            images, share = drawn * images + (1 - drawn) * partner, drawn
        case CutMix():
            images, share = paste(images, partner, drawn, float(host.random()), float(host.random()))
    weight = torch.tensor(share, dtype=torch.float32, device=images.device)
    return images, Target(labels, labels.roll(1, 0), weight)


def paste(images: Tensor, partner: Tensor, share: float, across: float, down: float) -> tuple[Tensor, float]:
    """A box of the partner in each image, of 1 - ``share`` of the area before it is cut at the edges; its middle at the
    shares ``across`` and ``down`` of the image. Also the share that is left to the first, by true area.
    """
    height, width = images.shape[2:]
    half = (1 - share) ** 0.5 / 2
    x, y = int(across * width), int(down * height)
    left, right = max(0, int(x - half * width)), min(width, int(x + half * width))
    top, bottom = max(0, int(y - half * height)), min(height, int(y + half * height))
    images = images.clone()
    images[:, :, top:bottom, left:right] = partner[:, :, top:bottom, left:right]
    return images, 1 - (right - left) * (bottom - top) / (height * width)
