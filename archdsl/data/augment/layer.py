"""Augmentations as a layer of the model (``where=model``)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archdsl.data.augment.apply import augment
from archdsl.data.augment.draws import Chances
from archdsl.words.data.changes import Augmentation


class AugmentLayer(nn.Module):
    """Augments normalised images (N, C, H, W) in training mode; the identity in eval mode.

    The images are taken back to bytes for it, so that each word does the same in both places. ``step`` keys the draws.
    """

    def __init__(
        self, words: tuple[Augmentation, ...], mean: tuple[float, ...], std: tuple[float, ...], chances: Chances
    ) -> None:
        super().__init__()
        self.words, self.chances, self.step = words, chances, 0
        self.total: int | None = None
        self.start = 0
        self.mean, self.std = (torch.tensor(v, device=chances.device).view(1, -1, 1, 1) for v in (mean, std))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        images = ((x * self.std + self.mean) * 255).round().clamp(0, 255).to(torch.uint8)
        images = augment(images, self.words, self.chances, self.step, self.total, self.start)
        return (images.float() / 255 - self.mean) / self.std
