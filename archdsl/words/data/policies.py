"""Augmentations that draw from a set of operations, or that a search found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from archdsl.registry import Range, data_word
from archdsl.registry.types import Count
from archdsl.words.data.base import Images, Pure


@data_word(
    "cifar10 randaugment",
    "cifar10 flip crop(4) randaugment(2, 5)",
    slot="randaugment",
    paper="Cubuk et al. 2020, arXiv:1909.13719",
)
@dataclass(frozen=True, slots=True)
class RandAugment(Pure):
    """`n` operations for each training image, drawn from fourteen, all at magnitude `m` of 30.

    Identity, shears, translations, rotation, brightness, colour, contrast, sharpness, posterise, solarise, autocontrast,
    equalise; those with a direction in either one. As torchvision's RandAugment.
    """

    n: Count = 2
    m: Annotated[int, Range(0, 30)] = 9

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.randaugment(images, self.n, self.m, draw)


@data_word("cifar10 flip trivialaugment", slot="trivialaugment", paper="Müller & Hutter 2021, arXiv:2103.10158")
@dataclass(frozen=True, slots=True)
class TrivialAugment(Pure):
    """One operation for each training image, drawn from randaugment's fourteen, at a magnitude drawn as well.

    The wide ranges of the paper; nothing is to be tuned. As torchvision's TrivialAugmentWide.
    """

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.trivialaugment(images, draw)


@data_word(
    "cifar10 flip crop(4) autoaugment",
    "imagenette resizedcrop autoaugment(imagenet)",
    slot="autoaugment",
    paper="Cubuk et al. 2019, arXiv:1805.09501",
)
@dataclass(frozen=True, slots=True)
class AutoAugment(Pure):
    """One of 25 pairs of operations for each training image: those that a search found best for the set of that name.

    Each operation has a probability and a magnitude of its own. As torchvision's AutoAugment.
    """

    policy: Literal["cifar10", "imagenet", "svhn"] = "cifar10"

    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        return ops.autoaugment(images, self.policy, draw)
