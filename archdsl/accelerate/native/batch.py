"""Flip, crop, normalisation and the memory layout of a batch in one pass over its bytes, on a CPU.

The draws are those of the words' own streams, and a byte becomes what the normalisation makes of it, looked up in
a table: so the batch equals that of the plain functions to the bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.accelerate.native.kernels import kernels
from archdsl.data.augment.draws import Chances
from archdsl.data.normalise import Normalise
from archdsl.errors import InternalError
from archdsl.words.data.changes import Augmentation, Crop, Flip, Mixing

BYTES = 256


class Batches:
    """``normalise(augment(images, …))`` for words that ``takes`` admits, as float32 in channels_last."""

    def __init__(self, words: tuple[Augmentation, ...], chances: Chances, normalise: Normalise) -> None:
        self._words, self._chances = tuple(w for w in words if not isinstance(w, Mixing)), chances
        channels = normalise.scale.shape[1]
        every = torch.arange(BYTES, dtype=torch.uint8).view(1, 1, BYTES, 1).expand(1, channels, BYTES, 1)
        self._table = normalise(every).float().contiguous()

    def __call__(self, images: Tensor, step: int, total: int | None = None, start: int = 0) -> Tensor:
        """(N, C, H, W) of bytes; ``step``, ``total`` and ``start`` key the draws, as ``augment`` has them."""
        lib, images, (n, c, h, w) = kernels(torch.float32), images.contiguous(), images.shape
        assert lib is not None
        table = self._table.expand(1, c, BYTES, 1).contiguous()  # one channel's numbers may stand for all
        out = torch.empty((n, c, h, w), dtype=torch.float32, device="cpu", memory_format=torch.channels_last)
        places = [t.int() for t in self._places(n, w, step, total, start)]
        lib.batch(
            images.data_ptr(), out.data_ptr(), n, c, h, w, *(t.data_ptr() for t in places), table.data_ptr(),
            torch.get_num_threads(),
        )  # fmt: skip
        return out

    def _places(self, count: int, width: int, step: int, total: int | None, start: int) -> tuple[Tensor, ...]:
        """(N,) each: the row and column of the source that the first pixel shows, and which way columns go."""
        top, left = torch.zeros(2, count, dtype=torch.int64).unbind()
        turn = torch.ones(count, dtype=torch.int64)
        for word in self._words:
            chance = self._chances.at(word.name, step, count, total, start)
            match word:
                case Flip(p=p):
                    turned = chance.uniform() < p
                    left, turn = torch.where(turned, left + turn * (width - 1), left), torch.where(turned, -turn, turn)
                case Crop(pad=pad):
                    top = top + chance.integers(2 * pad + 1) - pad
                    left = left + turn * (chance.integers(2 * pad + 1) - pad)
                case _:
                    raise InternalError(f"the kernel does not know {type(word).__name__}")
        return top, left, turn


def takes(words: tuple[Augmentation, ...]) -> bool:
    """Whether ``Batches`` carries these words out: at most one flip and one crop with black borders, and what mixes images
    afterwards. A second crop would see the borders of the first.
    """
    alone = [w for w in words if not isinstance(w, Mixing)]
    fits = all(
        (type(w) is Flip and not getattr(w, "alternate", False)) or (type(w) is Crop and w.fill == "zero")
        for w in alone
    )
    return fits and len({type(w) for w in alone}) == len(alone)
