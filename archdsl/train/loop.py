"""The training loop: one step after the other, every figure on the device.

The plain form (fp32, eager, the model itself as net) is the reference: every faster net must match its loss
curve. A batch is gathered, augmented and normalised on the device. Nothing is moved to the host in a step:
sums of loss and hits stay on the device and are read once an epoch, and for a display at a low rate.

All chance is keyed by the step or the epoch, so that a run that goes on from any step ends in the same bits
as one that was never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from archdsl.accelerate.native.batch import Batches, takes
from archdsl.data.augment import AugmentLayer, Target, augment, mix
from archdsl.data.augment.draws import Draws
from archdsl.data.batches import Feed
from archdsl.runs.events import Diverged, EpochDone, Event, Finished, Progress, Stopped, TimedOut, Warned
from archdsl.seeds import seed_dropout
from archdsl.settings.schedule import factor
from archdsl.train import state
from archdsl.train.early_stopping import Snapshot, Watch
from archdsl.train.job import Group, Job, exact_statistics, steps_left
from archdsl.train.loss import loss as loss_of
from archdsl.train.metrics import Figures, Meter, evaluate
from archdsl.train.optim import Average, Slow, Update
from archdsl.train.static import Static
from archdsl.train.tta import viewed

End = Diverged | Stopped | TimedOut
# Images and labels of a part, and which of them stand mirrored in this epoch, where a word alternates.
Parts = Iterator[tuple[tuple[Tensor, Tensor], Tensor | None]]


class Training:
    """A run between its steps. ``events`` goes on from where it stands; ``state`` and ``load`` carry it over
    to another process.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.model, self.net = job.model, job.net if job.net is not None else job.model
        self.judged = viewed(self.net, job.settings.tta)
        self.device = job.normalise.scale.device
        settings = job.settings
        self.update = Update(job.model, settings, job.scales, held=job.graph)
        self.average = Average(job.model, settings.ema) if settings.ema is not None else None
        self.slow = Slow(job.model, settings.lookahead, job.steps) if settings.lookahead is not None else None
        self.watch = Watch(settings)
        self.good = Snapshot(job.model)  # the last weights known to be finite
        self.best = Snapshot(job.model) if settings.patience is not None else None
        self.meter = Meter(self.device)
        self.chances = Draws(settings.seed, self.device)
        self.pipeline = tuple(w for w in job.augment if w.where == "pipeline")
        known = job.native and job.normalise.scale.ndim == 4 and takes(self.pipeline)
        self.batches = Batches(self.pipeline, self.chances, job.normalise) if known else None
        inside = tuple(w for w in job.augment if w.where == "model")
        self.layer = AugmentLayer(inside, job.mean, job.std, self.chances) if inside else None
        alternates = any(w.alternates for w in job.augment)
        self.alternation = self.chances.alternation(len(job.train)) if alternates else None
        # Layers whose rate depends on the share of training done, such as drop(0.3, late).
        tells: list[Any] = [getattr(m, "set_progress", None) for m in job.model.modules()]
        self.phased = [tell for tell in tells if callable(tell)]
        self.step = self.images = 0
        self.seconds = 0.0
        self.last: EpochDone | None = None
        self.static = Static(self) if job.graph else None

    # -- the run ------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        """Train to the end and say what happens; the last event is Finished, Diverged, Stopped or TimedOut."""
        job = self.job
        while (self.step < job.steps or self._open) and not self.watch.why:
            end = yield from self._epoch((self.step - self._open) // job.per_epoch + 1)
            if end is not None:
                yield end
                return
        self._settle()
        valid, result = self._kept_valid(), self._evaluate(job.test, job.stop)
        if result is None or valid is None or self.last is None:
            yield Stopped(self.epoch, self.step)
            return
        last, watch = self.last, self.watch
        found = watch.best_epoch > 0
        yield Finished(
            self.step, last.loss, last.accuracy, valid[1], watch.best_accuracy if found else None,
            watch.best_epoch if found else None, *result, self.seconds, self.images / max(self.seconds, 1e-9),
            last.epoch, watch.why, valid[0],
        )  # fmt: skip

    def _kept_valid(self) -> tuple[float | None, float | None] | None:
        """Validation loss and accuracy of the weights that are kept; None if asked to stop meanwhile."""
        job = self.job
        if job.valid is not None and job.settings.precise_bn is not None:  # batch norm's statistics are others since
            return self._evaluate(job.valid, job.stop)
        return self.watch.kept(self.last)

    @property
    def epoch(self) -> int:
        """The epoch that the next step belongs to, counted from 1."""
        return min(self.step // self.job.per_epoch + 1, self.job.epochs)

    @property
    def _open(self) -> bool:
        """Whether a run was stopped between the last step of an epoch and the end of its validation."""
        return self.meter.seen > 0 and (self.step % self.job.per_epoch == 0 or self.step == self.job.steps)

    def _epoch(self, number: int) -> Generator[Event, None, End | None]:
        """One epoch, or what is left of it; returns what ended the run, if anything did."""
        job, world = self.job, self.job.world
        begin = shown = time.perf_counter()
        before = self.meter.seen
        self.net.train()
        job.frozen.hold(number)
        if self.layer is not None:
            self.layer.train()
        groups = steps_left(self.job, number, self.step)
        yield from self._graph(number, groups)
        static = self.static
        feed = self._feed(number, [g for g in groups if static is None or not static.takes(g)])
        for group in groups:
            now = time.perf_counter()
            if world.any(job.stop(), self.device):
                self._clock(begin, before)
                return Stopped(number, self.step)
            if job.limit is not None and world.any(self.seconds + now - begin > job.limit, self.device):
                self._clock(begin, before)
                return TimedOut(number, self.step, job.limit)
            if static is not None and static.takes(group):
                static.step()
            else:
                self._step(feed, *group)
            if job.every is not None and now - shown >= job.every:
                figures = self.meter.read(world)
                if figures.bad_step is not None:
                    break
                shown = now
                rate = (self.meter.seen - before) / (time.perf_counter() - begin)
                yield Progress(number, self.step, figures.loss, figures.accuracy, rate)
        figures = self.meter.read(world)  # waits for the device, so the time below is that of the work
        seconds, seen = self._clock(begin, before)
        return (yield from self._judge(number, figures, seconds, seen))

    def _graph(self, number: int, groups: list[Group]) -> Iterator[Event]:
        """Get the static steps of an epoch ready; where a step cannot be captured, all of them run as the plain loop has them."""
        if self.static is None:
            return
        try:
            self.static.begin(number, groups)
        except RuntimeError as error:
            self.static = None
            yield Warned(f"the step runs eagerly, as it is no CUDA graph: {str(error).splitlines()[0]}")

    def _judge(self, number: int, figures: Figures, seconds: float, seen: int) -> Generator[Event, None, End | None]:
        """The end of an epoch: are loss and weights finite, and how good are they; returns what ended the run, if that did."""
        job, world = self.job, self.job.world
        if figures.bad_step is not None:
            return self._diverged(number, figures.bad_step)
        if not self.good.take(number):
            return self._diverged(number, self.step)
        with self._averaged():
            valid = self._evaluate(job.valid, job.stop) if job.valid is not None else (None, None)
        if valid is None:
            return Stopped(number, self.step)
        speed = seen * world.size / max(seconds, 1e-9)
        self.last = EpochDone(
            number, self.step, figures.loss, figures.accuracy, valid[0], valid[1], self.update.rate, seconds, speed
        )
        if self.watch.follow(self.last) and self.best is not None:
            with self._averaged():
                self.best.take(number)
        self.meter.reset()
        yield self.last
        return None

    def _evaluate(self, data: Feed, stop: Callable[[], bool] = lambda: False) -> tuple[float, float] | None:
        job = self.job
        return evaluate(
            self.judged, data, job.normalise, stop, size=job.settings.evalbatch, world=job.world, context=job.context
        )

    # -- a step -------------------------------------------------------------------------------------------

    def _feed(self, epoch: int, groups: list[Group]) -> Parts:
        """The parts of these steps, one after the other, on the device."""
        parts = [part for group in groups for part in group[1]]
        turned: Iterator[Tensor | None] = repeat(None)
        if self.alternation is not None and parts:
            turned = iter(self.mirrored(epoch, torch.cat(parts)).to(self.device).split([len(p) for p in parts]))
        return zip(self.job.train.batches(parts, self.device), turned, strict=False)

    def mirrored(self, epoch: int, images: Tensor) -> Tensor:
        """Which of these training images stand mirrored in an epoch, by `flip(alternate)`."""
        assert self.alternation is not None
        return self.alternation[images] ^ (epoch % 2 == 0)

    def _step(self, feed: Parts, total: int, parts: list[Tensor], starts: list[int]) -> None:
        job, settings = self.job, self.job.settings
        for tell in self.phased:
            tell(self.step / job.steps)
        seed_dropout(settings.seed, self.step, job.world.rank, self.device)
        self.update.set_factor(self.factor(self.step))
        self.update.zero()
        for part, start in zip(parts, starts, strict=True):
            (images, labels), self.chances.mirrored = next(feed)
            images = self._ready(images, total, start)
            if self.layer is not None:
                self.layer.step, self.layer.total, self.layer.start = self.step, total, start
                images = self.layer(images)
            images, target = mix(images, labels, self.pipeline, self.chances, self.step)
            if job.channels_last and images.ndim == 4:
                images = images.contiguous(memory_format=torch.channels_last)
            with job.context():
                logits = self.net(images).float()
                value = self.loss(logits, target)
            share = len(part) * job.world.size / total  # the mean over the step, not over the part
            (value if share == 1 else value * share).backward()
            self.meter.add(value.detach(), logits.detach(), labels, self.step + 1)
        self.update.apply()
        if self.average is not None:
            self.average.update()
        self.finish_step()

    def _ready(self, images: Tensor, total: int, start: int) -> Tensor:
        """A part's images augmented and normalised."""
        if self.batches is not None:
            return self.batches(images, self.step, total, start)
        return self.job.normalise(augment(images, self.pipeline, self.chances, self.step, total, start))

    def factor(self, step: int) -> float:
        """What the schedule multiplies the learning rates by in a step."""
        job, settings = self.job, self.job.settings
        return factor(settings.schedule, settings.warmup, step, job.steps, job.per_epoch) * self.watch.factor

    def loss(self, logits: Tensor, target: Target) -> Tensor:
        """The loss of a part, a mean over its images."""
        return loss_of(logits, target, self.job.settings.smooth, self.job.settings.bce)

    def finish_step(self) -> None:
        """What follows a step on the host."""
        self.step += 1
        if self.slow is not None:
            self.slow.update(self.step)

    def _clock(self, begin: float, before: int) -> tuple[float, int]:
        seconds, seen = time.perf_counter() - begin, self.meter.seen - before
        self.seconds, self.images = self.seconds + seconds, self.images + seen * self.job.world.size
        return seconds, seen

    def _averaged(self) -> Any:
        """The averaged weights, for as long as they are looked at; the model's own where none are kept."""
        kept = self.average or self.slow
        return kept.swapped() if kept is not None else nullcontext()

    def _settle(self) -> None:
        """Give the model the weights that it keeps: the best ones, or the averaged ones; exact statistics."""
        if self.best is not None and self.watch.best_epoch:
            self.best.restore()
        elif (kept := self.average or self.slow) is not None:
            with kept.swapped():
                settled = Snapshot(self.model)
            settled.restore()
        self.average = self.slow = None
        if self.job.settings.precise_bn is not None:
            exact_statistics(self.job, self.job.settings.precise_bn, self.epoch)

    def _diverged(self, epoch: int, step: int) -> Diverged:
        self.average = self.slow = None
        return Diverged(epoch, step, self.good.restore())

    # -- to a checkpoint and back -------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next step depends on: tensors by name, and plain values."""
        return state.of(self)

    def load(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Go on from a state."""
        state.restore(self, tensors, about)


def train(job: Job) -> Iterator[Event]:
    """Train the model of the job in place and say what happens."""
    return Training(job).events()
