"""Linear layers on images, and a border that no maximum takes."""

import torch
from torch import nn


class PixelLinear(nn.Linear):
    """A linear layer of each pixel's channels: a 1×1 convolution with the weights of a linear layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Apart(nn.Module):
    """A layer of an image (N, C, H, W) for each of so many equal parts of its channels, and for each window of this size by
    itself; of tokens (N, T, D) for each part of their numbers.
    """

    def __init__(self, f: nn.Module, heads: int = 1, window: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.f, self.heads, self.window = f, heads, window

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim == 3:
            return self.f(x.unflatten(2, (self.heads, -1))).flatten(2)
        rows, columns = (1, 1) if self.window is None else (x.shape[2] // self.window[0], x.shape[3] // self.window[1])
        parts = x.unflatten(3, (columns, -1)).unflatten(2, (rows, -1)).unflatten(1, (self.heads, -1))
        parts = parts.permute(
            0, 1, 3, 5, 2, 4, 6
        )  # (N, heads, rows, columns, C / heads, rows of a window, columns of a window)
        made = self.f(parts.flatten(0, 3)).unflatten(0, (-1, self.heads, rows, columns))
        return made.permute(0, 1, 4, 2, 5, 3, 6).flatten(5, 6).flatten(3, 4).flatten(1, 2)

    def extra_repr(self) -> str:
        return f"heads={self.heads}, window={self.window}"


class LowestPad2d(nn.ConstantPad2d):
    """Minus infinity round an image, left, right, top and bottom; a maximum takes none of it."""

    def __init__(self, padding: tuple[int, int, int, int]) -> None:
        super().__init__(padding, float("-inf"))
