"""Noise while training: dropout and its kin, each the identity in eval mode.

``rate`` is the current rate. ``early`` and ``late`` are shares of training, as in Liu et al. 2023 (arXiv:2303.01500):
an early rate falls in a straight line to 0 at that share, a late one is 0 before it. What stands alike in each class
stands there because each is copied by itself.
"""

import torch
import torch.nn.functional as F
from torch import nn


class PhasedDropout(nn.Module):
    """Dropout for a part of training; with ``channels`` whole channels of an image go together."""

    def __init__(self, p: float, early: float | None = None, late: float | None = None, channels: bool = False) -> None:
        super().__init__()
        self.p, self.early, self.late, self.channels = p, early, late, channels
        self.set_progress(0.0)

    def set_progress(self, share: float) -> None:
        """Take the rate that holds after this share of training."""
        self.rate = self.p if self.late is None or share >= self.late else 0.0
        if self.early is not None:
            self.rate *= max(0.0, 1 - share / self.early) if self.early else 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.channels:
            return F.dropout2d(x, self.rate, self.training)
        return F.dropout(x, self.rate, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, early={self.early}, late={self.late}, channels={self.channels}"


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016): the value of an example is dropped as a whole, others are scaled up."""

    def __init__(self, p: float, early: float | None = None, late: float | None = None) -> None:
        super().__init__()
        self.p, self.early, self.late = p, early, late
        self.set_progress(0.0)

    def set_progress(self, share: float) -> None:
        """Take the rate that holds after this share of training."""
        self.rate = self.p if self.late is None or share >= self.late else 0.0
        if self.early is not None:
            self.rate *= max(0.0, 1 - share / self.early) if self.early else 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        return x * (x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep) / keep)

    def extra_repr(self) -> str:
        return f"p={self.p}, early={self.early}, late={self.late}"


class DropBlock2d(nn.Module):
    """DropBlock (Ghiasi et al. 2018): squares of an image are dropped, in each channel others."""

    def __init__(self, p: float, size: int = 7, early: float | None = None, late: float | None = None) -> None:
        super().__init__()
        self.p, self.size, self.early, self.late = p, size, early, late
        self.set_progress(0.0)

    def set_progress(self, share: float) -> None:
        """Take the rate that holds after this share of training."""
        self.rate = self.p if self.late is None or share >= self.late else 0.0
        if self.early is not None:
            self.rate *= max(0.0, 1 - share / self.early) if self.early else 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        n, c, h, w = x.shape
        a, b = min(self.size, h), min(self.size, w)
        corners = (h - a + 1) * (w - b + 1)  # where a square lies wholly inside
        hit = x.new_empty(n, c, h - a + 1, w - b + 1).bernoulli_(min(1.0, self.rate * h * w / (a * b * corners)))
        kept = 1 - F.max_pool2d(F.pad(hit, (b - 1, b - 1, a - 1, a - 1)), (a, b), 1)
        return x * kept * (kept.numel() / kept.sum().clamp(min=1))

    def extra_repr(self) -> str:
        return f"p={self.p}, size={self.size}, early={self.early}, late={self.late}"


class Cutout(nn.Module):
    """Cutout (DeVries & Taylor 2017): a square of each example is set to 0; it may lie partly outside."""

    def __init__(self, size: int, p: float = 1.0, early: float | None = None, late: float | None = None) -> None:
        super().__init__()
        self.size, self.p, self.early, self.late = size, p, early, late
        self.set_progress(0.0)

    def set_progress(self, share: float) -> None:
        """Take the rate that holds after this share of training."""
        self.rate = self.p if self.late is None or share >= self.late else 0.0
        if self.early is not None:
            self.rate *= max(0.0, 1 - share / self.early) if self.early else 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        n, _, h, w = x.shape
        y = torch.arange(h, device=x.device) - torch.randint(h, (n, 1), device=x.device) + self.size // 2
        z = torch.arange(w, device=x.device) - torch.randint(w, (n, 1), device=x.device) + self.size // 2
        rows = (y >= 0) & (y < self.size) & (torch.rand(n, 1, device=x.device) < self.rate)
        columns = (z >= 0) & (z < self.size)
        return x.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0.0)

    def extra_repr(self) -> str:
        return f"size={self.size}, p={self.p}, early={self.early}, late={self.late}"


class GaussianNoise(nn.Module):
    """Normal noise added while training."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.sigma * torch.randn_like(x) if self.training else x

    def extra_repr(self) -> str:
        return f"sigma={self.sigma}"
