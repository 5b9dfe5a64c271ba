import hashlib
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from archdsl.data.batches import batches, resident, steps_per_epoch
from archdsl.runs.events import Diverged, EpochDone, Finished, Progress, Stopped
from archdsl.seeds import stream
from archdsl.settings.experiment import TrainSettings
from archdsl.train.loop import train
from archdsl.words.data.augmentations import Crop, Flip
from archdsl.words.train.optimizers import Adam, Sgd
from archdsl.words.train.schedules import Cosine

from .nets import CPU, job, small_net, stripes

FAST = TrainSettings(Adam(0.02, 0.9, 0.999, 1e-8), schedule=Cosine(0.0), epochs=4, batch=16)


def weights(model: nn.Module) -> str:
    return hashlib.sha256(b"".join(v.numpy().tobytes() for v in model.state_dict().values())).hexdigest()


def test_it_learns_and_says_so() -> None:
    work = job(FAST, valid=resident(stripes(20, 1), CPU), augment=(Crop(1),))
    events = list(train(work))
    assert [type(e) for e in events] == [EpochDone] * 4 + [Finished]
    last = events[-1]
    assert last.test_accuracy == 1.0
    assert last.step == 12
    assert last.best_valid_accuracy == max(e.valid_accuracy for e in events[:-1])
    assert events[last.best_epoch - 1].valid_accuracy == last.best_valid_accuracy
    assert events[0].loss > events[3].loss
    assert last.images_per_second > 0


@pytest.mark.holds("seed")
def test_the_same_seed_twice_gives_equal_weights_and_another_seed_does_not() -> None:
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(found))  # the caller's own state must not matter
        work = job(TrainSettings(FAST.optimizer, epochs=2, batch=16, seed=seed), augment=(Flip(0.5), Crop(2)))
        list(train(work))
        found.append(weights(work.model))
    assert found[0] == found[1] != found[2]


def test_it_is_the_loop_that_one_would_write_by_hand() -> None:
    settings = TrainSettings(Sgd(0.05, 0.9, False), epochs=2, batch=20, seed=4)
    work = job(settings)
    by_hand = small_net(2)
    by_hand.load_state_dict(work.model.state_dict())
    optimizer = torch.optim.SGD(by_hand.parameters(), 0.05, momentum=0.9)
    losses = []
    for epoch in (1, 2):
        order = torch.randperm(48, generator=torch.Generator().manual_seed(stream(4, "order", epoch)))
        for rows in order.split(20):
            torch.manual_seed(stream(4, "dropout", len(losses)))
            images = (work.train.images[rows].float() / 255 - 0.4) / 0.2
            loss = functional.cross_entropy(by_hand(images), work.train.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()) * len(rows))
    events = list(train(work))
    assert [e.loss for e in events[:2]] == pytest.approx([sum(losses[:3]) / 48, sum(losses[3:]) / 48], rel=1e-4)
    for a, b in zip(work.model.state_dict().values(), by_hand.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "size", "sizes"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (8, 4, [4, 4]), (5, 8, [5]), (1, 8, [1]), (3, 1, [1, 1, 1]), (3, 2, [3])],
)
def test_a_last_image_alone_joins_the_batch_before(images: int, size: int, sizes: list[int]) -> None:
    parts = batches(torch.arange(images), size)
    assert [len(p) for p in parts] == sizes
    assert torch.cat(parts).tolist() == list(range(images))
    assert steps_per_epoch(images, size) == len(sizes)


class Phased(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shares: list[float] = []

    def set_progress(self, share: float) -> None:
        self.shares.append(share)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_layers_with_phases_hear_the_share_of_training() -> None:
    phased = Phased()
    list(train(job(FAST, nn.Sequential(phased, *small_net(2)))))
    assert phased.shares == pytest.approx([i / 12 for i in range(12)])


class Breaks(nn.Module):
    """Gives NaN from the n-th training step on."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.left = step

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.left -= self.training
        return x * math.nan if self.left <= 0 and self.training else x


@pytest.mark.parametrize(("step", "epoch", "kept"), [(1, 1, 0), (5, 2, 1)])
def test_a_loss_that_is_not_finite_ends_the_run_with_the_last_good_weights(step: int, epoch: int, kept: int) -> None:
    model = nn.Sequential(*small_net(2), Breaks(step))
    for every in (None, 0.0):
        model[-1].left = step
        events = list(train(job(FAST, model, every=every)))
        assert events[-1] == Diverged(epoch, step, kept)
        assert all(torch.isfinite(p).all() for p in model.parameters())


def test_weights_that_are_not_finite_end_the_run() -> None:
    events = list(train(job(TrainSettings(Sgd(1e38, 0.9, False), epochs=3, batch=48))))
    assert isinstance(events[-1], Diverged)


def test_progress_is_sampled_and_changes_nothing() -> None:
    quiet, loud = job(FAST), job(FAST, every=0.0)
    list(train(quiet))
    events = list(train(loud))
    seen = [e for e in events if isinstance(e, Progress)]
    assert [e.step for e in seen] == list(range(1, 13))
    assert weights(quiet.model) == weights(loud.model)


def test_stop_is_asked_before_each_step() -> None:
    asked = iter([False] * 4)
    events = list(train(job(FAST, stop=lambda: next(asked, True))))
    assert events[-1] == Stopped(2, 4)


def test_channels_last_agrees() -> None:
    settings = TrainSettings(Sgd(0.05, 0.9, False), epochs=1, batch=16)
    plain, other = job(settings), job(settings, channels_last=True)
    other.model.to(memory_format=torch.channels_last)
    a, b = list(train(plain))[-1], list(train(other))[-1]
    assert a.train_loss == pytest.approx(b.train_loss, rel=1e-3)
