"""Our kernels for passes without gradients: weights are transformed once, and gates are part of the convolution."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from archdsl.accelerate.native.conv import LAST, FastConv, convolve, library, narrow, shaped, steps_of
from archdsl.accelerate.native.holder import bare
from archdsl.accelerate.native.kernels import at, floats, kernels, lanes, loaded
from archdsl.accelerate.native.norm import WIDEST

POINTS = 36  # of the filter transform, as in winograd.c
USED = 0.4  # of vectors: with less, as the colours of an image, torch's convolution is faster


class AnsweringConv(FastConv):
    """A convolution, a skip that is added, and a gate that cuts off at 0 and at ``top``. The weights must stay as they are.

    Args:
        top: infinity for ReLU, 6 for ReLU6, negative for none.
    """

    def __init__(self, conv: nn.Conv2d, top: float = -1.0) -> None:
        super().__init__(conv)
        self.top = top
        self._ready: Tensor | None = None

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W), and a skip of the output's shape."""
        conv = self.conv
        if not self._fits(x) or (skip is not None and not self._adds(x, skip)):
            made: Tensor = conv(x)
            made = made if skip is None else made + skip
            return made if self.top < 0 else made.clamp_(0, self.top)
        return convolve(x, conv.weight, conv.bias, int(conv.padding[0]), ready=self._filter(), top=self.top, skip=skip)

    def _adds(self, x: Tensor, skip: Tensor) -> bool:
        (n, _, h, w), more = x.shape, 2 * int(self.conv.padding[0]) - 2
        return plain(skip) and skip.shape == (n, self.conv.out_channels, h + more, w + more)

    def _filter(self) -> Tensor:
        weight = self.conv.weight
        if self._ready is None:
            outs, ins = weight.shape[:2]
            ready = floats(POINTS * -(-outs // lanes()) * lanes() * ins)
            function = loaded(*library(ins, outs, torch.float32)).winograd_filter
            function(at(weight), steps_of(weight), ins, outs, at(ready), torch.get_num_threads())
            self._ready = ready
        return self._ready


def answers(module: nn.Module | None) -> bool:
    """Whether this is a convolution that the kernels know forwards: of any channels, as long as most of a vector is used."""
    if not shaped(module) or not lanes():
        return False
    fills = narrow(module.in_channels, module.out_channels) is not None
    return fills or min(map(_used, (module.in_channels, module.out_channels))) >= USED


def _used(channels: int) -> float:
    """Of the vectors that hold the channels, the fraction that they fill."""
    return channels / (-(-channels // lanes()) * lanes())


class AnsweringPool(nn.Module):
    """A max-pooling without indices."""

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        self.pool = pool
        self.kernel, self.stride, self.pad = (int(_side(v) or 0) for v in (pool.kernel_size, pool.stride, pool.padding))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W)."""
        rows, columns = ((s + 2 * self.pad - self.kernel) // self.stride + 1 for s in x.shape[-2:])
        if not self._fits(x) or min(rows, columns) < 1:
            return cast("Tensor", self.pool(x))
        n, c, h, w = x.shape
        y = torch.empty((n, c, rows, columns), dtype=x.dtype, device="cpu", memory_format=LAST)
        sizes = (n, h, w, c, self.kernel, self.stride, self.pad, rows, columns)
        loaded("norm", x.dtype).max_pool(at(x), at(y), *sizes, torch.get_num_threads())
        return y

    def _fits(self, x: Tensor) -> bool:
        return plain(x) and kernels("norm", x.dtype) is not None and x.shape[1] >= lanes()


class AnsweringNorm(nn.Module):
    """A batch norm in eval mode and the ReLU behind it, in one pass. What the norm holds must stay as it is."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.norm, self._held = norm, _coefficients(norm)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W)."""
        if not self._fits(x):
            return cast("Tensor", self.norm(x)).relu_()
        n, c, h, w = x.shape
        y, (scale, shift) = torch.empty_like(x), self._held
        loaded("norm", x.dtype).norm_apply(
            at(x), at(y), n * h * w, c, at(scale), at(shift), True, torch.get_num_threads()
        )
        return y

    def _fits(self, x: Tensor) -> bool:
        return plain(x) and x.shape[1] == self.norm.num_features <= WIDEST and kernels("norm", x.dtype) is not None


@torch.no_grad()
def _coefficients(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Factor and summand of each channel."""
    mean, var = cast("Tensor", norm.running_mean).double(), cast("Tensor", norm.running_var).double()
    scale = (var + norm.eps).rsqrt() * (norm.weight.double() if norm.affine else 1)
    shift = (norm.bias.double() if norm.affine else 0) - mean * scale
    return scale.float().contiguous(), shift.float().contiguous()


def norms(module: nn.Module | None) -> bool:
    """Whether this is a batch norm with statistics of its own."""
    return type(module) is nn.BatchNorm2d and bare(module) and not module.training and module.running_var is not None


def plain(x: Tensor) -> bool:
    """Whether these are images that the kernels take in float32."""
    form = x.dim() == 4 and x.device.type == "cpu" and x.dtype is torch.float32 and x.numel() > 0
    return form and x.is_contiguous(memory_format=LAST)


def pools(module: nn.Module | None) -> bool:
    """Whether this is a max-pooling that the kernels know."""
    if type(module) is not nn.MaxPool2d or not bare(module):
        return False
    plain = _side(module.dilation) == 1 and not module.ceil_mode and not module.return_indices
    return plain and all(_side(v) is not None for v in (module.kernel_size, module.stride, module.padding))


def _side(value: int | tuple[int, ...]) -> int | None:
    """The number that stands for both axes; None of two that differ."""
    sides = {value} if isinstance(value, int) else set(value)
    return sides.pop() if len(sides) == 1 else None
