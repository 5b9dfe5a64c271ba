"""Augmentations of the colours of a training batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from archdsl.errors import ArchError
from archdsl.registry import Range, data_word
from archdsl.registry.types import Count, Positive, Share
from archdsl.words.data.base import Images, InPlace

Turn = Annotated[Share, Range(0, 0.5)]
PAPER = "Krizhevsky et al. 2012; Howard 2013, arXiv:1312.5402"


@data_word("cifar10 brightness(0.4)", "cifar10 brightness(0.2, additive)", slot="brightness", paper=PAPER)
@dataclass(frozen=True, slots=True)
class Brightness(InPlace):
    """Multiplies each training image by a factor from 1 - strength to 1 + strength.

    With `additive` it adds a constant from -strength to strength to all values of the image instead, where black is 0 and
    white is 1.
    """

    amounts: ClassVar[tuple[str, ...]] = ("strength",)
    strength: Share = 0.4
    form: Literal["additive"] | None = None

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        if self.form == "additive":
            return ops.brighten(images, draw.uniform(-self.strength, self.strength))
        return ops.brightness(images, draw.uniform(1 - self.strength, 1 + self.strength))


@data_word("cifar10 contrast(0.4)", slot="contrast", paper=PAPER)
@dataclass(frozen=True, slots=True)
class Contrast(InPlace):
    """Moves each training image away from, or towards, its mean grey by a factor from 1 - strength to 1 + strength."""

    amounts: ClassVar[tuple[str, ...]] = ("strength",)
    strength: Share = 0.4

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.contrast(images, draw.uniform(1 - self.strength, 1 + self.strength))


@data_word("cifar10 saturation(0.4)", slot="saturation", paper=PAPER)
@dataclass(frozen=True, slots=True)
class Saturation(InPlace):
    """Makes the colours of each training image stronger or weaker, by a factor from 1 - strength to 1 + strength."""

    amounts: ClassVar[tuple[str, ...]] = ("strength",)
    strength: Share = 0.4

    @property
    def colours(self) -> bool:
        return True

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.saturation(images, draw.uniform(1 - self.strength, 1 + self.strength))


@data_word("cifar10 hue(0.1)", slot="hue", paper=PAPER)
@dataclass(frozen=True, slots=True)
class Hue(InPlace):
    """Turns the colours of each training image by up to this fraction of the colour circle, either way."""

    amounts: ClassVar[tuple[str, ...]] = ("strength",)
    strength: Turn = 0.1

    @property
    def colours(self) -> bool:
        return True

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.hue(images, draw.uniform(-self.strength, self.strength))


@data_word(
    "cifar10 jitter",
    "cifar10 jitter(0.8, 0.8, 0.8, 0.2)",
    "fashion-mini jitter(saturation=0, hue=0)",
    slot="jitter",
    paper="Howard 2013, arXiv:1312.5402; Chen et al. 2020, arXiv:2002.05709",
)
@dataclass(frozen=True, slots=True)
class Jitter(InPlace):
    """Brightness, contrast, saturation and hue of each training image, in an order drawn for it.

    Each as the word of its name does it; 0 leaves one out. As torchvision's ColorJitter.
    """

    brightness: Share = 0.4
    contrast: Share = 0.4
    saturation: Share = 0.4
    hue: Turn = 0.1

    def __post_init__(self) -> None:
        if not (self.brightness or self.contrast or self.saturation or self.hue):
            raise ArchError("jitter(0, 0, 0, 0) changes nothing", help="leave it out")

    @property
    def colours(self) -> bool:
        return bool(self.saturation or self.hue)

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        strengths = (
            (ops.brightness, self.brightness, 1.0),
            (ops.contrast, self.contrast, 1.0),
            (ops.saturation, self.saturation, 1.0),
            (ops.hue, self.hue, 0.0),
        )
        changes = [(change, draw.uniform(middle - s, middle + s)) for change, s, middle in strengths if s]
        return ops.in_any_order(images, changes, draw)


@data_word("cifar10 sharpness(0.9)", slot="sharpness", paper="Cubuk et al. 2019, arXiv:1805.09501")
@dataclass(frozen=True, slots=True)
class Sharpness(InPlace):
    """Moves each training image away from, or towards, its smoothed self by a factor from 1 - strength to 1 + strength."""

    amounts: ClassVar[tuple[str, ...]] = ("strength",)
    strength: Share = 0.9

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.sharpness(images, draw.uniform(1 - self.strength, 1 + self.strength))


@data_word("cifar10 grayscale(20%)", slot="grayscale", paper="Chen et al. 2020, arXiv:2002.05709")
@dataclass(frozen=True, slots=True)
class Grayscale(InPlace):
    """Makes each training image grey with probability p."""

    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Share = 0.2

    @property
    def colours(self) -> bool:
        return True

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.choose(draw.uniform() < self.p, ops.grey(images).to(images.dtype), images)


@data_word("cifar10 blur", "imagenette blur(23, p=50%)", slot="blur", paper="Chen et al. 2020, arXiv:2002.05709")
@dataclass(frozen=True, slots=True)
class Blur(InPlace):
    """Blurs each training image with probability p by a normal curve whose standard deviation is `low` to `high` pixels.

    The curve is cut to an odd number of pixels, `size`; pixels are mirrored at the edge. As torchvision's GaussianBlur.
    """

    amounts: ClassVar[tuple[str, ...]] = ("p",)
    size: Count = 3
    low: Positive = 0.1
    high: Positive = 2.0
    p: Share = 1.0

    def __post_init__(self) -> None:
        if self.size % 2 == 0:
            raise ArchError(f"a blur over {self.size} pixels has no middle", help=f"write blur({self.size + 1})")
        if self.low > self.high:
            raise ArchError(
                f"no standard deviation is between {self.low:g} and {self.high:g}", help="give the smaller one first"
            )

    @property
    def mirrored(self) -> int:
        return self.size // 2

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.choose(
            draw.uniform() < self.p, ops.blur(images, self.size, draw.uniform(self.low, self.high)), images
        )


@data_word("cifar10 solarize(20%)", slot="solarize", paper="Cubuk et al. 2019; Grill et al. 2020, arXiv:2006.07733")
@dataclass(frozen=True, slots=True)
class Solarize(InPlace):
    """Inverts all bytes from `threshold` on of each training image, with probability p."""

    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Share = 0.2
    threshold: Annotated[int, Range(0, 255)] = 128

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        chosen = draw.uniform() < self.p
        return ops.choose(chosen, ops.torch.where(images >= self.threshold, 255 - images, images), images)


@data_word("cifar10 posterize(20%, bits=4)", slot="posterize", paper="Cubuk et al. 2019, arXiv:1805.09501")
@dataclass(frozen=True, slots=True)
class Posterize(InPlace):
    """Keeps only the upper `bits` of each byte of a training image, with probability p."""

    p: Share = 0.5
    bits: Annotated[int, Range(1, 8)] = 4

    @property
    def idle(self) -> bool:
        return self.p == 0 or self.bits == 8

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.choose(draw.uniform() < self.p, images & (256 - 2 ** (8 - self.bits)), images)


@data_word("cifar10 autocontrast(50%)", slot="autocontrast", paper="Cubuk et al. 2019, arXiv:1805.09501")
@dataclass(frozen=True, slots=True)
class AutoContrast(InPlace):
    """Stretches each channel of a training image to the whole range, with probability p."""

    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Share = 0.5

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.choose(draw.uniform() < self.p, ops.autocontrast(images), images)


@data_word("cifar10 equalize(50%)", slot="equalize", paper="Cubuk et al. 2019, arXiv:1805.09501")
@dataclass(frozen=True, slots=True)
class Equalize(InPlace):
    """Makes the histogram of each channel of a training image even, with probability p."""

    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Share = 0.5

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.choose(draw.uniform() < self.p, ops.equalize(images), images)


@data_word("cifar10 invert(10%)", slot="invert", paper="Cubuk et al. 2019, arXiv:1805.09501")
@dataclass(frozen=True, slots=True)
class Invert(InPlace):
    """Makes a training image its negative, with probability p."""

    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Share = 0.5

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.choose(draw.uniform() < self.p, ops.invert(images), images)
