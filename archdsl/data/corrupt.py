"""Changes of the training part itself (Zhang et al. 2016, arXiv:1611.03530), drawn once for a run."""

from __future__ import annotations

import numpy as np

from archdsl.data.arrays import Arrays
from archdsl.errors import InternalError
from archdsl.seeds import stream
from archdsl.words.data.changes import Corruption, RandomLabels, RandomPixels


def corrupt(arrays: Arrays, words: tuple[Corruption, ...], classes: int, seed: int) -> Arrays:
    """The arrays after all corruptions, in their order; what was given stays as it is."""
    for word in words:
        chance = np.random.default_rng(stream(seed, "corrupt", type(word).__name__))
        match word:
            case RandomLabels(p):
                drawn = chance.integers(classes, size=len(arrays))
                chosen = chance.random(len(arrays)) < p
                arrays = Arrays(arrays.images, np.where(chosen, drawn, arrays.labels))
            case RandomPixels(kind):
                arrays = Arrays(_pixels(np.array(arrays.images), kind, chance), arrays.labels)
            case _:
                raise InternalError(f"nothing carries out {type(word).__name__}")
    return arrays


def _pixels(images: np.ndarray, kind: str, chance: np.random.Generator) -> np.ndarray:
    count, channels = images.shape[:2]
    flat = images.reshape(count, channels, -1)
    if kind == "one":
        return flat[:, :, chance.permutation(flat.shape[2])].reshape(images.shape)
    if kind == "each":
        order = chance.permuted(np.tile(np.arange(flat.shape[2]), (count, 1)), axis=1)
        return np.take_along_axis(flat, order[:, None], 2).reshape(images.shape)
    mean, std = flat.mean((0, 2), keepdims=True), flat.std((0, 2), keepdims=True)
    drawn = chance.standard_normal(flat.shape, dtype=np.float32) * std + mean
    return drawn.round().clip(0, 255).astype(np.uint8).reshape(images.shape)
