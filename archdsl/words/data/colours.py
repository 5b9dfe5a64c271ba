"""Augmentations of the colours of a training batch."""

from __future__ import annotations

from typing import Annotated

from archdsl.errors import ArchError
from archdsl.registry import Range, data_word
from archdsl.registry.types import Count, Positive, Share
from archdsl.words.data.changes import (
    AutoContrast,
    Blur,
    Brightness,
    Contrast,
    Equalize,
    Grayscale,
    Hue,
    Invert,
    Jitter,
    Posterize,
    Saturation,
    Sharpness,
    Solarize,
    Where,
)  # fmt: skip

Turn = Annotated[Share, Range(0, 0.5)]
PAPER = "Krizhevsky et al. 2012; Howard 2013, arXiv:1312.5402"


@data_word("cifar10 brightness(0.4)", slot="brightness", paper=PAPER)
def brightness(strength: Share = 0.4, where: Where = "pipeline") -> Brightness:
    """Multiplies each training image by a factor from 1 - strength to 1 + strength."""
    return Brightness(strength, where=where)


@data_word("cifar10 contrast(0.4)", slot="contrast", paper=PAPER)
def contrast(strength: Share = 0.4, where: Where = "pipeline") -> Contrast:
    """Moves each training image away from, or towards, its mean grey by a factor from 1 - strength to 1 + strength."""
    return Contrast(strength, where=where)


@data_word("cifar10 saturation(0.4)", slot="saturation", paper=PAPER)
def saturation(strength: Share = 0.4, where: Where = "pipeline") -> Saturation:
    """Makes the colours of each training image stronger or weaker, by a factor from 1 - strength to 1 + strength."""
    return Saturation(strength, where=where)


@data_word("cifar10 hue(0.1)", slot="hue", paper=PAPER)
def hue(strength: Turn = 0.1, where: Where = "pipeline") -> Hue:
    """Turns the colours of each training image by up to this share of the colour circle, either way."""
    return Hue(strength, where=where)


@data_word("cifar10 grayscale(20%)", slot="grayscale", paper="Chen et al. 2020, arXiv:2002.05709")
def grayscale(p: Share = 0.2, where: Where = "pipeline") -> Grayscale:
    """Makes each training image grey with probability p."""
    return Grayscale(p, where=where)


@data_word("cifar10 jitter", "cifar10 jitter(0.8, 0.8, 0.8, 0.2)", "fashion-mini jitter(saturation=0, hue=0)", slot="jitter",
           paper="Howard 2013, arXiv:1312.5402; Chen et al. 2020, arXiv:2002.05709")  # fmt: skip
def jitter(
    brightness: Share = 0.4, contrast: Share = 0.4, saturation: Share = 0.4, hue: Turn = 0.1, where: Where = "pipeline"
) -> Jitter:
    """Brightness, contrast, saturation and hue of each training image, in an order drawn for it.

    Each as the word of its name does it; 0 leaves one out. As torchvision's ColorJitter.
    """
    if not (brightness or contrast or saturation or hue):
        raise ArchError("jitter(0, 0, 0, 0) changes nothing", help="leave it out")
    return Jitter(brightness, contrast, saturation, hue, where=where)


@data_word("cifar10 sharpness(0.9)", slot="sharpness", paper="Cubuk et al. 2019, arXiv:1805.09501")
def sharpness(strength: Share = 0.9, where: Where = "pipeline") -> Sharpness:
    """Moves each training image away from, or towards, its smoothed self by a factor from 1 - strength to 1 + strength."""
    return Sharpness(strength, where=where)


@data_word("cifar10 blur", "imagenette blur(23, p=50%)", slot="blur", paper="Chen et al. 2020, arXiv:2002.05709")
def blur(
    size: Count = 3, low: Positive = 0.1, high: Positive = 2.0, p: Share = 1.0, where: Where = "pipeline"
) -> Blur:  # fmt: skip
    """Blurs each training image with probability p by a normal curve whose deviation is `low` to `high` pixels.

    The curve is cut to an odd number of pixels, `size`; pixels are mirrored at the edge. As torchvision's GaussianBlur.
    """
    if size % 2 == 0:
        raise ArchError(f"a blur over {size} pixels has no middle", help=f"write blur({size + 1})")
    if low > high:
        raise ArchError(f"no deviation lies between {low:g} and {high:g}", help="give the smaller one first")
    return Blur(size, low, high, p, where=where)


@data_word("cifar10 solarize(20%)", slot="solarize", paper="Cubuk et al. 2019; Grill et al. 2020, arXiv:2006.07733")
def solarize(p: Share = 0.2, threshold: Annotated[int, Range(0, 255)] = 128, where: Where = "pipeline") -> Solarize:
    """Inverts all bytes from `threshold` on of each training image, with probability p."""
    return Solarize(p, threshold, where=where)


@data_word("cifar10 posterize(20%, bits=4)", slot="posterize", paper="Cubuk et al. 2019, arXiv:1805.09501")
def posterize(p: Share = 0.5, bits: Annotated[int, Range(1, 8)] = 4, where: Where = "pipeline") -> Posterize:
    """Keeps only the upper `bits` of each byte of a training image, with probability p."""
    return Posterize(p, bits, where=where)


@data_word("cifar10 autocontrast(50%)", slot="autocontrast", paper="Cubuk et al. 2019, arXiv:1805.09501")
def autocontrast(p: Share = 0.5, where: Where = "pipeline") -> AutoContrast:
    """Stretches each channel of a training image to the whole range, with probability p."""
    return AutoContrast(p, where=where)


@data_word("cifar10 equalize(50%)", slot="equalize", paper="Cubuk et al. 2019, arXiv:1805.09501")
def equalize(p: Share = 0.5, where: Where = "pipeline") -> Equalize:
    """Makes the histogram of each channel of a training image even, with probability p."""
    return Equalize(p, where=where)


@data_word("cifar10 invert(10%)", slot="invert", paper="Cubuk et al. 2019, arXiv:1805.09501")
def invert(p: Share = 0.5, where: Where = "pipeline") -> Invert:
    """Makes a training image its negative, with probability p."""
    return Invert(p, where=where)
