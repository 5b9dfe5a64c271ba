"""Linear layers on images, and a border that no maximum takes."""

import torch
from torch import nn


class PixelLinear(nn.Linear):
    """A linear layer of each pixel's channels: a 1×1 convolution with the weights of a linear layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class LowestPad2d(nn.ConstantPad2d):
    """Minus infinity round an image, left, right, top and bottom; a maximum takes none of it."""

    def __init__(self, padding: tuple[int, int, int, int]) -> None:
        super().__init__(padding, float("-inf"))
