"""Images as they come elsewhere: corruptions of a given strength, after Hendrycks & Dietterich 2019.

A corruption works on whole batches of images in [0, 1], and the result is rounded to bytes, as if the picture had been saved.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

from archdsl.registry import Range, evaluation_word, setting
from archdsl.registry.params import Base
from archdsl.words.evaluation.base import Shift, Tensor

PAPER = "Hendrycks & Dietterich 2019, arXiv:1903.12261"


@evaluation_word("rotate(30)", paper=PAPER)
@setting
class Rotate(Shift):
    """Rotates counter-clockwise about the middle, bilinear; what comes in from outside is black. 0 changes nothing."""

    degrees: Annotated[float, Range(-360, 360)]

    def apply(self, torch: Any, x: Tensor, generator: Any) -> Tensor:
        height, width = x.shape[2:]
        cos, sin = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        turn = torch.tensor([[cos, -sin * height / width, 0], [sin * width / height, cos, 0]], device=x.device)
        functional = torch.nn.functional
        grid = functional.affine_grid(turn.expand(len(x), 2, 3), list(x.shape), align_corners=False)
        return functional.grid_sample(x, grid, align_corners=False)


@evaluation_word("noise(0.1)", paper=PAPER)
@setting
class Noise(Shift):
    """Adds normal noise to each value; `sigma` is its standard deviation, where 1 is black to white."""

    sigma: Annotated[float, Range(0, 10)]
    in_place: ClassVar[bool] = True

    def apply(self, torch: Any, x: Tensor, generator: Any) -> Tensor:
        return x + self.sigma * torch.randn(x.shape, generator=generator).to(x.device)


@evaluation_word("impulse(0.05)", paper=PAPER)
@setting
class Impulse(Shift):
    """Makes this fraction of the values black or white, each as often."""

    fraction: Annotated[float, Base("share"), Range(0, 1)]
    in_place: ClassVar[bool] = True

    def apply(self, torch: Any, x: Tensor, generator: Any) -> Tensor:
        drawn = torch.rand(x.shape, generator=generator).to(x.device)
        return torch.where(drawn < self.fraction / 2, 0.0, torch.where(drawn < self.fraction, 1.0, x))


@evaluation_word("blur(1)", paper=PAPER)
@setting
class Blur(Shift):
    """Convolves with a normal curve of standard deviation `sigma` pixels, cut at three of them; the border continues outside."""

    sigma: Annotated[float, Range(0, 50)]
    in_place: ClassVar[bool] = True

    def apply(self, torch: Any, x: Tensor, generator: Any) -> Tensor:
        if not self.sigma:
            return x
        radius = math.ceil(3 * self.sigma)
        places = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
        curve = torch.exp(-(places**2) / (2 * self.sigma**2))
        curve = (curve / curve.sum()).expand(x.shape[1], 1, -1)
        functional = torch.nn.functional
        x = functional.pad(x, (radius, radius, radius, radius), mode="replicate")
        x = functional.conv2d(x, curve[:, :, None], groups=x.shape[1])
        return functional.conv2d(x, curve[:, :, :, None], groups=x.shape[1])


@evaluation_word("pixelate(4)", paper=PAPER)
@setting
class Pixelate(Shift):
    """Gives squares of `size` pixels a side their mean; 1 changes nothing."""

    size: Annotated[int, Range(1, 512)]
    in_place: ClassVar[bool] = True

    def apply(self, torch: Any, x: Tensor, generator: Any) -> Tensor:
        coarse = torch.nn.functional.avg_pool2d(x, self.size, ceil_mode=True)
        wide = coarse.repeat_interleave(self.size, 2).repeat_interleave(self.size, 3)
        return wide[:, :, : x.shape[2], : x.shape[3]]


@evaluation_word("brightness(0.2)", paper=PAPER)
@setting
class Brightness(Shift):
    """Adds a number to each value, where 1 is black to white."""

    added: Annotated[float, Range(-1, 1)]
    in_place: ClassVar[bool] = True

    def apply(self, torch: Any, x: Tensor, generator: Any) -> Tensor:
        return x + self.added


@evaluation_word("contrast(0.5)", paper=PAPER)
@setting
class Contrast(Shift):
    """Multiplies the distance of each value from the mean of its image and channel; 1 changes nothing."""

    factor: Annotated[float, Range(0, 20)]
    in_place: ClassVar[bool] = True

    def apply(self, torch: Any, x: Tensor, generator: Any) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return mean + self.factor * (x - mean)


@evaluation_word("occlude(8)", paper="DeVries & Taylor 2017, arXiv:1708.04552")
@setting
class Occlude(Shift):
    """Covers a square of `size` pixels a side at a random place inside each image with black."""

    size: Annotated[int, Range(0, 512)]
    in_place: ClassVar[bool] = True

    def apply(self, torch: Any, x: Tensor, generator: Any) -> Tensor:
        side, (height, width) = self.size, x.shape[2:]
        if not side:
            return x
        high, wide = min(side, height), min(side, width)
        drawn = torch.rand(2, len(x), 1, generator=generator).to(x.device)
        top, left = (drawn[0] * (height - high + 1)).floor(), (drawn[1] * (width - wide + 1)).floor()
        rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
        hidden = ((rows >= top) & (rows < top + high))[:, :, None]
        hidden = hidden & ((columns >= left) & (columns < left + wide))[:, None]
        return x.masked_fill(hidden[:, None], 0.0)
