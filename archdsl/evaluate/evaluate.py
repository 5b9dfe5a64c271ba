"""Runs a net over images in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from archdsl.errors import ArchError
from archdsl.evaluate.load import Part, Trained, enough_memory
from archdsl.evaluate.mc import Prediction, alive, predict
from archdsl.evaluate.metrics import BINS, Report, Tally
from archdsl.evaluate.shifts import BLOCK, Shift, shifted
from archdsl.seeds import stream
from archdsl.train.scores import Evaluations


@torch.no_grad()
def predict_batches(
    net: Trained, batches: Iterable[Tensor], *, passes: int = 1, batch: int = BLOCK, seed: int = 0
) -> Iterator[Prediction]:
    """What the net says of batches of uint8 images (N, C, H, W).

    With one pass, dropout is off. With more, dropout and its kin are alive, and their masks are drawn from
    ``seed``, the same for every set of images; they depend on the sizes of the batches and on the device.

    Raises:
        ArchError: several passes of a net that has no layer which draws.
        EnvError: the device has not enough memory; the message names ``batch``.
    """
    with enough_memory(batch), _drawn(net.device, seed), nullcontext() if passes == 1 else alive(net.model):
        for images in batches:
            yield predict(net.model, net.normalise(images.to(net.device)), passes)


def evaluate(
    net: Trained, part: Part, *, shift: Shift | None = None, passes: int = 1, batch: int = BLOCK, seed: int = 0,
    bins: int = BINS, listen: Callable[[int], object] = lambda images: None,
) -> Report:  # fmt: skip
    """Score the net on a part of a data set.

    Args:
        shift: the corruption of its pictures, drawn from ``seed``.
        passes: with more than one, Monte Carlo dropout.
        batch: images at once, at most ``BLOCK``.
        bins: of the calibration error.
        listen: hears how many images are done.

    Raises:
        ArchError: several passes of a net that has no layer which draws; a shift of what are not pictures.
        EnvError: the device has not enough memory.
    """
    if shift is not None and len(net.input) != 3:
        raise ArchError(f"{shift} corrupts pictures, and {part.dataset} holds none", help="leave --shift out")
    tally, done = Tally(len(net.class_names), net.device, bins), 0
    waiting: deque[Tensor] = deque()

    def batches() -> Iterator[Tensor]:
        for number, (images, labels) in enumerate(part.blocks(BLOCK)):
            images = images if shift is None else shifted(images, shift, seed, number)
            for few, theirs in zip(images.split(batch), labels.split(batch), strict=True):
                waiting.append(theirs.to(net.device))
                yield few

    with Evaluations(net.model) as count:
        for prediction in predict_batches(net, batches(), passes=passes, batch=batch, seed=seed):
            tally.add(prediction, waiting.popleft())
            done += len(prediction.log_probs)
            listen(done)
    return replace(tally.read(), evaluations=count.mean)


@contextmanager
def _drawn(device: torch.device, seed: int) -> Iterator[None]:
    """The global generators begin at the seed, and continue afterwards as if nothing had been drawn."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(stream(seed, "dropout", "mc"))
        yield
