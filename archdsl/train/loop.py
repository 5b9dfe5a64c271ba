"""The training loop: one step after the other, every figure on the device.

The plain form (fp32, eager, the model itself as net) is the reference: every faster net must match its loss
curve. A batch is gathered, augmented and normalised on the device. Nothing is moved to the host in a step:
sums of loss and hits stay on the device and are read once an epoch, and for a display at a low rate.

All chance is keyed by the step or the epoch, so that a run that goes on from any step ends in the same bits
as one that was never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from archdsl.train.augment import AugmentLayer, augment, mix
from archdsl.train.chance import Chances
from archdsl.train.events import Diverged, EpochDone, Event, Finished, Progress, Stopped, TimedOut
from archdsl.train.feed import shuffled
from archdsl.train.job import Job
from archdsl.train.loss import loss as loss_of
from archdsl.train.meter import Meter, evaluate
from archdsl.train.optim import Average, Update, precise_bn
from archdsl.train.schedule import factor
from archdsl.train.stopping import Snapshot, Watch
from archdsl.train.streams import seed_dropout, stream

End = Diverged | Stopped | TimedOut


class Training:
    """A run between its steps. ``events`` goes on from where it stands; ``state`` and ``load`` carry it over
    to another process.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.model, self.net = job.model, job.net if job.net is not None else job.model
        self.device = job.normalise.scale.device
        settings = job.settings
        self.update = Update(job.model, settings)
        self.average = Average(job.model, settings.ema) if settings.ema is not None else None
        self.watch = Watch(settings)
        self.good = Snapshot(job.model)  # the last weights known to be finite
        self.best = Snapshot(job.model) if settings.patience is not None else None
        self.meter = Meter(self.device)
        self.chances = Chances(settings.seed, self.device)
        self.pipeline = tuple(w for w in job.augment if w.where == "pipeline")
        inside = tuple(w for w in job.augment if w.where == "model")
        self.layer = AugmentLayer(inside, job.mean, job.std, self.chances) if inside else None
        # Layers whose rate depends on the share of training done, such as drop(0.3, late).
        tells: list[Any] = [getattr(m, "set_progress", None) for m in job.model.modules()]
        self.phased = [tell for tell in tells if callable(tell)]
        self.step = self.images = 0
        self.seconds = 0.0
        self.last: EpochDone | None = None

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
        with self._averaged():
            result = evaluate(
                self.net, job.test, job.normalise, job.stop, size=job.settings.evalbatch, world=job.world,
                context=job.context,
            )  # fmt: skip
        if result is None or self.last is None:
            yield Stopped(self.epoch, self.step)
            return
        last, watch = self.last, self.watch
        found = watch.best_epoch > 0
        yield Finished(
            self.step, last.loss, last.accuracy, last.valid_accuracy, watch.best_accuracy if found else None,
            watch.best_epoch if found else None, *result, self.seconds, self.images / max(self.seconds, 1e-9),
            last.epoch, watch.why,
        )  # fmt: skip

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
        if self.layer is not None:
            self.layer.train()
        groups = self._order(number)
        feed = job.train.batches([part for group in groups for part in group[1]], self.device)
        for total, parts, starts in groups:
            now = time.perf_counter()
            if world.any(job.stop(), self.device):
                self._clock(begin, before)
                return Stopped(number, self.step)
            if job.limit is not None and world.any(self.seconds + now - begin > job.limit, self.device):
                self._clock(begin, before)
                return TimedOut(number, self.step, job.limit)
            self._step(feed, total, parts, starts)
            if job.every is not None and now - shown >= job.every:
                figures = self.meter.read(world)
                if figures.bad_step is not None:
                    break
                shown = now
                rate = (self.meter.seen - before) / (time.perf_counter() - begin)
                yield Progress(number, self.step, figures.loss, figures.accuracy, rate)
        figures = self.meter.read(world)  # waits for the device, so the time below is that of the work
        seconds, seen = self._clock(begin, before)
        if figures.bad_step is not None:
            return self._diverged(number, figures.bad_step)
        if not self.good.take(number):
            return self._diverged(number, self.step)
        with self._averaged():
            valid: tuple[float | None, float | None] | None = (
                evaluate(
                    self.net, job.valid, job.normalise, job.stop, size=job.settings.evalbatch, world=world,
                    context=job.context,
                )
                if job.valid is not None
                else (None, None)
            )  # fmt: skip
        if valid is None:
            return Stopped(number, self.step)
        speed = seen * world.size / max(seconds, 1e-9)
        self.last = EpochDone(
            number, self.step, figures.loss, figures.accuracy, valid[0], valid[1], self.update.rate, seconds, speed
        )
        if self.watch.follow(self.last) and self.best is not None:
            with self._averaged():
                self.best.take(number)
        self.meter = Meter(self.device)
        yield self.last
        return None

    # -- a step -------------------------------------------------------------------------------------------

    def _order(self, epoch: int) -> list[tuple[int, list[Tensor], list[int]]]:
        """The steps that are left of an epoch: images of the step in all, this process's part of each of its
        batches, and the place of each part's first image in the step.
        """
        job = self.job
        done = self.step - (epoch - 1) * job.per_epoch
        order = shuffled(len(job.train), job.group, stream(job.settings.seed, "order", epoch))
        groups = []
        for index in order[done : done + job.steps - self.step]:
            parts, starts, place = [], [], 0
            for batch in index.split(job.settings.batch) if job.settings.accumulate > 1 else (index,):
                low, high = job.world.part(len(batch))
                parts.append(batch[low:high])
                starts.append(place + low)
                place += len(batch)
            groups.append((len(index), parts, starts))
        return groups

    def _step(self, feed: Iterator[tuple[Tensor, Tensor]], total: int, parts: list[Tensor], starts: list[int]) -> None:
        job, settings = self.job, self.job.settings
        for tell in self.phased:
            tell(self.step / job.steps)
        seed_dropout(settings.seed, self.step, job.world.rank, self.device)
        rate = factor(settings.schedule, settings.warmup, self.step, job.steps, job.per_epoch)
        self.update.set_factor(rate * self.watch.factor)
        self.update.zero()
        for part, start in zip(parts, starts, strict=True):
            images, labels = next(feed)
            images = job.normalise(augment(images, self.pipeline, self.chances, self.step, total, start))
            if self.layer is not None:
                self.layer.step, self.layer.total, self.layer.start = self.step, total, start
                images = self.layer(images)
            images, target = mix(images, labels, self.pipeline, self.chances, self.step)
            if job.channels_last and images.ndim == 4:
                images = images.contiguous(memory_format=torch.channels_last)
            with job.context():
                logits = self.net(images).float()
                value = loss_of(logits, target, settings.smooth, settings.bce)
            share = len(part) * job.world.size / total  # the mean over the step, not over the part
            (value if share == 1 else value * share).backward()
            self.meter.add(value.detach(), logits.detach(), labels, self.step + 1)
        self.update.apply()
        if self.average is not None:
            self.average.update()
        self.step += 1

    def _clock(self, begin: float, before: int) -> tuple[float, int]:
        seconds, seen = time.perf_counter() - begin, self.meter.seen - before
        self.seconds, self.images = self.seconds + seconds, self.images + seen * self.job.world.size
        return seconds, seen

    def _averaged(self) -> Any:
        """The averaged weights, for as long as they are looked at; the model's own where none are kept."""
        return self.average.swapped() if self.average is not None else nullcontext()

    def _settle(self) -> None:
        """Give the model the weights that it keeps: the best ones, or the averaged ones; exact statistics."""
        if self.best is not None and self.watch.best_epoch:
            self.best.restore()
            self.average = None
        elif self.average is not None:
            with self.average.swapped():
                kept = Snapshot(self.model)
            kept.restore()
            self.average = None
        wanted = self.job.settings.precise_bn
        if wanted is not None:
            job = self.job
            count = len(job.train) if wanted == 0 else min(wanted, len(job.train))
            order = shuffled(len(job.train), job.settings.batch, stream(job.settings.seed, "order", "precise"))
            order = order[: -(-count // job.settings.batch)]
            precise_bn(self.model, (job.normalise(x) for x, _ in job.train.batches(order, self.device)))

    def _diverged(self, epoch: int, step: int) -> Diverged:
        self.average = None
        return Diverged(epoch, step, self.good.restore())

    # -- to a checkpoint and back -------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next step depends on: tensors by name, and plain values."""
        tensors, plain = self.update.state()
        parts: dict[str, dict[str, Tensor]] = {"model": self.model.state_dict(), "update": tensors}
        parts["meter"] = self.meter.state()
        if self.meter.seen or self.good.epoch == 0:  # else they are the model's own
            parts["good"] = self.good.copy
        if self.best is not None:
            parts["best"] = self.best.copy
        if self.average is not None:
            parts["ema"] = self.average.state()
        about = {
            "step": self.step, "images": self.images, "seconds": self.seconds, "good": self.good.epoch,
            "best": self.best.epoch if self.best is not None else 0, "watch": self.watch.state(), "update": plain,
            "last": {f: getattr(self.last, f) for f in self.last.__dataclass_fields__} if self.last else None,
        }  # fmt: skip
        return {f"{part}/{name}": v for part, values in parts.items() for name, v in values.items()}, about

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Go on from a state."""
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name] = value
        self.model.load_state_dict(parts["model"])
        self.update.load(parts.get("update", {}), about["update"])
        self.meter.load(parts["meter"])
        self.step, self.images, self.seconds = about["step"], about["images"], about["seconds"]
        self.good.take(about["good"])
        for snapshot, part in ((self.good, "good"), (self.best, "best")):
            if snapshot is not None and part in parts:
                for name, value in parts[part].items():
                    snapshot.copy[name].copy_(value)
                snapshot.epoch = about[part]
        if self.average is not None:
            if "ema" in parts:
                self.average.load(parts["ema"])
            else:  # stopped in the last evaluation: the model has the averaged weights already
                self.average = None
        self.watch.load(about["watch"])
        self.last = EpochDone(**about["last"]) if about["last"] else None


def train(job: Job) -> Iterator[Event]:
    """Train the model of the job in place and say what happens."""
    return Training(job).events()
