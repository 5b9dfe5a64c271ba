"""Weight normalisation (Salimans & Kingma 2016, arXiv:1602.07868): the direction of a weight, and its length, of its own."""

import torch
import torch.nn.functional as F
from torch import nn

from archdsl.emit.layers.pixels import PixelLinear
from archdsl.emit.layers.sequence import CausalConv1d, TokenConv1d


class WeightNorm(nn.Module):
    """What makes of a layer one whose weight is gain · weight / |weight|, for each output channel. The gain begins as the
    length of the weight, so that the layer begins as it would without.
    """

    weight: torch.Tensor
    plain: type[nn.Module]  # the layer without

    def __init__(self, *sizes: int, **settings: int) -> None:
        super().__init__(*sizes, **settings)
        self.gain = nn.Parameter(torch.empty(self.weight.shape[0], *[1] * (self.weight.ndim - 1)))
        self.reset_parameters()

    def lengths(self) -> torch.Tensor:
        return torch.linalg.vector_norm(self.weight, dim=tuple(range(1, self.weight.ndim)), keepdim=True)

    def reset_parameters(self) -> None:
        super().reset_parameters()  # type: ignore[misc]
        if hasattr(self, "gain"):
            with torch.no_grad():
                self.gain.copy_(self.lengths())

    def standardised(self) -> torch.Tensor:
        # All of a filter may have been dropped or pruned: it is 0 then.
        return self.weight * (self.gain / self.lengths().clamp(min=1e-12))


class NormedConv2d(WeightNorm, nn.Conv2d):
    """A convolution with weight normalisation."""

    plain = nn.Conv2d

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, self.standardised(), self.bias)


class NormedTokenConv1d(WeightNorm, TokenConv1d):
    """A convolution along tokens with weight normalisation."""

    plain = TokenConv1d

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x.transpose(1, 2), self.standardised(), self.bias).transpose(1, 2)


class NormedCausalConv1d(WeightNorm, CausalConv1d):
    """A causal convolution along tokens with weight normalisation."""

    plain = CausalConv1d

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = (self.kernel_size[0] - 1) * self.dilation[0]
        x = F.pad(x.transpose(1, 2), (before, 0))
        return self._conv_forward(x, self.standardised(), self.bias).transpose(1, 2)


class NormedLinear(WeightNorm, nn.Linear):
    """A linear layer with weight normalisation."""

    plain = nn.Linear

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.standardised(), self.bias)


class NormedPixelLinear(WeightNorm, PixelLinear):
    """A linear layer of each pixel's channels with weight normalisation."""

    plain = PixelLinear

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.standardised(), self.bias).permute(0, 3, 1, 2)
