"""A batch made by one kernel is that of the plain functions, to the bit."""

from __future__ import annotations

import pytest
import torch

from archdsl.accelerate.native import available
from archdsl.accelerate.native.batch import Batches, takes
from archdsl.data.augment import augment
from archdsl.data.augment.draws import Draws
from archdsl.data.normalise import normalise
from archdsl.runs.events import EpochDone
from archdsl.settings.experiment import TrainSettings
from archdsl.train.loop import Training
from archdsl.words.data.augmentations import Crop, Flip
from archdsl.words.data.base import Augmentation
from archdsl.words.data.colours import Brightness
from archdsl.words.data.mixtures import Mixup

from .nets import job

CPU = torch.device("cpu")
CASES: dict[str, tuple[Augmentation, ...]] = {
    "nothing": (),
    "flip": (Flip(0.5),),
    "crop": (Crop(4),),
    "flip crop": (Flip(0.5), Crop(3)),
    "crop flip": (Crop(5), Flip(0.5)),
    "mixing follows": (Flip(0.3), Mixup(0.2)),
    "all flipped": (Flip(1.0), Crop(20)),
}


@pytest.mark.skipif(not available(), reason="needs Linux and a C compiler")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 5, 9), (4, 16, 3)])
def test_bits(case: str, shape: tuple[int, int, int]) -> None:
    words, count = CASES[case], shape[0]
    images = torch.randint(0, 256, (11, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    normal = normalise((0.4,) * count, (0.3,) * count, CPU)
    batches = Batches(words, Draws(7, CPU), normal)
    for step in range(3):
        made = batches(images, step)
        assert torch.equal(made, normal(augment(images, words, Draws(7, CPU), step)))
        assert made.is_contiguous(memory_format=torch.channels_last)
    one = normalise((0.4,), (0.3,), CPU)  # the same numbers for each channel
    assert torch.equal(Batches(words, Draws(7, CPU), one)(images, 2), made)
    part = batches(images[4:9], 5, total=11, start=4)
    assert torch.equal(part, normal(augment(images, words, Draws(7, CPU), 5))[4:9])


@pytest.mark.skipif(not available(), reason="needs Linux and a C compiler")
def test_a_training_takes_its_batches_from_the_kernel_and_learns_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []
    plain = Batches.__call__
    monkeypatch.setattr(Batches, "__call__", lambda self, *given: made.append(1) or plain(self, *given))
    ends = []
    for native in (False, True):
        work = job(TrainSettings(epochs=2, batch=16), augment=(Flip(0.5), Crop(2)), channels_last=True, native=native)
        training = Training(work)
        losses = [e.loss for e in training.events() if isinstance(e, EpochDone)]
        assert len(made) == (training.state.step if native else 0)
        ends.append(losses)
    # The bytes are equal; of one channel torch keeps another layout, and its convolution rounds otherwise.
    assert ends[1] == pytest.approx(ends[0], abs=1e-6)


def test_other_words_are_left_to_the_plain_functions() -> None:
    assert takes((Flip(0.5), Crop(4), Mixup(0.2)))
    for words in ((Brightness(0.2),), (Crop(4, "reflect"),), (Crop(2), Crop(2)), (Flip(0.5), Brightness(0.1), Crop(2))):
        assert not takes(words)
