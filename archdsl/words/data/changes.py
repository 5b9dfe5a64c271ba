"""What the augmentation words return: frozen settings that know no torch. ``archdsl.data.augment`` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Where = Literal["pipeline", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """A change of training batches, drawn anew for each image at each step; other images never see it.

    ``where`` it happens: in the data ``pipeline``, or as a layer of the ``model``.

    A class of another package has its behaviour with it: ``apply(images, chance)`` gives the batch (N, C, H, W) of bytes
    after it; ``chance`` draws a number for each image. ``fusible`` says that its draws depend on the seed and the step
    alone, so that several seeds may be trained as one net.
    """

    fusible: ClassVar[bool] = False
    where: Where = "pipeline"

    @property
    def name(self) -> str:
        """The word; it names the stream of its draws."""
        return type(self).__name__.lower()


@dataclass(frozen=True, slots=True)
class Corruption:
    """A change of the training part itself, drawn once for a run from its seed."""


@dataclass(frozen=True, slots=True)
class Flip(Augmentation):
    """Mirrored left to right with probability ``p``, or in every second epoch."""

    fusible: ClassVar[bool] = True
    p: float
    alternate: bool = False


@dataclass(frozen=True, slots=True)
class VFlip(Augmentation):
    """Mirrored top to bottom with probability ``p``."""

    fusible: ClassVar[bool] = True
    p: float


@dataclass(frozen=True, slots=True)
class Crop(Augmentation):
    """Padded with ``pad`` black or mirrored pixels on each side, then cut to its size at a random place."""

    fusible: ClassVar[bool] = True
    pad: int
    fill: Literal["zero", "reflect"] = "zero"


@dataclass(frozen=True, slots=True)
class Shift(Augmentation):
    """Moved by up to a share of its size along each axis."""

    fusible: ClassVar[bool] = True
    share: float


@dataclass(frozen=True, slots=True)
class ResizedCrop(Augmentation):
    """A window of a share ``low`` to ``high`` of the area, its sides in a ratio from 1/``ratio`` to ``ratio``, scaled to the
    image's size.
    """

    fusible: ClassVar[bool] = True
    low: float
    high: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Rotate(Augmentation):
    """Turned about its middle by up to so many degrees, either way."""

    fusible: ClassVar[bool] = True
    degrees: float


@dataclass(frozen=True, slots=True)
class Shear(Augmentation):
    """Sheared along each axis by up to so many degrees, either way."""

    fusible: ClassVar[bool] = True
    degrees: float


@dataclass(frozen=True, slots=True)
class Zoom(Augmentation):
    """Scaled about its middle by a factor between 1 - ``share`` and 1 + ``share``."""

    fusible: ClassVar[bool] = True
    share: float


@dataclass(frozen=True, slots=True)
class Brightness(Augmentation):
    """Times a factor between 1 - ``strength`` and 1 + ``strength``."""

    fusible: ClassVar[bool] = True
    strength: float


@dataclass(frozen=True, slots=True)
class Contrast(Augmentation):
    """Away from its mean grey by a factor between 1 - ``strength`` and 1 + ``strength``."""

    fusible: ClassVar[bool] = True
    strength: float


@dataclass(frozen=True, slots=True)
class Saturation(Augmentation):
    """Away from its own greys by a factor between 1 - ``strength`` and 1 + ``strength``."""

    fusible: ClassVar[bool] = True
    strength: float


@dataclass(frozen=True, slots=True)
class Hue(Augmentation):
    """Colours turned by up to a share of the circle, either way."""

    fusible: ClassVar[bool] = True
    strength: float


@dataclass(frozen=True, slots=True)
class Grayscale(Augmentation):
    """Grey with probability ``p``."""

    fusible: ClassVar[bool] = True
    p: float


@dataclass(frozen=True, slots=True)
class Jitter(Augmentation):
    """Brightness, contrast, saturation and hue, in an order drawn for each image; a strength of 0 leaves one out."""

    fusible: ClassVar[bool] = True
    brightness: float
    contrast: float
    saturation: float
    hue: float


@dataclass(frozen=True, slots=True)
class Sharpness(Augmentation):
    """Away from its smoothed self by a factor between 1 - ``strength`` and 1 + ``strength``."""

    fusible: ClassVar[bool] = True
    strength: float


@dataclass(frozen=True, slots=True)
class Blur(Augmentation):
    """With probability ``p`` blurred by a normal curve of a deviation between ``low`` and ``high``, over ``size`` pixels."""

    fusible: ClassVar[bool] = True
    size: int
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Solarize(Augmentation):
    """With probability ``p`` all bytes from ``threshold`` on inverted."""

    fusible: ClassVar[bool] = True
    p: float
    threshold: int


@dataclass(frozen=True, slots=True)
class Posterize(Augmentation):
    """With probability ``p`` only the upper ``bits`` of each byte."""

    fusible: ClassVar[bool] = True
    p: float
    bits: int


@dataclass(frozen=True, slots=True)
class AutoContrast(Augmentation):
    """With probability ``p`` each channel stretched to the whole range."""

    fusible: ClassVar[bool] = True
    p: float


@dataclass(frozen=True, slots=True)
class Equalize(Augmentation):
    """With probability ``p`` each channel with an even histogram."""

    fusible: ClassVar[bool] = True
    p: float


@dataclass(frozen=True, slots=True)
class Invert(Augmentation):
    """With probability ``p`` its negative."""

    fusible: ClassVar[bool] = True
    p: float


@dataclass(frozen=True, slots=True)
class Noise(Augmentation):
    """Normal noise of deviation ``sigma``, as a share of the range of a pixel."""

    fusible: ClassVar[bool] = True
    sigma: float


@dataclass(frozen=True, slots=True)
class Cutout(Augmentation):
    """A black square of ``size`` pixels at a random middle; it may lie partly outside."""

    fusible: ClassVar[bool] = True
    size: int


@dataclass(frozen=True, slots=True)
class Erasing(Augmentation):
    """With probability ``p`` a rectangle of ``low`` to ``high`` of the area, filled with noise."""

    fusible: ClassVar[bool] = True
    p: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RandAugment(Augmentation):
    """``n`` operations drawn from fourteen, at magnitude ``m`` of 30."""

    fusible: ClassVar[bool] = True
    n: int
    m: int


@dataclass(frozen=True, slots=True)
class TrivialAugment(Augmentation):
    """One operation drawn from fourteen, at a magnitude drawn from 31."""

    fusible: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class AutoAugment(Augmentation):
    """Two operations of one of the 25 pairs that were found for a data set, each with a probability of its own."""

    fusible: ClassVar[bool] = True
    policy: Literal["cifar10", "imagenet", "svhn"]


@dataclass(frozen=True, slots=True)
class Mixup(Augmentation):
    """Each image blended with another, share drawn from Beta(``alpha``, ``alpha``)."""

    fusible: ClassVar[bool] = True
    alpha: float


@dataclass(frozen=True, slots=True)
class CutMix(Augmentation):
    """A box of each image replaced by that of another, area drawn from Beta(``alpha``, ``alpha``)."""

    fusible: ClassVar[bool] = True
    alpha: float


Mixing = Mixup | CutMix
Colouring = Saturation | Hue | Grayscale  # for colour images alone


@dataclass(frozen=True, slots=True)
class RandomLabels(Corruption):
    """Each label replaced by one of all classes with probability ``p``."""

    p: float


@dataclass(frozen=True, slots=True)
class RandomPixels(Corruption):
    """Pixels in a random order of each image's own, in one order for all, or drawn from a normal distribution."""

    kind: Literal["each", "one", "gaussian"]
