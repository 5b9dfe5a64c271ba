"""A module that torch lacks. Its source travels into standalone model files, so it needs torch, nn and F alone."""

import torch
from torch import nn


class Snake(nn.Module):
    """x + sin²(a·x)/a with a learnt `a` for each channel (Ziyin et al. 2020)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.weight.reshape(-1, *[1] * (x.dim() - 2))
        return x + torch.sin(a * x).square() / a
