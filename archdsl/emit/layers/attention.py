"""Attention and its forms."""

import torch
import torch.nn.functional as F
from torch import nn


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


class WeightedMean(nn.Module):
    """What forms of attention share: means of values, weighted by a softmax of products.

    ``scale`` is the factor of the products, by default 1/√width of a head; ``drop`` the rate of dropout on the weights while
    training. Talking heads (Shazeer et al. 2020) have ``talk_before`` and ``talk_after``.
    """

    talk_before: nn.Linear
    talk_after: nn.Linear

    def __init__(self, heads: int, drop: float = 0.0, scale: float | None = None, talk: bool = False) -> None:
        super().__init__()
        self.heads, self.drop, self.scale, self.talk = heads, drop, scale, talk

    def mean(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        bias: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The means of ``v`` (…, heads, S, D) for ``q`` (…, heads, T, D); ``bias`` (…, T, S) is added to the products, and
        ``mask`` behind the heads that talk."""
        if not self.talk and mask is not None:
            bias, mask = mask if bias is None else mask + bias, None
        if not self.talk and not (self.training and self.drop) and (bias is None or bias.ndim < 4):
            windows = q.shape[1:-3]
            q, k, v = (part.flatten(0, -4) for part in (q, k, v))  # the fused kernels take four dimensions
            return F.scaled_dot_product_attention(q, k, v, bias, scale=self.scale).unflatten(0, (-1, *windows))
        scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if self.scale is None else self.scale)
        scores = scores if bias is None else scores + bias
        if self.talk:
            scores = self.talk_before(scores.movedim(-3, -1)).movedim(-1, -3)
        weights = (scores if mask is None else scores + mask).softmax(-1)
        if self.talk:
            weights = self.talk_after(weights.movedim(-3, -1)).movedim(-1, -3)
        return F.dropout(weights, self.drop, self.training) @ v

    def places(self, size: tuple[int, ...], device: torch.device) -> list[torch.Tensor]:
        """The place of each token (T,) along each axis."""
        axes = [torch.arange(n, device=device) for n in size]
        return [axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij")]

    def turned(self, x: torch.Tensor, size: tuple[int, ...], base: float, centred: bool = False) -> torch.Tensor:
        """Queries or keys (…, T, width of a head), turned by the places of their tokens: pairs of neighbouring numbers by angles
        of this base (Su et al. 2021); of rows and columns each has half of a head. ``centred``: places run from -2π to 2π,
        whatever the size (Siméoni et al. 2025)."""
        width = x.shape[-1] // len(size)
        exact = torch.promote_types(x.dtype, torch.float32)  # half of the digits would not tell places apart
        rates = (base ** (-torch.arange(0, width, 2, device=x.device) / width)).to(exact)
        places = [at.to(exact) for at in self.places(size, x.device)]
        if centred:
            places = [((2 * at + 1) / n - 1) * 6.283185307179586 for at, n in zip(places, size, strict=True)]
        angles = torch.cat([place[:, None] * rates for place in places], 1)  # (T, half of a head)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)

    def extra_repr(self) -> str:
        return f"heads={self.heads}, drop={self.drop}"


class GeneralAttention(WeightedMean):
    """Self-attention over tokens (…, T, width), with what published forms add to ``Attention``.

    head_dim, out: the width of a head, and of the result.
    kv: heads of keys and values; several heads of queries share one (Ainslie et al. 2023).
    size: how the tokens are laid out: (T,) in a row, or (rows, columns).
    relpos: a learnt bias for each head and each distance (Liu et al. 2021).
    rotary: the base of the angles by which queries and keys are turned, of pairs of neighbouring numbers (Su et al. 2021); of
        rows and columns each has half of a head.
    causal: no token looks at those behind it.
    qknorm: ``ln`` or ``rms``, of each head's queries and keys (Dehghani et al. 2023).
    """

    relpos: nn.Parameter | None

    def __init__(
        self,
        width: int,
        heads: int,
        bias: bool = True,
        drop: float = 0.0,
        head_dim: int | None = None,
        out: int | None = None,
        kv: int | None = None,
        size: tuple[int, ...] = (),
        relpos: bool = False,
        rotary: float | None = None,
        causal: bool = False,
        qknorm: str = "none",
        scale: float | None = None,
        talk: bool = False,
    ) -> None:
        super().__init__(heads, drop, scale, talk)
        self.head_dim, self.kv = head_dim or width // heads, kv or heads
        self.size, self.rotary, self.causal, self.qknorm = size, rotary, causal, qknorm
        distances = 1
        for n in size:
            distances *= 2 * n - 1
        self.register_parameter("relpos", nn.Parameter(torch.empty(distances, heads)) if relpos else None)
        self.qkv = nn.Linear(width, (heads + 2 * self.kv) * self.head_dim, bias=bias)
        if qknorm != "none":
            norm = nn.LayerNorm if qknorm == "ln" else nn.RMSNorm
            self.q_norm, self.k_norm = norm(self.head_dim, eps=1e-6), norm(self.head_dim, eps=1e-6)
        self.proj = nn.Linear(heads * self.head_dim, out or width, bias=bias)
        if talk:
            self.talk_before, self.talk_after = (nn.Linear(heads, heads, bias=bias) for _ in range(2))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.relpos is not None:
            nn.init.trunc_normal_(self.relpos, std=0.02)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        parts = self.qkv(x).unflatten(-1, (-1, self.head_dim)).transpose(-3, -2)  # (…, heads + 2·kv, T, head_dim)
        q, k, v = parts.split((self.heads, self.kv, self.kv), -3)
        if self.qknorm != "none":
            q, k = self.q_norm(q), self.k_norm(k)
        if self.rotary is not None:
            q, k = self.turned(q, self.size, self.rotary), self.turned(k, self.size, self.rotary)
        if self.kv != self.heads:
            k, v = (t.repeat_interleave(self.heads // self.kv, -3) for t in (k, v))
        if self.causal:
            behind = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool, device=x.device).triu(1)
            mask = torch.zeros_like(behind, dtype=q.dtype).masked_fill(behind, float("-inf"))
        bias = None if self.relpos is None else self.relpos[self.distances()].permute(2, 0, 1)  # (heads, T, T)
        return self.proj(self.mean(q, k, v, bias, mask).transpose(-3, -2).flatten(-2))

    def distances(self) -> torch.Tensor:
        """The row of the table for each query and key (T, T)."""
        index = torch.zeros((), dtype=torch.long, device=self.qkv.weight.device)
        for n, place in zip(self.size, self.places(self.size, index.device), strict=True):
            index = index * (2 * n - 1) + place[:, None] - place + n - 1
        return index
