"""From an image or tokens to fewer values."""

import torch
import torch.nn.functional as F
from torch import nn


class GlobalAvgPool2d(nn.Module):
    """The mean of each channel: (N, C, H, W) to (N, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


class GlobalMaxPool2d(nn.Module):
    """The largest value of each channel: (N, C, H, W) to (N, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.amax((2, 3))


class MeanTokens(nn.Module):
    """The mean over tokens: (N, T, D) to (N, D)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1)


class BlurPool2d(nn.Module):
    """Each channel smoothed by a binomial filter, then subsampled (Zhang 2019)."""

    kernel: torch.Tensor

    def __init__(self, kernel_size: int = 3, stride: int = 2) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        self.register_buffer("kernel", torch.empty(1, 1, kernel_size, kernel_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the filter: a row of Pascal's triangle, in both directions, with sum 1."""
        row = torch.ones(1)
        for _ in range(self.kernel_size - 1):
            row = F.pad(row, (1, 0)) + F.pad(row, (0, 1))
        row = row / row.sum()
        self.kernel.copy_(row[:, None] * row)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before, after = (self.kernel_size - 1) // 2, self.kernel_size // 2
        x = F.pad(x, (before, after, before, after), mode="reflect")
        return F.conv2d(x, self.kernel.expand(x.shape[1], 1, -1, -1), stride=self.stride, groups=x.shape[1])
