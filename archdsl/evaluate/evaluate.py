"""Runs a net over images in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from archdsl.errors import ArchError
from archdsl.evaluate.load import Part, Trained, enough_memory
from archdsl.evaluate.mc import Prediction, alive, predict
from archdsl.evaluate.metrics import BINS, Report, Tally
from archdsl.evaluate.shifts import BLOCK, shifted
from archdsl.seeds import stream
from archdsl.settings.evaluation import check_places
from archdsl.train.scores import Evaluations
from archdsl.words.evaluation.base import Shift
from archdsl.words.tasks import IGNORED, Several


@torch.no_grad()
def predict_batches(
    net: Trained, batches: Iterable[Tensor], *, passes: int | None = None, batch: int = BLOCK, seed: int = 0
) -> Iterator[Prediction]:
    """What the net says of batches of uint8 images (N, C, H, W).

    Without ``passes`` there is one, with dropout off. With them, dropout and its kin are active, and their masks are drawn
    from ``seed``, the same for every set of images; they depend on the sizes of the batches and on the device.

    Raises:
        ArchError: passes of a net that has no layer which draws.
        EnvError: the device has not enough memory; the message names ``batch``.
    """
    with enough_memory(batch), _drawn(net.device, seed), nullcontext() if passes is None else alive(net.model):
        model = net.answering() if passes is None else net.model
        for images in batches:
            yield predict(model, net.normalise(images.to(net.device)), passes, net.task)


def predictions(
    net: Trained,
    part: Part,
    shifts: Sequence[Shift] = (),
    *,
    passes: int | None = None,
    batch: int = BLOCK,
    seed: int = 0,
) -> Iterator[tuple[Prediction, Tensor]]:
    """What the net says of each batch of a part of a data set, with its labels (N,) on the device; arguments and errors as
    those of ``evaluate``. Of places, those that are ignored are left out.
    """
    if not net.task.counted:
        what = "has several heads" if isinstance(net.task, Several) else "gives numbers, not classes"
        raise ArchError(f"the net {what}", help="evaluate it without corruptions, passes and words")
    if shifts and len(net.input) != 3:
        raise ArchError(f"{shifts[0]} corrupts images, and {part.dataset} has none", help="leave the corruption out")
    for shift in shifts:
        check_places(shift, net.task)
    waiting: deque[Tensor] = deque()

    def batches() -> Iterator[Tensor]:
        for number, (images, labels) in enumerate(part.blocks(BLOCK)):
            for place, shift in enumerate(shifts):
                before = sum(shift.stream == other.stream for other in shifts[:place])
                images = shifted(images, shift, seed, number, before)
            for few, theirs in zip(images.split(batch), labels.split(batch), strict=True):
                waiting.append(theirs.to(net.device))
                yield few

    for prediction in predict_batches(net, batches(), passes=passes, batch=batch, seed=seed):
        labels = waiting.popleft()
        if net.task.whole:
            yield prediction, labels
        else:
            labels = labels.flatten()
            known = labels != IGNORED
            yield prediction.only(known), labels[known]


def evaluate(
    net: Trained,
    part: Part,
    *,
    shifts: Sequence[Shift] = (),
    passes: int | None = None,
    batch: int = BLOCK,
    seed: int = 0,
    bins: int = BINS,
    listen: Callable[[int], object] = lambda images: None,
) -> Report:
    """Score the net on a part of a data set.

    Args:
        shifts: the corruptions of its images, one after the other, drawn from ``seed``.
        passes: Monte Carlo dropout of so many passes; None: one pass with dropout off.
        batch: images at once, at most ``BLOCK``.
        bins: of the calibration error.
        listen: hears how many images are done.

    Raises:
        ArchError: passes of a net that has no layer which draws; a corruption of what are not images.
        EnvError: the device has not enough memory.
    """
    tally, done = Tally(len(net.class_names), net.device, bins), 0
    with Evaluations(net.single) as count:
        for prediction, labels in predictions(net, part, shifts, passes=passes, batch=batch, seed=seed):
            tally.add(prediction, labels)
            done = done + len(labels) if net.task.whole else min(done + batch, len(part))
            listen(done)
    return replace(tally.read(), evaluations=count.mean)


@contextmanager
def _drawn(device: torch.device, seed: int) -> Iterator[None]:
    """The global generators begin at the seed, and continue afterwards as if nothing had been drawn."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(stream(seed, "dropout", "mc"))
        yield
