"""Images mixed with each other, or spoilt: blended pairs, and labels and pixels at random."""

from __future__ import annotations

from typing import Literal

from archdsl.registry import data_word
from archdsl.registry.types import Positive, Share
from archdsl.words.data.changes import CutMix, Mixup, RandomLabels, RandomPixels


@data_word("cifar10 mixup(0.2)", slot="mixup", paper="Zhang et al. 2018, arXiv:1710.09412")
def mixup(alpha: Positive = 0.2) -> Mixup:
    """Blends each training image with another of its batch; the target is blended alike.

    The share of the first is drawn from Beta(alpha, alpha), one for each batch. Beside `cutmix`, each step takes one of the
    two by a fair coin.
    """
    return Mixup(alpha)


@data_word("cifar10 cutmix(1)", slot="cutmix", paper="Yun et al. 2019, arXiv:1905.04899")
def cutmix(alpha: Positive = 1.0) -> CutMix:
    """Replaces a box of each training image by that of another; the labels weigh as much as their true areas.

    The area is drawn from Beta(alpha, alpha), one box for each batch.
    """
    return CutMix(alpha)


@data_word("cifar10 randomlabels(20%)", "cifar10 randomlabels", slot="randomlabels",
           paper="Zhang et al. 2016, arXiv:1611.03530")  # fmt: skip
def randomlabels(p: Share = 1.0) -> RandomLabels:
    """Replaces each training label by a random one of all classes with probability p, once for the whole run."""
    return RandomLabels(p)


@data_word("cifar10 randompixels", "cifar10 randompixels(one)", slot="randompixels",
           paper="Zhang et al. 2016, arXiv:1611.03530")  # fmt: skip
def randompixels(kind: Literal["each", "one", "gaussian"] = "each") -> RandomPixels:
    """Puts the pixels of the training images into a random order, once for the whole run.

    `each` image has an order of its own; `one` order serves for all ("shuffled pixels" in the paper); `gaussian` draws
    pixels with each channel's mean and deviation instead.
    """
    return RandomPixels(kind)
