"""Layers along tokens (N, T, D)."""

import torch
from torch import nn


class GRU(nn.GRU):
    """torch's, giving the states of all tokens (N, T, out) alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x)[0]


class LSTM(nn.LSTM):
    """torch's, giving the states of all tokens (N, T, out) alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x)[0]


class RNN(nn.RNN):
    """torch's, giving the states of all tokens (N, T, out) alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x)[0]
