"""Attention to a smaller image, of the class token, and of channels."""

import torch
import torch.nn.functional as F
from torch import nn

from archdsl.emit.layers.attention import WeightedMean


class ReducedAttention(WeightedMean):
    """Attention of an image's pixels to a smaller image (Wang et al. 2021): ``reduce`` makes it by a convolution of this window
    and stride (1 leaves the image as it is), ``pool`` by average pooling to this size and a convolution of 1×1 with GELU.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        reduce: int | tuple[int, int] = 1,
        pool: int | tuple[int, int] | None = None,
        bias: bool = True,
        drop: float = 0.0,
    ) -> None:
        super().__init__(heads, drop)
        self.q = nn.Linear(width, width, bias=bias)
        self.kv = nn.Linear(width, 2 * width, bias=bias)
        self.proj = nn.Linear(width, width, bias=bias)
        self.pool = nn.Identity() if pool is None else nn.AdaptiveAvgPool2d(pool)
        self.reduces = pool is not None or reduce not in (1, (1, 1))
        if self.reduces:
            self.reduce, self.norm = nn.Conv2d(width, width, reduce, stride=reduce), nn.LayerNorm(width)
        self.act = nn.Identity() if pool is None else nn.GELU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pixels = x.flatten(2).transpose(1, 2)
        q = self.q(pixels).unflatten(2, (self.heads, -1)).transpose(1, 2)
        small = pixels
        if self.reduces:
            small = self.act(self.norm(self.reduce(self.pool(x)).flatten(2).transpose(1, 2)))
        k, v = self.kv(small).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = self.proj(self.mean(q, k, v).transpose(1, 2).flatten(2))
        return mixed.transpose(1, 2).unflatten(2, x.shape[2:])


class ClassAttention(WeightedMean):
    """What the first token (N, 1, D) draws from all tokens, itself among them (Touvron et al. 2021, CaiT)."""

    def __init__(self, width: int, heads: int, bias: bool = True, drop: float = 0.0) -> None:
        super().__init__(heads, drop)
        self.q, self.k, self.v = (nn.Linear(width, width, bias=bias) for _ in range(3))
        self.proj = nn.Linear(width, width, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = (self.q(x[:, :1]), self.k(x), self.v(x))
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        return self.proj(self.mean(q, k, v).transpose(1, 2).flatten(2))


class CrossCovarianceAttention(WeightedMean):
    """Attention of channels to channels within each head, by the cosines of their values over the tokens, times a learnt
    temperature for each head (El-Nouby et al. 2021, XCiT).
    """

    def __init__(self, width: int, heads: int, bias: bool = True, drop: float = 0.0) -> None:
        super().__init__(heads, drop, scale=1.0)
        self.temperature = nn.Parameter(torch.empty(heads, 1, 1))
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.proj = nn.Linear(width, width, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.ones_(self.temperature)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 4, 1).unbind(0)
        mixed = self.mean(F.normalize(q, dim=3) * self.temperature, F.normalize(k, dim=3), v)  # (N, heads, channels, T)
        return self.proj(mixed.flatten(1, 2).transpose(1, 2))
