"""A picture of what augmentations do: training images in the first row, changed versions of them below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from archdsl.data.arrays import Arrays
from archdsl.seeds import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archdsl.data.stream import Streamed
    from archdsl.words.data.base import Augmentation

VERSIONS = 4  # rows of changed images
GAP = 2  # white pixels between two images
SHOWN = 64  # small images are enlarged, by a whole factor, to at least so many pixels


def grid(train: Arrays | Streamed, words: tuple[Augmentation, ...], count: int, seed: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3): ``count`` training images drawn by the seed, and below, where there are ``words``, four
    versions of each, as the steps 0 to 3 of a run with this seed and this batch would see them.
    """
    images = _drawn(train, count, seed)
    rows = [images, *(_changed(images, words, seed, step) for step in range(VERSIONS if words else 0))]
    return _tiled(np.stack(rows))


def _drawn(train: Arrays | Streamed, count: int, seed: int) -> NDArray[np.uint8]:
    rows = np.random.default_rng(stream(seed, "order")).permutation(len(train))[:count]
    part = train.take(rows) if isinstance(train, Arrays) else train.read(rows)
    images: NDArray[Any] = part.images
    return images.astype(np.uint8, copy=False)


def _changed(images: NDArray[np.uint8], words: tuple[Augmentation, ...], seed: int, step: int) -> NDArray[np.uint8]:
    import torch

    from archdsl.data.augment import augment, mix
    from archdsl.data.augment.draws import Draws

    draws = Draws(seed, torch.device("cpu"))
    draws.mirrored = draws.alternation(len(images)) ^ (step % 2 == 1)  # a row of the grid is an epoch
    changed = augment(torch.from_numpy(images.copy()), words, draws, step).float()
    # A run mixes normalised images; the normalisation is affine, so mixed bytes look the same.
    changed, _ = mix(changed, torch.zeros(len(images), dtype=torch.int64), words, draws, step)
    shown: NDArray[np.uint8] = changed.round().clamp(0, 255).to(torch.uint8).numpy()
    return shown


def _tiled(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(R, N, C, H, W) as one picture, in colour, on white."""
    colour = np.broadcast_to(rows, (*rows.shape[:2], 3, *rows.shape[3:])) if rows.shape[2] == 1 else rows
    factor = max(1, -(-SHOWN // max(rows.shape[3:])))
    large = colour.repeat(factor, axis=3).repeat(factor, axis=4).transpose(0, 1, 3, 4, 2)
    high, wide = large.shape[2:4]
    picture = np.full((large.shape[0] * (high + GAP) + GAP, large.shape[1] * (wide + GAP) + GAP, 3), 255, np.uint8)
    for row, line in enumerate(large):
        for column, image in enumerate(line):
            top, left = GAP + row * (high + GAP), GAP + column * (wide + GAP)
            picture[top : top + high, left : left + wide] = image
    return picture


def png(picture: NDArray[np.uint8], file: Any) -> None:
    """Write a picture (H, W, 3) as PNG to an open file or a path."""
    Image.fromarray(picture).save(file, "PNG")
