"""Layers along tokens (N, T, D)."""

import torch
import torch.nn.functional as F
from torch import nn


class Embedding(nn.Embedding):
    """torch's for ids (…), and for numbers (…, width) their products with each vector (…, ids) (Press & Wolf 2016).
    Neither trains the vector of ``padding_idx``.
    """

    def __init__(self, ids: int, width: int, std: float = 1.0, padding_idx: int | None = None) -> None:
        self.std = std
        super().__init__(ids, width, padding_idx)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.std)
        self._fill_padding_idx_with_zero()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not x.is_floating_point():
            return super().forward(x)
        weight, fixed = self.weight, self.padding_idx
        if fixed is not None and self.training:
            weight = torch.cat((weight[:fixed], weight[fixed : fixed + 1].detach(), weight[fixed + 1 :]))
        return F.linear(x, weight)


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


class RowLSTM(nn.LSTM):
    """torch's along each row of an image (N, C, H, W)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        rows = x.permute(0, 2, 3, 1).flatten(0, 1)  # (N·H, W, C)
        return super().forward(rows)[0].unflatten(0, (-1, x.shape[2])).permute(0, 3, 1, 2)


class ColumnLSTM(RowLSTM):
    """torch's along each column of an image (N, C, H, W)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x.transpose(2, 3)).transpose(2, 3)


class RowGRU(nn.GRU):
    """torch's along each row of an image (N, C, H, W)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        rows = x.permute(0, 2, 3, 1).flatten(0, 1)  # (N·H, W, C)
        return super().forward(rows)[0].unflatten(0, (-1, x.shape[2])).permute(0, 3, 1, 2)


class ColumnGRU(RowGRU):
    """torch's along each column of an image (N, C, H, W)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x.transpose(2, 3)).transpose(2, 3)


class TokenConv1d(nn.Conv1d):
    """torch's along tokens (N, T, D)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class CausalConv1d(nn.Conv1d):
    """torch's along tokens (N, T, D), padded before the first one alone (van den Oord et al. 2016)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = (self.kernel_size[0] - 1) * self.dilation[0]
        return super().forward(F.pad(x.transpose(1, 2), (before, 0))).transpose(1, 2)


class TokenMaxPool1d(nn.MaxPool1d):
    """torch's along tokens (N, T, D)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class TokenAvgPool1d(nn.AvgPool1d):
    """torch's along tokens (N, T, D)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)
