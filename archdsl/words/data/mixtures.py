"""Images mixed with each other, or spoilt: blended pairs, and labels and pixels at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from archdsl.registry import data_word
from archdsl.registry.types import Positive, Share
from archdsl.words.data.base import Corruption, Images, Mixing, Mixture


@data_word("cifar10 mixup(0.2)", slot="mixup", paper="Zhang et al. 2018, arXiv:1710.09412")
@dataclass(frozen=True, slots=True)
class Mixup(Mixing):
    """Blends each training image with another of its batch; the target is blended alike.

    The weight of the first is drawn from Beta(alpha, alpha), one for each batch. Beside `cutmix`, each step takes one of the
    two by a fair coin.
    """

    fusible: ClassVar[bool] = True
    capturable: ClassVar[bool] = True
    vectors: ClassVar[bool] = True
    boxes: ClassVar[bool] = False
    nothing_at_zero: ClassVar[bool] = True
    alpha: Positive = 0.2

    def mixture(self, rng: Any, shape: tuple[int, ...]) -> Mixture:
        drawn = float(rng.beta(self.alpha, self.alpha))
        return Mixture(drawn, 1 - drawn, label=drawn)


@data_word("cifar10 cutmix(1)", slot="cutmix", paper="Yun et al. 2019, arXiv:1905.04899")
@dataclass(frozen=True, slots=True)
class CutMix(Mixing):
    """Replaces a box of each training image by that of another; the labels weigh as much as their true areas.

    The area is drawn from Beta(alpha, alpha), one box for each batch.
    """

    fusible: ClassVar[bool] = True
    capturable: ClassVar[bool] = True
    blends: ClassVar[bool] = False
    nothing_at_zero: ClassVar[bool] = True
    alpha: Positive = 1.0

    def mixture(self, rng: Any, shape: tuple[int, ...]) -> Mixture:
        drawn = float(rng.beta(self.alpha, self.alpha))
        return boxed(drawn, float(rng.random()), float(rng.random()), *shape[2:])


def boxed(own: float, across: float, down: float, height: int, width: int) -> Mixture:
    """The partner's box: 1 - ``own`` of the area before it is cut at the edges, its middle at the fractions ``across``
    and ``down`` of the image. The labels weigh as much as the areas after it.
    """
    half = (1 - own) ** 0.5 / 2
    x, y = int(across * width), int(down * height)
    left, right = max(0, int(x - half * width)), min(width, int(x + half * width))
    top, bottom = max(0, int(y - half * height)), min(height, int(y + half * height))
    area = (right - left) * (bottom - top) / (height * width)
    return Mixture(top=top, bottom=bottom, left=left, right=right, label=1 - area)


@data_word(
    "cifar10 randomlabels(20%)",
    "cifar10 randomlabels",
    slot="randomlabels",
    paper="Zhang et al. 2016, arXiv:1611.03530",
)
@dataclass(frozen=True, slots=True)
class RandomLabels(Corruption):
    """Replaces each training label by a random one of all classes with probability p, once for the whole run."""

    vectors: ClassVar[bool] = True
    amounts: ClassVar[tuple[str, ...]] = ("p",)
    p: Share = 1.0

    def apply(self, images: Images, labels: Any, classes: int, rng: Any, np: Any) -> tuple[Images, Any]:
        drawn = rng.integers(classes, size=len(labels))
        return images, np.where(rng.random(len(labels)) < self.p, drawn, labels)


@data_word(
    "cifar10 randompixels",
    "cifar10 randompixels(one)",
    slot="randompixels",
    paper="Zhang et al. 2016, arXiv:1611.03530",
)
@dataclass(frozen=True, slots=True)
class RandomPixels(Corruption):
    """Puts the pixels of the training images into a random order, once for the whole run.

    `each` image has an order of its own; `one` order serves for all ("shuffled pixels" in the paper); `gaussian` draws
    pixels with each channel's mean and standard deviation instead.
    """

    kind: Literal["each", "one", "gaussian"] = "each"

    def apply(self, images: Images, labels: Any, classes: int, rng: Any, np: Any) -> tuple[Images, Any]:
        count, channels = images.shape[:2]
        flat = images.reshape(count, channels, -1)
        if self.kind == "one":
            changed = flat[:, :, rng.permutation(flat.shape[2])]
        elif self.kind == "each":
            order = rng.permuted(np.tile(np.arange(flat.shape[2]), (count, 1)), axis=1)
            changed = np.take_along_axis(flat, order[:, None], 2)
        else:
            mean, std = flat.mean((0, 2), keepdims=True), flat.std((0, 2), keepdims=True)
            drawn = rng.standard_normal(flat.shape, dtype=np.float32) * std + mean
            changed = drawn.round().clip(0, 255).astype(np.uint8)
        return changed.reshape(images.shape), labels
