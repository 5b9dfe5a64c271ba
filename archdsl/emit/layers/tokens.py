"""Layers of the vision transformer."""

import torch
import torch.nn.functional as F
from torch import nn


class ClassToken(nn.Module):
    """A learnt token put before the others (Devlin et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.empty(1, 1, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.token)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1)


class PositionEmbedding(nn.Module):
    """A learnt vector added to each token (Dosovitskiy et al. 2020)."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(1, tokens, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.embedding, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.embedding


class Attention(nn.Module):
    """Multi-head self-attention over tokens (Vaswani et al. 2017), with the weights of ``nn.MultiheadAttention``.

    ``drop`` is the rate of dropout on the attention weights while training.
    """

    in_proj_bias: nn.Parameter | None

    def __init__(self, width: int, heads: int, bias: bool = True, drop: float = 0.0) -> None:
        super().__init__()
        self.heads, self.drop = heads, drop
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.register_parameter("in_proj_bias", nn.Parameter(torch.empty(3 * width)) if bias else None)
        self.out_proj = nn.Linear(width, width, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.xavier_uniform_(self.in_proj_weight)
        if self.in_proj_bias is not None:
            nn.init.zeros_(self.in_proj_bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed = F.linear(x, self.in_proj_weight, self.in_proj_bias)  # (N, T, 3·D): queries, keys, values
        q, k, v = mixed.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        if self.training and self.drop:  # step by step: a file that keeps dropout alive has operators for each step
            weights = (q @ k.transpose(2, 3) * q.shape[3] ** -0.5).softmax(3)
            mixed = F.dropout(weights, self.drop) @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def extra_repr(self) -> str:
        return f"heads={self.heads}, drop={self.drop}"
