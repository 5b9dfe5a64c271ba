"""Convolutions with standardised weights, normalisation of an image's channels, learnt scales."""

import torch
import torch.nn.functional as F
from torch import nn


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation of each pixel over its channels (Ba et al. 2016, as in ConvNeXt)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class RMSNorm2d(nn.RMSNorm):
    """RMS normalisation of each pixel over its channels (Zhang & Sennrich 2019)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.rms_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.eps)
        return x.permute(0, 3, 1, 2)


class StdNorm(nn.Module):
    """Tokens (…, D) divided by their standard deviation over the channels, times a learnt factor for each channel; no mean is
    subtracted.
    """

    weight: nn.Parameter | None

    def __init__(self, width: int, eps: float = 1e-6, elementwise_affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.register_parameter("weight", nn.Parameter(torch.empty(width)) if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None:
            nn.init.ones_(self.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x * (x.var(-1, keepdim=True) + self.eps).rsqrt()
        return x if self.weight is None else x * self.weight


class StdNorm2d(StdNorm):
    """The same of an image (N, C, H, W), at each pixel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ZeroBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation whose scale begins at 0 (Goyal et al. 2017)."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.affine:
            nn.init.zeros_(self.weight)


class ZeroBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose scale begins at 0, so that a residual block begins as its skip (Goyal et al. 2017)."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.affine:
            nn.init.zeros_(self.weight)


class DiracConv2d(nn.Conv2d):
    """A convolution whose first filters, as many as channels arrive, begin as the identity (Zagoruyko & Komodakis 2017,
    arXiv:1706.00388; in this form Jordan 2024, arXiv:2404.00498).
    """

    def reset_parameters(self) -> None:
        super().reset_parameters()
        for filters in self.weight.data.chunk(self.groups):
            nn.init.dirac_(filters[: filters.shape[1]])


class StdConv2d(nn.Conv2d):
    """A convolution with weights of mean 0 and variance 1 for each output channel (Qiao et al. 2019)."""

    eps = 1e-8  # as Big Transfer (Kolesnikov et al. 2019) in timm

    def standardised(self) -> torch.Tensor:
        rows = self.weight.reshape(1, self.out_channels, -1)
        return F.batch_norm(rows, None, None, training=True, eps=self.eps).reshape_as(self.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, self.standardised(), self.bias)


class ScaledStdConv2d(nn.Conv2d):
    """A convolution with weights of mean 0 and variance 1/fan-in, times a learnt gain (Brock et al. 2021)."""

    eps = 1e-5  # as NFNets (Brock et al. 2021, arXiv:2102.06171) in timm

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.gain = nn.Parameter(torch.ones(out_channels, 1, 1, 1))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if hasattr(self, "gain"):
            nn.init.ones_(self.gain)

    def standardised(self) -> torch.Tensor:
        rows = self.weight.reshape(1, self.out_channels, -1)
        scale = self.gain.flatten() * rows.shape[2] ** -0.5
        return F.batch_norm(rows, None, None, scale, training=True, eps=self.eps).reshape_as(self.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, self.standardised(), self.bias)


class LayerScale(nn.Module):
    """A learnt factor for each channel (Touvron et al. 2021), or for all of them, of shape () (De & Smith 2020)."""

    def __init__(self, shape: tuple[int, ...], init: float = 1e-6) -> None:
        super().__init__()
        self.init = init
        self.weight = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.constant_(self.weight, self.init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


class SigmoidScale(LayerScale):
    """A learnt factor for each channel, or for all of them, which is the sigmoid of its weight (Lee et al. 2024)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight.sigmoid()


class Blend(nn.Module):
    """The sum of values, weighted by the softmax of a learnt number for each (Peters et al. 2018)."""

    def __init__(self, branches: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(branches))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        shares = self.weight.softmax(0)
        total = values[0] * shares[0]
        for i in range(1, len(values)):
            total = total + values[i] * shares[i]
        return total


class Offset(nn.Module):
    """A learnt number for each channel, added to it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bias


class Affine(LayerScale):
    """A learnt factor and a learnt shift for each channel (Touvron et al. 2021, ResMLP)."""

    def __init__(self, shape: tuple[int, ...], init: float = 1.0) -> None:
        super().__init__(shape, init)
        self.bias = nn.Parameter(torch.zeros(shape))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if hasattr(self, "bias"):
            nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight + self.bias


class GlobalResponseNorm(nn.Module):
    """Each channel of tokens (N, T, D) scaled by its norm over the tokens, relative to the other channels' (Woo et al. 2023)."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.empty(width)), nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norms = torch.linalg.vector_norm(x, dim=1, keepdim=True)  # (N, 1, D)
        relative = norms / (norms.mean(2, keepdim=True) + self.eps)
        return x + self.weight * (x * relative) + self.bias


class GlobalResponseNorm2d(GlobalResponseNorm):
    """The same of an image (N, C, H, W), over its pixels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norms = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        relative = norms / (norms.mean(1, keepdim=True) + self.eps)
        return x + self.weight[:, None, None] * (x * relative) + self.bias[:, None, None]
