"""The network around a block whose import is tested."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from archdsl.importer.importing import spec_of

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


class Called(nn.Module):
    """A function of an image, or of tokens, between two layers, with a layer of its own."""

    def __init__(self, function: Callable[[nn.Module, Tensor], Tensor], layer: nn.Module | None, tokens: bool) -> None:
        super().__init__()
        self.stem, self.head, self.layer = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 10), layer or nn.Identity()
        self.function, self.tokens = function, tokens

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.function(self.layer, x.flatten(2).transpose(1, 2) if self.tokens else x)
        return self.head(x.mean((2, 3)) if x.ndim == 4 else x.mean(1) if x.ndim == 3 else x)


def text_of(
    function: Callable[[nn.Module, Tensor], Tensor], layer: nn.Module | None = None, tokens: bool = False
) -> str:
    return spec_of(Called(function, layer, tokens).eval(), (3, 6, 6), "Called").text
