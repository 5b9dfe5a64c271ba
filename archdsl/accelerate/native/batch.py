"""Flip, crop, normalisation and the memory layout of a batch in one pass over its bytes, on a CPU.

The draws are those of the words' own streams, and a byte becomes what the normalisation makes of it, looked up in
a table: so the batch equals that of the plain functions to the bit.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from archdsl.accelerate.native.kernels import loaded
from archdsl.data.augment.draws import Draws
from archdsl.data.normalise import Normalise
from archdsl.words.data.base import Augmentation, Mixing

BYTES = 256


class Batches:
    """``normalise(augment(images, …))`` for words that ``takes`` admits, as float32 in channels_last."""

    def __init__(self, words: tuple[Augmentation, ...], draws: Draws, normalise: Normalise) -> None:
        self._words, self._draws = tuple(w for w in words if not isinstance(w, Mixing)), draws
        channels = normalise.scale.shape[1]
        every = torch.arange(BYTES, dtype=torch.uint8).view(1, 1, BYTES, 1).expand(1, channels, BYTES, 1)
        self._table = normalise(every).float().contiguous()

    def __call__(self, images: Tensor, step: int, total: int | None = None, start: int = 0) -> Tensor:
        """(N, C, H, W) of bytes; ``step``, ``total`` and ``start`` key the draws, as ``augment`` has them."""
        lib, images, (n, c, h, w) = loaded("batch"), images.contiguous(), images.shape
        table = self._table.expand(1, c, BYTES, 1).contiguous()  # one channel's numbers may stand for all
        out = torch.empty((n, c, h, w), dtype=torch.float32, device="cpu", memory_format=torch.channels_last)
        places = [t.int() for t in self._places(images, step, total, start)]
        lib.batch(
            images.data_ptr(),
            out.data_ptr(),
            n,
            c,
            h,
            w,
            *(t.data_ptr() for t in places),
            table.data_ptr(),
            torch.get_num_threads(),
        )
        return out

    def _places(self, images: Tensor, step: int, total: int | None, start: int) -> tuple[Tensor, ...]:
        """(N,) each: the row and column of the source that the first pixel shows, and which way columns go."""
        places = _Places(len(images))
        for word in self._words:
            word.apply(images, self._draws.at(word.stream, step, len(images), total, start), places)
        return places.top, places.left, places.turn


class _Places:
    """The ``ops`` of words that the kernel knows: instead of moving the images, they note where each pixel comes from."""

    def __init__(self, count: int) -> None:
        self.top, self.left = torch.zeros(2, count, dtype=torch.int64).unbind()
        self.turn = torch.ones(count, dtype=torch.int64)

    def flip(self, images: Tensor, chosen: Tensor) -> Tensor:
        left = self.left + self.turn * (images.shape[3] - 1)
        self.left, self.turn = torch.where(chosen, left, self.left), torch.where(chosen, -self.turn, self.turn)
        return images

    def crop(self, images: Tensor, pad: int, top: Tensor, left: Tensor, reflect: Literal[False] = False) -> Tensor:
        self.top, self.left = self.top + top - pad, self.left + self.turn * (left - pad)
        return images


def takes(words: tuple[Augmentation, ...]) -> bool:
    """Whether ``Batches`` carries these words out: at most one flip and one crop with black borders, and what mixes images
    afterwards. A second crop would see the borders of the first.
    """
    kinds = [w.native for w in words if not isinstance(w, Mixing)]
    return set(kinds) <= {"flip", "crop"} and len(set(kinds)) == len(kinds)
