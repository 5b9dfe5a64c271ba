"""The augmentation words carried out: draws for each image, then one call for the batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, assert_never

import torch
from torch import Tensor

from archdsl.data.augment import colour
from archdsl.data.augment.draws import Chance, Chances
from archdsl.data.augment.each import by_number
from archdsl.data.augment.geometry import affine, boxes, crop, flip, resized, windows
from archdsl.data.augment.rand import autoaugment, randaugment, trivialaugment
from archdsl.errors import ArchError, InternalError
from archdsl.words.data import changes
from archdsl.words.data.changes import Augmentation, Mixing
from archdsl.words.foreign import APPLY, behaviour, is_foreign

Hole = changes.Cutout | changes.Erasing | changes.Noise
Stretched = (
    changes.Brightness | changes.Contrast | changes.Saturation | changes.Hue | changes.Sharpness | changes.Jitter
)
# Those that take each image with a probability.
Chosen = (
    changes.Grayscale
    | changes.Blur
    | changes.Solarize
    | changes.Posterize
    | changes.AutoContrast
    | changes.Equalize
    | changes.Invert
)
TRIES = 10  # of a window that fits, as torchvision counts


def augment(
    images: Tensor,
    words: tuple[Augmentation, ...],
    chances: Chances,
    step: int,
    total: int | None = None,
    start: int = 0,
) -> Tensor:
    """The batch (N, C, H, W) of bytes after all augmentations, in their order; shape, type and device stay.

    Args:
        step: of the run; it keys the draws.
        total, start: the batch is the rows from ``start`` on of a step's ``total``.
    """
    for word in words:
        if not isinstance(word, Mixing):
            images = _one(images, word, chances.at(word.name, step, len(images), total, start))
    return images


def _one(images: Tensor, word: Augmentation, chance: Chance) -> Tensor:
    if is_foreign(word):
        return _foreign(images, word, chance)
    match word:
        case changes.Flip(p=p, alternate=alternate):
            if alternate and chance.mirrored is None:
                raise InternalError("flip(alternate) does not know which images are mirrored in this epoch")
            return flip(images, chance.mirrored if alternate and chance.mirrored is not None else chance.uniform() < p)
        case changes.VFlip(p=p):
            return flip(images, chance.uniform() < p, 2)
        case changes.Crop(pad=pad, fill=fill):
            top, left = chance.integers(2 * pad + 1), chance.integers(2 * pad + 1)
            return crop(images, pad, top, left, fill == "reflect")
        case changes.Shift(share=share):
            height, width = images.shape[2:]
            move = [(chance.uniform(-share, share) * size).round() for size in (width, height)]
            return affine(images, move=(move[0], move[1]), nearest=True)
        case changes.Rotate(degrees=degrees):
            return affine(images, angle=chance.uniform(-degrees, degrees))
        case changes.Shear(degrees=degrees):
            return affine(images, shear=(chance.uniform(-degrees, degrees), chance.uniform(-degrees, degrees)))
        case changes.Zoom(share=share):
            return affine(images, scale=chance.uniform(1 - share, 1 + share))
        case changes.ResizedCrop(low=low, high=high, ratio=ratio):
            bound, (height, width) = math.log(ratio), images.shape[2:]
            area = torch.stack([chance.uniform(low, high) for _ in range(TRIES)])
            sides = torch.stack([chance.uniform(-bound, bound) for _ in range(TRIES)]).exp()
            return resized(images, *windows(height, width, area, sides, chance.uniform(), chance.uniform()))
        case _:
            return _other(images, word, chance)


def _foreign(images: Tensor, word: Augmentation, chance: Chance) -> Tensor:
    """The images after a word of another package, which has to leave their shape, type and device as they are."""
    changed: Tensor = behaviour(word, APPLY)(images, chance)
    if (changed.shape, changed.dtype, changed.device) != (images.shape, images.dtype, images.device):
        raise ArchError(f"`{word.name}` of {type(word).__module__} changes the batch from {_sort(images)} to "
                        f"{_sort(changed)}", help="an augmentation keeps shape, type and device")  # fmt: skip
    return changed


def _sort(images: Tensor) -> str:
    return f"{'x'.join(map(str, images.shape))} {images.dtype} on {images.device}"


def _other(images: Tensor, word: Augmentation, chance: Chance) -> Tensor:
    match word:
        case changes.RandAugment(n=n, m=m):
            return randaugment(images, n, m, chance)
        case changes.TrivialAugment():
            return trivialaugment(images, chance)
        case changes.AutoAugment(policy=policy):
            return autoaugment(images, policy, chance)
        case changes.Cutout() | changes.Erasing() | changes.Noise():
            return _holes(images, word, chance)
        case _ if isinstance(word, Stretched):
            return _stretched(images, word, chance)
        case _ if isinstance(word, Chosen):
            chosen = (chance.uniform() < word.p)[:, None, None, None]
            return torch.where(chosen, _chosen(images, word, chance), images)
        case _:
            raise InternalError(f"nothing carries out the augmentation {type(word).__name__}")


def _chosen(images: Tensor, word: Chosen, chance: Chance) -> Tensor:
    """What the word does to an image that it takes; others are looked at, too, so that nothing waits for the device."""
    match word:
        case changes.Grayscale():
            return colour.grey(images).to(images.dtype)
        case changes.Blur(size=size, low=low, high=high):
            return colour.blur(images, size, chance.uniform(low, high))
        case changes.Solarize(threshold=threshold):
            return torch.where(images >= threshold, 255 - images, images)
        case changes.Posterize(bits=bits):
            return images & (256 - 2 ** (8 - bits))
        case changes.AutoContrast():
            return colour.autocontrast(images)
        case changes.Equalize():
            return colour.equalize(images)
        case changes.Invert():
            return colour.invert(images)
        case _:
            assert_never(word)


def _jittered(images: Tensor, word: changes.Jitter, chance: Chance) -> Tensor:
    """The parts of the word one after the other, in an order drawn for each image (any of 24, each as likely)."""
    wanted = (
        (colour.brightness, word.brightness, 1.0), (colour.contrast, word.contrast, 1.0),
        (colour.saturation, word.saturation, 1.0), (colour.hue, word.hue, 0.0),
    )  # fmt: skip
    parts = [(change, chance.uniform(middle - s, middle + s)) for change, s, middle in wanted if s]
    order = torch.stack([chance.uniform() for _ in parts]).argsort(0)
    for place in order:
        images = by_number(images, place, [partial(_by, change, by) for change, by in parts])
    return images


def _by(change: Callable[[Tensor, Tensor], Tensor], by: Tensor, images: Tensor, rows: Any) -> Tensor:
    return change(images, by[rows])


def _stretched(images: Tensor, word: Stretched, chance: Chance) -> Tensor:
    match word:
        case changes.Brightness(strength=s):
            return colour.brightness(images, chance.uniform(1 - s, 1 + s))
        case changes.Contrast(strength=s):
            return colour.contrast(images, chance.uniform(1 - s, 1 + s))
        case changes.Saturation(strength=s):
            return colour.saturation(images, chance.uniform(1 - s, 1 + s))
        case changes.Hue(strength=s):
            return colour.hue(images, chance.uniform(-s, s))
        case changes.Sharpness(strength=s):
            return colour.sharpness(images, chance.uniform(1 - s, 1 + s))
        case changes.Jitter():
            return _jittered(images, word, chance)
        case _:
            assert_never(word)


def _holes(images: Tensor, word: Hole, chance: Chance) -> Tensor:
    height, width = images.shape[2:]
    match word:
        case changes.Noise(sigma=sigma):
            added = chance.normal(*images.shape[1:]) * (255 * sigma)
            return (images + added).round_().clamp_(0, 255).to(images.dtype)
        case changes.Cutout(size=size):
            top, left = chance.integers(height) - size // 2, chance.integers(width) - size // 2
            side = torch.full_like(top, size)
            return images.masked_fill(boxes(height, width, top, left, side, side), 0)
        case changes.Erasing(p=p, low=low, high=high):
            chosen = chance.uniform() < p
            area = chance.uniform(low, high) * height * width
            ratio = torch.exp(chance.uniform(-1.2039728, 1.2039728))  # between 0.3 and 1/0.3, evenly in the logarithm
            high_ = (area * ratio).sqrt().round().clamp(1, height) * chosen
            wide_ = (area / ratio).sqrt().round().clamp(1, width) * chosen
            top, left = (
                (chance.uniform() * (height - high_ + 1)).floor(),
                (chance.uniform() * (width - wide_ + 1)).floor(),
            )
            filled = (chance.normal(*images.shape[1:]) * 64 + 128).clamp(0, 255)
            return torch.where(boxes(height, width, top, left, high_, wide_), filled.to(images.dtype), images)
        case _:
            assert_never(word)
