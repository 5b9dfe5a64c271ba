"""Augmentations that hide or disturb pixels where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from archdsl.registry import Range, data_word
from archdsl.registry.types import Count, Share
from archdsl.words.data.base import Images, InPlace


@data_word("cifar10 cutout(16)", slot="cutout", paper="DeVries & Taylor 2017, arXiv:1708.04552")
@dataclass(frozen=True, slots=True)
class Cutout(InPlace):
    """Blackens a square of so many pixels at a random place; its middle is in the image, the rest need not be.

    As a layer of the net, `cutout` does this to values between layers.
    """

    size: Count = 16

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        height, width = images.shape[2:]
        top, left = (draw.integers(side) - self.size // 2 for side in (height, width))
        side = ops.torch.full_like(top, self.size)
        return images.masked_fill(ops.boxes(height, width, top, left, side, side), 0)


@data_word("cifar10 erasing", "cifar10 erasing(0.25)", slot="erasing", paper="Zhong et al. 2017, arXiv:1708.04896")
@dataclass(frozen=True, slots=True)
class Erasing(InPlace):
    """Fills a rectangle of each training image with random pixels, with probability p.

    Its area is `low` to `high` of the image's, its sides in a ratio between 0.3 and 1/0.3.
    """

    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Share = 0.5
    low: Share = 0.02
    high: Share = 0.33

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        height, width = images.shape[2:]
        chosen = draw.uniform() < self.p
        area = draw.uniform(self.low, self.high) * height * width
        ratio = draw.uniform(-1.2039728, 1.2039728).exp()  # between 0.3 and 1/0.3, evenly in the logarithm
        high = (area * ratio).sqrt().round().clamp(1, height) * chosen
        wide = (area / ratio).sqrt().round().clamp(1, width) * chosen
        top, left = ((draw.uniform() * (size - side + 1)).floor() for size, side in ((height, high), (width, wide)))
        filled = (draw.normal(*images.shape[1:]) * 64 + 128).clamp(0, 255)
        return ops.torch.where(ops.boxes(height, width, top, left, high, wide), filled.to(images.dtype), images)


@data_word("cifar10 noise(5%)", slot="noise", paper="Sietsma & Dow 1991")
@dataclass(frozen=True, slots=True)
class Noise(InPlace):
    """Adds normal noise to each pixel; `sigma` is its standard deviation as a fraction of a pixel's range."""

    amounts: ClassVar[tuple[str, ...]] = ("sigma",)
    sigma: Annotated[Share, Range(0, 10)] = 0.05

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        added = draw.normal(*images.shape[1:]) * (255 * self.sigma)
        return (images + added).round_().clamp_(0, 255).to(images.dtype)
