"""The plain training loop: fp32, eager, one step after the other. Every faster path must match its loss
curve.

The images lie on the device as bytes. A batch is gathered, augmented and normalised there. Nothing is moved
to the host in a step: sums of loss and hits stay on the device and are read once an epoch, and for a
display at a low rate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.train.augment import augment
from archdsl.train.device import Normalise, Resident
from archdsl.train.events import Diverged, EpochDone, Event, Finished, Progress, Stopped
from archdsl.train.experiment import TrainSettings
from archdsl.train.meter import Meter, Snapshot, evaluate
from archdsl.train.optim import make_optimizer, set_rate
from archdsl.train.schedule import factor
from archdsl.train.streams import stream
from archdsl.words.data.changes import Augmentation


@dataclass(frozen=True, eq=False)
class Job:
    """All that the loop needs, on one device. ``every`` is the least time between two Progress events, in
    seconds; None for no such event. ``stop`` is asked before each step.
    """

    model: nn.Module
    train: Resident
    valid: Resident | None
    test: Resident
    normalise: Normalise
    augment: tuple[Augmentation, ...]
    settings: TrainSettings
    every: float | None = None
    stop: Callable[[], bool] = lambda: False
    channels_last: bool = False


def batches(order: Tensor, size: int) -> list[Tensor]:
    """The order cut into batches. The last one is smaller; where it would be one single image, that image
    joins the batch before: batch norm cannot train on one value a channel, and no image is left out. The
    rule does not ask whether the net has batch norm, so that two nets of an ablation take the same steps.
    """
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1 and size > 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def steps_per_epoch(images: int, size: int) -> int:
    """How many batches ``batches`` makes."""
    whole, rest = divmod(images, size)
    joined = rest == 1 and whole > 0 and size > 1
    return whole + (rest > 0) - joined


def train(job: Job) -> Iterator[Event]:
    """Train the model of the job in place and say what happens; ends with Finished, Diverged or Stopped."""
    begin = time.perf_counter()
    run = _Run(job)
    best: tuple[float, int] | None = None
    last: EpochDone | None = None
    for epoch in range(1, job.settings.epochs + 1):
        done = yield from run.epoch(epoch)
        if not isinstance(done, EpochDone):
            yield done
            return
        if done.valid_accuracy is not None and (best is None or done.valid_accuracy > best[0]):
            best = (done.valid_accuracy, epoch)
        last = done
        yield done
    result = evaluate(job.model, job.test, job.normalise, job.stop)
    if result is None or last is None:
        yield Stopped(job.settings.epochs, run.step)
        return
    best_accuracy, best_epoch = best or (None, None)
    yield Finished(
        run.step, last.loss, last.accuracy, last.valid_accuracy, best_accuracy, best_epoch,
        *result, time.perf_counter() - begin, run.images / run.seconds,
    )  # fmt: skip


class _Run:
    """The state of one run between its steps."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.device = job.train.labels.device
        self.optimizer = make_optimizer(job.model.parameters(), job.settings)
        self.per_epoch = steps_per_epoch(len(job.train), job.settings.batch)
        self.steps = self.per_epoch * job.settings.epochs
        # Layers whose rate depends on the share of training done, such as drop(0.3, late).
        tells: list[Any] = [getattr(m, "set_progress", None) for m in job.model.modules()]
        self.phased = [tell for tell in tells if callable(tell)]
        self.good = Snapshot(job.model)  # the last weights known to be finite
        self.generator = torch.Generator(self.device)
        self.step = self.images = 0
        self.seconds = 0.0

    def epoch(self, number: int) -> Generator[Event, None, EpochDone | Diverged | Stopped]:
        """One epoch; its last event is the return value: EpochDone, Diverged or Stopped."""
        job, begin, shown = self.job, time.perf_counter(), time.perf_counter()
        job.model.train()
        meter = Meter(self.device)
        for index in self._order(number):
            if job.stop():
                return Stopped(number, self.step)
            self._step(index, meter)
            if job.every is not None and time.perf_counter() - shown >= job.every:
                figures = meter.read()
                if figures.bad_step is not None:
                    break
                shown = time.perf_counter()
                yield Progress(number, self.step, figures.loss, figures.accuracy, meter.seen / (shown - begin))
        figures = meter.read()  # waits for the device, so the time below is that of the work
        seconds = time.perf_counter() - begin
        self.seconds, self.images = self.seconds + seconds, self.images + meter.seen
        if figures.bad_step is not None:
            return self._diverged(number, figures.bad_step)
        valid = evaluate(job.model, job.valid, job.normalise, job.stop) if job.valid is not None else None
        if job.valid is not None and valid is None:
            return Stopped(number, self.step)
        if not self.good.take(number):
            return self._diverged(number, self.step)
        rate = self.optimizer.param_groups[0]["lr"]
        valid_loss, valid_accuracy = valid or (None, None)
        return EpochDone(
            number, self.step, figures.loss, figures.accuracy, valid_loss, valid_accuracy, rate, seconds,
            meter.seen / seconds,
        )  # fmt: skip

    def _order(self, epoch: int) -> list[Tensor]:
        """This epoch's batches; each kind of chance begins anew, so that an epoch can be repeated by itself."""
        seed = self.job.settings.seed
        order = torch.Generator().manual_seed(stream(seed, "order", epoch))
        self.generator.manual_seed(stream(seed, "augment", epoch))
        torch.manual_seed(stream(seed, "dropout", epoch))  # dropout draws from the global generator
        drawn = torch.randperm(len(self.job.train), generator=order)
        return batches(drawn.to(self.device), self.job.settings.batch)

    def _step(self, index: Tensor, meter: Meter) -> None:
        job, settings = self.job, self.job.settings
        for tell in self.phased:
            tell(self.step / self.steps)
        share = factor(settings.schedule, settings.warmup, self.step, self.steps, self.per_epoch)
        set_rate(self.optimizer, settings.optimizer.lr * share)
        images = job.normalise(augment(job.train.images[index], job.augment, self.generator))
        if job.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        labels = job.train.labels[index]
        logits = job.model(images)
        loss = functional.cross_entropy(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        meter.add(loss.detach(), logits.detach(), labels, self.step)

    def _diverged(self, epoch: int, step: int) -> Diverged:
        return Diverged(epoch, step, self.good.restore())
