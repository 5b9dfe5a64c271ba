"""Noise while training: dropout and its kin, each the identity in eval mode.

``rate`` is the current rate. ``early`` and ``late`` are shares of training, as in Liu et al. 2023 (arXiv:2303.01500):
an early rate falls in a straight line to 0 at that share, a late one is 0 before it.

``level`` is the rate as a number on the device: what is compiled or captured in a CUDA graph reads it there, and a new
rate needs no new program.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Phased(nn.Module):
    """Noise whose rate depends on the part of training that is done; ``early`` and ``late`` as in Liu et al. 2023."""

    level: torch.Tensor

    def __init__(self, p: float, early: float | None = None, late: float | None = None) -> None:
        super().__init__()
        self.p, self.early, self.late = p, early, late
        self.rate = -1.0
        self.register_buffer("level", torch.zeros(()), persistent=False)
        self.set_progress(0.0)

    def set_progress(self, share: float) -> None:
        """Take the rate that holds after this share of training."""
        rate = self.p if self.late is None or share >= self.late else 0.0
        if self.early is not None:
            rate *= max(0.0, 1 - share / self.early) if self.early else 0.0
        if rate != self.rate:
            self.rate = rate
            self.level.fill_(rate)


class PhasedDropout(Phased):
    """Dropout for a part of training; with ``channels`` whole channels of an image go together."""

    def __init__(self, p: float, early: float | None = None, late: float | None = None, channels: bool = False) -> None:
        super().__init__(p, early, late)
        self.channels = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        if torch.compiler.is_compiling() or (x.is_cuda and torch.cuda.is_current_stream_capturing()):
            shape = (*x.shape[:2], 1, 1) if self.channels else x.shape
            kept = torch.rand(shape, device=x.device) >= self.level
            return x * (kept / (1 - self.level)).to(x.dtype)
        return F.dropout2d(x, self.rate) if self.channels else F.dropout(x, self.rate)

    def extra_repr(self) -> str:
        return f"p={self.p}, early={self.early}, late={self.late}, channels={self.channels}"


class DropPath(Phased):
    """Stochastic depth (Huang et al. 2016): the value of an example is dropped as a whole, others are scaled up."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        if torch.compiler.is_compiling() or (x.is_cuda and torch.cuda.is_current_stream_capturing()):
            kept = torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), device=x.device) >= self.level
            return x * (kept / (1 - self.level)).to(x.dtype)
        if self.rate == 0:
            return x
        keep = 1 - self.rate
        return x * (x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep) / keep)

    def extra_repr(self) -> str:
        return f"p={self.p}, early={self.early}, late={self.late}"


class DropBlock2d(Phased):
    """DropBlock (Ghiasi et al. 2018): squares of an image are dropped, in each channel others."""

    def __init__(self, p: float, size: int = 7, early: float | None = None, late: float | None = None) -> None:
        super().__init__(p, early, late)
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fixed = torch.compiler.is_compiling() or (x.is_cuda and torch.cuda.is_current_stream_capturing())
        if not self.training or (not fixed and self.rate == 0):
            return x
        n, c, h, w = x.shape
        a, b = min(self.size, h), min(self.size, w)
        share = h * w / (a * b * (h - a + 1) * (w - b + 1))  # of the corners of squares that are wholly inside
        if fixed:
            hit = (torch.rand(n, c, h - a + 1, w - b + 1, device=x.device) < self.level * share).to(x.dtype)
        else:
            hit = x.new_empty(n, c, h - a + 1, w - b + 1).bernoulli_(min(1.0, self.rate * share))
        kept = 1 - F.max_pool2d(F.pad(hit, (b - 1, b - 1, a - 1, a - 1)), (a, b), 1)
        count = kept.sum(dtype=torch.promote_types(x.dtype, torch.float32))  # float16 ends at 65,504
        return x * kept * (kept.numel() / count.clamp(min=1))

    def extra_repr(self) -> str:
        return f"p={self.p}, size={self.size}, early={self.early}, late={self.late}"


class Cutout(Phased):
    """Cutout (DeVries & Taylor 2017): a square of each example is set to 0; it may be partly outside."""

    def __init__(self, size: int, p: float = 1.0, early: float | None = None, late: float | None = None) -> None:
        super().__init__(p, early, late)
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fixed = torch.compiler.is_compiling() or (x.is_cuda and torch.cuda.is_current_stream_capturing())
        if not self.training or (not fixed and self.rate == 0):
            return x
        n, _, h, w = x.shape
        y = torch.arange(h, device=x.device) - torch.randint(h, (n, 1), device=x.device) + self.size // 2
        z = torch.arange(w, device=x.device) - torch.randint(w, (n, 1), device=x.device) + self.size // 2
        rows = (y >= 0) & (y < self.size) & (torch.rand(n, 1, device=x.device) < (self.level if fixed else self.rate))
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
