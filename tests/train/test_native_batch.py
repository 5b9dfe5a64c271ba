"""A batch made by one kernel is that of the plain functions, to the bit."""

from __future__ import annotations

import pytest
import torch

from archdsl.train.augment import augment
from archdsl.train.chance import Chances
from archdsl.train.device import normalise
from archdsl.train.fast.native import available
from archdsl.train.fast.native.batch import Batches, takes
from archdsl.words.data.changes import Augmentation, Brightness, Crop, Flip, Mixup

CPU = torch.device("cpu")
CASES: dict[str, tuple[Augmentation, ...]] = {
    "nothing": (), "flip": (Flip(0.5),), "crop": (Crop(4),), "flip crop": (Flip(0.5), Crop(3)),
    "crop flip": (Crop(5), Flip(0.5)), "mixing follows": (Flip(0.3), Mixup(0.2)), "all flipped": (Flip(1.0), Crop(20)),
}  # fmt: skip


@pytest.mark.skipif(not available(), reason="needs Linux and a C compiler")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 5, 9), (4, 16, 3)])
def test_bits(case: str, shape: tuple[int, int, int]) -> None:
    words, count = CASES[case], shape[0]
    images = torch.randint(0, 256, (11, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    normal = normalise((0.4,) * count, (0.3,) * count, CPU)
    batches = Batches(words, Chances(7, CPU), normal)
    for step in range(3):
        made = batches(images, step)
        assert torch.equal(made, normal(augment(images, words, Chances(7, CPU), step)))
        assert made.is_contiguous(memory_format=torch.channels_last)
    part = batches(images[4:9], 5, total=11, start=4)
    assert torch.equal(part, normal(augment(images, words, Chances(7, CPU), 5))[4:9])


def test_other_words_are_left_to_the_plain_functions() -> None:
    assert takes((Flip(0.5), Crop(4), Mixup(0.2)))
    for words in ((Brightness(0.2),), (Crop(4, "reflect"),), (Crop(2), Crop(2)), (Flip(0.5), Brightness(0.1), Crop(2))):
        assert not takes(words)
