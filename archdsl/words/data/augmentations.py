"""Augmentations of the place and shape: what happens to a training batch before the net sees it, never to other images.

``where=model`` makes any of these (but not those that mix images) a layer of the model: it then acts on normalised
images, and is the identity in eval mode, as it is in the pipeline.
"""

from __future__ import annotations

from typing import Annotated, Literal

from archdsl.errors import ArchError
from archdsl.registry import Range, data_word
from archdsl.registry.types import Count, Share
from archdsl.words.data.changes import (
    AutoAugment,
    Crop,
    Cutout,
    Erasing,
    Flip,
    Noise,
    RandAugment,
    ResizedCrop,
    Rotate,
    Shear,
    Shift,
    TrivialAugment,
    VFlip,
    Where,
    Zoom,
)  # fmt: skip

Degrees = Annotated[float, Range(0, 180)]


@data_word("cifar10 flip", "cifar10 flip(0.5)", "cifar10 flip(alternate)", slot="flip",
           paper="Krizhevsky et al. 2012; alternate: Jordan 2024, arXiv:2404.00498")  # fmt: skip
def flip(p: Share = 0.5, where: Where = "pipeline", alternate: bool = False) -> Flip:
    """Mirrors each training image left to right with probability p.

    With `alternate` a coin says once which images begin mirrored, and each turns round from epoch to epoch: any two
    epochs in a row show both sides of every image.
    """
    if alternate and p != 0.5:
        raise ArchError(f"flip(p={p:g}, alternate) has two rules", help="leave p or alternate out")
    return Flip(p, alternate, where=where)


@data_word("cifar10 vflip", slot="vflip")
def vflip(p: Share = 0.5, where: Where = "pipeline") -> VFlip:
    """Mirrors each training image top to bottom with probability p."""
    return VFlip(p, where=where)


@data_word("cifar10 crop(4)", "cifar10 crop(2, reflect)", slot="crop", paper="He et al. 2016, section 4.2")
def crop(pad: Count = 4, fill: Literal["zero", "reflect"] = "zero", where: Where = "pipeline") -> Crop:
    """Cuts each training image at a random place after padding it.

    So many pixels are added on every side, black or (`reflect`) mirrored; the cut has the size of the image.
    """
    return Crop(pad, fill, where=where)


@data_word("imagenette resizedcrop flip", "cifar10 resizedcrop(50%, ratio=1)", slot="resizedcrop",
           paper="Szegedy et al. 2015, arXiv:1409.4842")  # fmt: skip
def resizedcrop(
    low: Share = 0.08, high: Share = 1.0, ratio: Annotated[float, Range(1, 10)] = 4 / 3, where: Where = "pipeline"
) -> ResizedCrop:
    """Cuts a random part out of each training image and scales it to the image's size, bilinear.

    The part has a share from `low` to `high` of the area, and sides in a ratio from 1/`ratio` to `ratio`. As torchvision's
    RandomResizedCrop, whose scale and ratio these are.
    """
    if low <= 0 or low > high:
        raise ArchError(f"no part of an image has a share from {low:g} to {high:g}", help="write resizedcrop(8%, 100%)")
    return ResizedCrop(low, high, ratio, where=where)


@data_word("cifar10 shift(10%)", slot="shift", paper="LeCun et al. 1998; Simard et al. 2003")
def shift(share: Share = 0.1, where: Where = "pipeline") -> Shift:
    """Moves each training image by up to this share of its width and height, to whole pixels; black moves in."""
    return Shift(share, where=where)


@data_word("cifar10 rotate(15)", slot="rotate", paper="Simard et al. 2003")
def rotate(degrees: Degrees = 15.0, where: Where = "pipeline") -> Rotate:
    """Turns each training image about its middle by up to so many degrees, either way; bilinear, black corners."""
    return Rotate(degrees, where=where)


@data_word("cifar10 shear(10)", slot="shear", paper="Simard et al. 2003")
def shear(degrees: Annotated[float, Range(0, 80)] = 10.0, where: Where = "pipeline") -> Shear:
    """Shears each training image along both axes by up to so many degrees, either way; bilinear."""
    return Shear(degrees, where=where)


@data_word("cifar10 zoom(20%)", slot="zoom", paper="Simard et al. 2003")
def zoom(share: Annotated[Share, Range(0, 0.95)] = 0.2, where: Where = "pipeline") -> Zoom:
    """Scales each training image about its middle by a factor from 1 - share to 1 + share; bilinear."""
    return Zoom(share, where=where)


@data_word("cifar10 cutout(16)", slot="cutout", paper="DeVries & Taylor 2017, arXiv:1708.04552")
def cutout(size: Count = 16, where: Where = "pipeline") -> Cutout:
    """Blackens a square of so many pixels at a random place; its middle is in the image, the rest need not be.

    As a layer of the net, `cutout` does this to values between layers.
    """
    return Cutout(size, where=where)


@data_word("cifar10 erasing", "cifar10 erasing(0.25)", slot="erasing", paper="Zhong et al. 2017, arXiv:1708.04896")
def erasing(p: Share = 0.5, low: Share = 0.02, high: Share = 0.33, where: Where = "pipeline") -> Erasing:
    """Fills a rectangle of each training image with random pixels, with probability p.

    Its area is `low` to `high` of the image's, its sides in a ratio between 0.3 and 1/0.3.
    """
    return Erasing(p, low, high, where=where)


@data_word("cifar10 noise(5%)", slot="noise", paper="Sietsma & Dow 1991")
def noise(sigma: Annotated[Share, Range(0, 10)] = 0.05, where: Where = "pipeline") -> Noise:
    """Adds normal noise to each pixel; `sigma` is its deviation as a share of a pixel's range."""
    return Noise(sigma, where=where)


@data_word("cifar10 randaugment", "cifar10 flip crop(4) randaugment(2, 5)", slot="randaugment",
           paper="Cubuk et al. 2020, arXiv:1909.13719")  # fmt: skip
def randaugment(n: Count = 2, m: Annotated[int, Range(0, 30)] = 9, where: Where = "pipeline") -> RandAugment:
    """`n` operations for each training image, drawn from fourteen, all at magnitude `m` of 30.

    Identity, shears, translations, rotation, brightness, colour, contrast, sharpness, posterise, solarise, autocontrast,
    equalise; those with a direction in either one. As torchvision's RandAugment.
    """
    return RandAugment(n, m, where=where)


@data_word("cifar10 flip trivialaugment", slot="trivialaugment", paper="Müller & Hutter 2021, arXiv:2103.10158")
def trivialaugment(where: Where = "pipeline") -> TrivialAugment:
    """One operation for each training image, drawn from randaugment's fourteen, at a magnitude drawn as well.

    The wide ranges of the paper; nothing is to be tuned. As torchvision's TrivialAugmentWide.
    """
    return TrivialAugment(where=where)


@data_word("cifar10 flip crop(4) autoaugment", "imagenette resizedcrop autoaugment(imagenet)", slot="autoaugment",
           paper="Cubuk et al. 2019, arXiv:1805.09501")  # fmt: skip
def autoaugment(policy: Literal["cifar10", "imagenet", "svhn"] = "cifar10", where: Where = "pipeline") -> AutoAugment:
    """One of 25 pairs of operations for each training image: those that a search found best for the set of that name.

    Each operation has a probability and a magnitude of its own. As torchvision's AutoAugment.
    """
    return AutoAugment(policy, where=where)
