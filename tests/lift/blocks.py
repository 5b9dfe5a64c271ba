"""The network around a block whose import is tested."""

from __future__ import annotations

from torch import Tensor, nn

SHAPE = (3, 16, 16)


class Head(nn.Module):
    """An image of 8x8 with 24 channels, a block on its channels last, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 24, 2, 2), nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        return self.head(self.block(x).mean((1, 2)))

    def block(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Depth(nn.Module):
    """Stochastic depth by hand."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        return x * x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.p) / (1 - self.p)
