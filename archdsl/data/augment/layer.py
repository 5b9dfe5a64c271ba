"""Augmentations as a layer of the model (``where=model``)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archdsl.data.augment.apply import augment
from archdsl.data.augment.draws import Draws
from archdsl.words.data.base import Augmentation


class AugmentLayer(nn.Module):
    """Augments normalised images (N, C, H, W) in training mode; the identity in eval mode.

    The images are converted back to bytes for it, so that each word does the same in both places. ``step`` keys the draws.
    """

    def __init__(
        self, words: tuple[Augmentation, ...], mean: tuple[float, ...], std: tuple[float, ...], draws: Draws
    ) -> None:
        super().__init__()
        self.words, self.draws, self.step = words, draws, 0
        self.total: int | None = None
        self.start = 0
        self.mean, self.std = (torch.tensor(v, device=draws.device).view(1, -1, 1, 1) for v in (mean, std))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        images = ((x * self.std + self.mean) * 255).round().clamp(0, 255).to(torch.uint8)
        images = augment(images, self.words, self.draws, self.step, self.total, self.start)
        return (images.float() / 255 - self.mean) / self.std
