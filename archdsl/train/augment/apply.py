"""The augmentation words carried out: draws for each image, then one call for the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.errors import ArchError
from archdsl.train.augment import colour
from archdsl.train.augment.geometry import affine, boxes, crop, flip
from archdsl.train.augment.rand import randaugment
from archdsl.train.chance import Chance, Chances
from archdsl.words.data import changes
from archdsl.words.data.changes import Augmentation, Colouring, Mixing

Coloured = changes.Brightness | changes.Contrast | changes.Saturation | changes.Hue | changes.Grayscale


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


def check(words: tuple[Augmentation, ...], shape: tuple[int, ...]) -> None:
    """Refuse words that cannot act on images of this shape, or on vectors.

    Raises:
        ArchError: it names the word.
    """
    for word in words:
        if len(shape) != 3 and not isinstance(word, changes.Mixup):
            raise ArchError(f"`{word.name}` changes images, and this data has vectors of {shape[0]} numbers",
                            help="of the augmentations, only mixup acts on vectors")  # fmt: skip
        if isinstance(word, Colouring) and shape[0] != 3:
            raise ArchError(f"`{word.name}` changes colours, and these images have {shape[0]} channel",
                            help="leave it out, or take brightness and contrast")  # fmt: skip
        if isinstance(word, changes.Crop) and word.fill == "reflect" and word.pad >= min(shape[1:]):
            raise ArchError(f"`crop({word.pad}, reflect)` mirrors more pixels than an image of {shape[1]}x{shape[2]} has",
                            help=f"pad by at most {min(shape[1:]) - 1}")  # fmt: skip


def _one(images: Tensor, word: Augmentation, chance: Chance) -> Tensor:
    match word:
        case changes.Flip(p=p, alternate=alternate):
            assert not alternate or chance.mirrored is not None, "the loop says which images stand mirrored"
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
        case changes.RandAugment(n=n, m=m):
            return randaugment(images, n, m, chance)
        case changes.Cutout() | changes.Erasing() | changes.Noise():
            return _holes(images, word, chance)
        case _:
            assert isinstance(word, Coloured), word
            return _colour(images, word, chance)


def _colour(images: Tensor, word: Coloured, chance: Chance) -> Tensor:
    match word:
        case changes.Brightness(strength=s):
            return colour.brightness(images, chance.uniform(1 - s, 1 + s))
        case changes.Contrast(strength=s):
            return colour.contrast(images, chance.uniform(1 - s, 1 + s))
        case changes.Saturation(strength=s):
            return colour.saturation(images, chance.uniform(1 - s, 1 + s))
        case changes.Hue(strength=s):
            return colour.hue(images, chance.uniform(-s, s))
        case changes.Grayscale(p=p):
            chosen = (chance.uniform() < p)[:, None, None, None]
            return torch.where(chosen, colour.grey(images).to(images.dtype), images)


def _holes(images: Tensor, word: changes.Cutout | changes.Erasing | changes.Noise, chance: Chance) -> Tensor:
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
