"""Attention whose weights are computed of each pixel."""

import torch
import torch.nn.functional as F
from torch import nn


class Outlook(nn.Module):
    """Values (N, C, H, W) mixed within the neighbourhood of each ``stride``-th pixel by the softmax of weights that are given for
    it (N, heads·k⁴, H', W'); what overlaps is added (Yuan et al. 2021).
    """

    def __init__(self, heads: int, k: int = 3, stride: int = 1, drop: float = 0.0) -> None:
        super().__init__()
        self.heads, self.k, self.stride, self.drop = heads, k, stride, drop

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        weights, x = values
        places, size, border = self.k * self.k, x.shape[2:], self.k // 2
        spread = F.unfold(x, self.k, padding=border, stride=self.stride)  # (N, C·k², pixels of the weights)
        spread = spread.unflatten(1, (self.heads, -1, places)).permute(0, 1, 4, 3, 2)
        weights = weights.flatten(2).unflatten(1, (self.heads, places, places)).permute(0, 1, 4, 2, 3).softmax(-1)
        mixed = F.dropout(weights, self.drop, self.training) @ spread  # (N, heads, pixels, k², C / heads)
        mixed = mixed.permute(0, 1, 4, 3, 2).flatten(1, 3)
        return F.fold(mixed, size, self.k, padding=border, stride=self.stride)

    def extra_repr(self) -> str:
        return f"heads={self.heads}, k={self.k}, stride={self.stride}"
