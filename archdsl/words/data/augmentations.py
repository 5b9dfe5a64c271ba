"""Augmentations of the place and shape: what happens to a training batch before the net sees it, never to other images.

``where=model`` makes any of these (but not those that mix images) a layer of the model: it then acts on normalised
images, and is the identity in eval mode, as it is in the pipeline.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar, Literal

from archdsl.errors import ArchError
from archdsl.registry import Range, data_word
from archdsl.registry.types import Count, Share
from archdsl.words.data.base import Images, OnMasks, Pure
from archdsl.words.data.erasing import Cutout as Cutout
from archdsl.words.data.erasing import Erasing as Erasing
from archdsl.words.data.erasing import Noise as Noise
from archdsl.words.data.policies import AutoAugment as AutoAugment
from archdsl.words.data.policies import RandAugment as RandAugment
from archdsl.words.data.policies import TrivialAugment as TrivialAugment

Degrees = Annotated[float, Range(0, 180)]
TRIES = 10  # of a window that fits, as torchvision counts


@data_word(
    "cifar10 flip",
    "cifar10 flip(0.5)",
    "cifar10 flip(alternate)",
    slot="flip",
    paper="Krizhevsky et al. 2012; alternate: Jordan 2024, arXiv:2404.00498",
)
@dataclass(frozen=True, slots=True)
class Flip(Pure):
    """Mirrors each training image left to right with probability p.

    With `alternate` a coin says once which images begin mirrored, and each turns round from epoch to epoch: any two
    epochs in a row show both sides of every image.
    """

    masks: ClassVar[OnMasks] = "moves"
    p: Share = 0.5
    _: KW_ONLY  # `alternate` comes behind `where`
    alternate: bool = False

    def __post_init__(self) -> None:
        if self.alternate and self.p != 0.5:
            raise ArchError(f"flip(p={self.p:g}, alternate) has two rules", help="leave p or alternate out")

    @property
    def native(self) -> str:
        return "" if self.alternate else "flip"

    @property
    def alternates(self) -> bool:
        return self.alternate

    @property
    def idle(self) -> bool:
        return self.p == 0 and not self.alternate

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.flip(images, draw.mirrored if self.alternate else draw.uniform() < self.p)


@data_word("cifar10 vflip", slot="vflip", unpublished="a flip along the other axis")
@dataclass(frozen=True, slots=True)
class VFlip(Pure):
    """Mirrors each training image top to bottom with probability p."""

    masks: ClassVar[OnMasks] = "moves"
    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Share = 0.5

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.flip(images, draw.uniform() < self.p, axis=2)


@data_word("cifar10 crop(4)", "cifar10 crop(2, reflect)", slot="crop", paper="He et al. 2016, section 4.2")
@dataclass(frozen=True, slots=True)
class Crop(Pure):
    """Cuts each training image at a random place after padding it.

    So many pixels are added on every side, black or (`reflect`) mirrored; the cut has the size of the image.
    """

    masks: ClassVar[OnMasks] = "moves"
    pad: Count = 4
    fill: Literal["zero", "reflect"] = "zero"

    @property
    def native(self) -> str:
        return "crop" if self.fill == "zero" else ""

    @property
    def mirrored(self) -> int:
        return self.pad if self.fill == "reflect" else 0

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        top, left = draw.integers(2 * self.pad + 1), draw.integers(2 * self.pad + 1)
        return ops.crop(images, self.pad, top, left, self.fill == "reflect")


@data_word(
    "imagenette resizedcrop flip",
    "cifar10 resizedcrop(50%, ratio=1)",
    slot="resizedcrop",
    paper="Szegedy et al. 2015, arXiv:1409.4842",
)
@dataclass(frozen=True, slots=True)
class ResizedCrop(Pure):
    """Cuts a random part out of each training image and scales it to the image's size, bilinear.

    The part has a fraction from `low` to `high` of the area, and sides in a ratio from 1/`ratio` to `ratio`. As torchvision's
    RandomResizedCrop, whose scale and ratio these are.
    """

    low: Share = 0.08
    high: Share = 1.0
    ratio: Annotated[float, Range(1, 10)] = 4 / 3

    def __post_init__(self) -> None:
        if self.low <= 0 or self.low > self.high:
            raise ArchError(
                f"no part of an image has a fraction from {self.low:g} to {self.high:g}",
                help="write resizedcrop(8%, 100%)",
            )

    @property
    def idle(self) -> bool:
        return self.low == self.high == self.ratio == 1

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        bound, (height, width) = math.log(self.ratio), images.shape[2:]
        area = ops.torch.stack([draw.uniform(self.low, self.high) for _ in range(TRIES)])
        sides = ops.torch.stack([draw.uniform(-bound, bound) for _ in range(TRIES)]).exp()
        return ops.resized(images, *ops.windows(height, width, area, sides, draw.uniform(), draw.uniform()))


@data_word("cifar10 shift(10%)", slot="shift", paper="LeCun et al. 1998; Simard et al. 2003")
@dataclass(frozen=True, slots=True)
class Shift(Pure):
    """Moves each training image by up to this fraction of its width and height, to whole pixels; black moves in."""

    masks: ClassVar[OnMasks] = "moves"
    amounts: ClassVar[tuple[str, ...]] = ("share",)
    share: Share = 0.1

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        height, width = images.shape[2:]
        across, down = ((draw.uniform(-self.share, self.share) * size).round() for size in (width, height))
        return ops.affine(images, move=(across, down), nearest=True)


@data_word("cifar10 rotate(15)", slot="rotate", paper="Simard et al. 2003")
@dataclass(frozen=True, slots=True)
class Rotate(Pure):
    """Turns each training image about its middle by up to so many degrees, either way; bilinear, black corners."""

    amounts: ClassVar[tuple[str, ...]] = ("degrees",)
    degrees: Degrees = 15.0

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.affine(images, angle=draw.uniform(-self.degrees, self.degrees))


@data_word("cifar10 shear(10)", slot="shear", paper="Simard et al. 2003")
@dataclass(frozen=True, slots=True)
class Shear(Pure):
    """Shears each training image along both axes by up to so many degrees, either way; bilinear."""

    amounts: ClassVar[tuple[str, ...]] = ("degrees",)
    degrees: Annotated[float, Range(0, 80)] = 10.0

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        across, down = (draw.uniform(-self.degrees, self.degrees) for _ in range(2))
        return ops.affine(images, shear=(across, down))


@data_word("cifar10 zoom(20%)", slot="zoom", paper="Simard et al. 2003")
@dataclass(frozen=True, slots=True)
class Zoom(Pure):
    """Scales each training image about its middle by a factor from 1 - share to 1 + share; bilinear."""

    amounts: ClassVar[tuple[str, ...]] = ("share",)
    share: Annotated[Share, Range(0, 0.95)] = 0.2

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.affine(images, scale=draw.uniform(1 - self.share, 1 + self.share))
