"""Test-time augmentation: a net that classifies each image by several views of it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from archdsl.words.train.recipe import Tta


class Viewed(nn.Module):
    """The net on images (N, C, H, W), its logits a mean over views (Krizhevsky et al. 2012, section 4.1; Jordan 2024).

    With ``flip`` the mean of an image and its mirror image. With ``shift`` the mean of that where the image is, and of that
    where it is moved up and left or down and right, mirrored at its edges. In training mode it is the net itself.
    """

    def __init__(self, net: nn.Module, views: Tta) -> None:
        super().__init__()
        self.net, self.views = net, views
        self.training = net.training

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return self.net(x)
        logits, n = self._mirrored(x), self.views.shift
        if not n:
            return logits
        height, width = x.shape[2:]
        wide = functional.pad(x, (n, n, n, n), mode="reflect")
        moved = [wide[:, :, i : i + height, i : i + width] for i in (2 * n, 0)]
        return 0.5 * logits + 0.25 * (self._mirrored(moved[0]) + self._mirrored(moved[1]))

    def _mirrored(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return 0.5 * logits + 0.5 * self.net(x.flip(3)) if self.views.flip else logits


def viewed(net: nn.Module, views: Tta | None) -> nn.Module:
    """The net in the form in which it is evaluated."""
    return Viewed(net, views) if views is not None else net


def recorded(settings: dict[str, Any] | None) -> Tta | None:
    """The views in the recorded settings of a run."""
    return Tta(bool(settings["flip"]), int(settings["shift"])) if settings else None
