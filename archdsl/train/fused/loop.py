"""Seeds of one experiment trained as one net: S copies side by side, each with the data order, the augmentation, the
dropout and the initial weights that it has in a run of its own.

Where a net is so narrow that a device idles, S of them take little longer than one. The loss is the sum of the
copies' losses, so that each copy's gradient is its own, and every optimiser that works number by number does to each
what it does to it alone. What would tie copies together (a norm over all gradients, an end of their own) is refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from archdsl.accelerate import fast
from archdsl.accelerate.plan import Plan, prepare
from archdsl.data.augment import mix
from archdsl.data.batches import Feed, in_order
from archdsl.data.normalise import Normalise
from archdsl.runs.events import EpochDone, Event, Finished, Stopped
from archdsl.seeds import stream
from archdsl.train.fused.eligible import tie
from archdsl.train.fused.model import Fused
from archdsl.train.job import Job, steps_left
from archdsl.train.loop import Training
from archdsl.train.metrics import Figures, Meter
from archdsl.train.optim import Update


class Apart(Exception):
    """These runs have to be trained one by one; the message says why."""


class Lane(Training):
    """One copy: its data, its draws, its sums. The net that trains is the fused one. ``now`` are the figures of the epoch."""

    now: Figures

    def begin(self, epoch: int) -> Iterator[tuple[Tensor, Any, Tensor]]:
        """What each step of an epoch gives the net: images, what they are to become, and their labels."""
        job, groups = self.job, steps_left(self.job, epoch, self.step)
        feed = job.train.batches([part for group in groups for part in group[1]], self.device)
        for total, parts, starts in groups:
            for _, start in zip(parts, starts, strict=True):
                images, labels = next(feed)
                images = self._ready(images, total, start)
                if self.layer is not None:
                    self.layer.train()
                    self.layer.step, self.layer.total, self.layer.start = self.step, total, start
                    images = self.layer(images)
                images, target = mix(images, labels, self.pipeline, self.chances, self.step)
                yield images, target, labels


class Together:
    """Copies on their way. ``events`` gives each event with the number of its copy.

    Raises:
        Apart: they differ in more than the seed, or one of them diverged.
    """

    def __init__(self, jobs: Sequence[Job], fused: Fused, plan: Plan) -> None:
        self.lanes = [Lane(job) for job in jobs]
        self.job, self.fused, self.plan = jobs[0], fused, plan
        _alike(jobs)
        self.models = [job.model for job in jobs]
        fused.take(self.models)
        prepare(fused.net, plan)
        self.net: nn.Module = fast(fused.net, plan)
        self.update = Update(fused.net, self.job.settings)
        tells: list[Any] = [getattr(m, "set_progress", None) for m in fused.net.modules()]
        self.phased = [tell for tell in tells if callable(tell)]
        self.step = 0
        self.seconds = 0.0

    def events(self) -> Iterator[tuple[int, Event]]:
        """Train to the end; the last event of each copy is Finished, or Stopped."""
        job = self.job
        while self.step < job.steps:
            epoch = self.step // job.per_epoch + 1
            if not self._epoch(epoch):
                self._give()
                yield from ((n, Stopped(epoch, self.step)) for n in range(len(self.lanes)))
                return
            yield from self._after(epoch)
        tested = self._evaluate([lane.job.test for lane in self.lanes])
        for n, (lane, (loss, accuracy)) in enumerate(zip(self.lanes, tested, strict=True)):
            last, watch = lane.last, lane.watch
            assert last is not None
            found = watch.best_epoch > 0
            yield n, Finished(
                self.step, last.loss, last.accuracy, last.valid_accuracy, watch.best_accuracy if found else None,
                watch.best_epoch if found else None, loss, accuracy, lane.seconds, lane.images / max(lane.seconds, 1e-9),
                last.epoch, "", last.valid_loss,
            )  # fmt: skip

    def _epoch(self, epoch: int) -> bool:
        """Says whether it came to its end."""
        begun = time.perf_counter()
        self.net.train()
        for given in zip(*(lane.begin(epoch) for lane in self.lanes), strict=False):
            if self.job.stop():
                return False
            self._step(given)
            if self.step >= self.job.steps:
                break
        for lane in self.lanes:
            lane.now = lane.meter.read()
        seconds = (time.perf_counter() - begun) / len(self.lanes)  # a copy's share of the device
        for lane in self.lanes:
            lane.seconds, lane.images = lane.seconds + seconds, lane.images + lane.meter.seen
        return True

    def _step(self, given: Sequence[tuple[Tensor, Any, Tensor]]) -> None:
        job = self.job
        for tell in self.phased:
            tell(self.step / job.steps)
        self.fused.dice.begin([stream(lane.job.settings.seed, "dropout", self.step) for lane in self.lanes])
        self.update.set_factor(self.lanes[0].factor(self.step))
        self.update.zero()
        logits = self._logits([images for images, _, _ in given])
        losses = [lane.loss(out, target) for lane, out, (_, target, _) in zip(self.lanes, logits, given, strict=True)]
        torch.stack(losses).sum().backward()
        self.step += 1
        for lane, out, value, (_, _, labels) in zip(self.lanes, logits, losses, given, strict=True):
            lane.meter.add(value.detach(), out.detach(), labels, self.step)
            lane.step = self.step
        self.update.apply()

    def _logits(self, images: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Each copy's outputs, (N, classes) in fp32, for its own images."""
        x = torch.cat(list(images), 1)
        if self.job.channels_last and x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        with self.job.context():
            out: Tensor = self.net(x)
        return out.float().chunk(len(images), 1)

    def _after(self, epoch: int) -> Iterator[tuple[int, Event]]:
        self._give()
        for lane in self.lanes:
            if lane.now.bad_step is not None or not lane.good.take(epoch):
                raise Apart(f"seed {lane.job.settings.seed} diverged")
        feeds = [lane.job.valid for lane in self.lanes]
        valid: list[tuple[float | None, float | None]] = [(None, None)] * len(feeds)
        if all(f is not None for f in feeds):
            valid = [*self._evaluate([f for f in feeds if f is not None])]
        for n, lane in enumerate(self.lanes):
            figures, seen = lane.now, lane.meter.seen
            seconds = lane.seconds - self.seconds
            lane.last = EpochDone(
                epoch, self.step, figures.loss, figures.accuracy, *valid[n], self.update.rate, seconds,
                seen / max(seconds, 1e-9),
            )  # fmt: skip
            lane.watch.follow(lane.last)
            lane.meter = Meter(lane.device)
        self.seconds = self.lanes[0].seconds
        for n, lane in enumerate(self.lanes):
            assert lane.last is not None
            yield n, lane.last

    def _give(self) -> None:
        self.fused.give(self.models)

    @torch.no_grad()
    def _evaluate(self, feeds: Sequence[Feed]) -> list[tuple[float, float]]:
        """Mean loss and accuracy of each copy on its images, in eval mode."""
        self.net.eval()
        self.fused.dice.states = []
        meters = [Meter(lane.device) for lane in self.lanes]
        normalise: list[Normalise] = [lane.job.normalise for lane in self.lanes]
        orders = [in_order(len(feed), self.job.settings.evalbatch) for feed in feeds]
        device = self.lanes[0].device
        for given in zip(*(f.batches(o, device) for f, o in zip(feeds, orders, strict=True)), strict=True):
            logits = self._logits([n(images) for n, (images, _) in zip(normalise, given, strict=True)])
            for meter, out, (_, labels) in zip(meters, logits, given, strict=True):
                meter.add(nn.functional.cross_entropy(out, labels), out, labels, 0)
        self.net.train()
        return [(f.loss, f.accuracy) for f in (m.read() for m in meters)]

    def state(self, number: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What the run of one copy needs to go on by itself."""
        lane = self.lanes[number]
        tensors, about = lane.state()
        update, plain = self.update.state()
        names = {place.replace("#", str(number)): (name, shared) for name, (place, shared) in self.fused.places.items()}
        for key, value in update.items():
            which, parameter, kind = key.split(":")
            if parameter in names:
                name, shared = names[parameter]
                own = value.chunk(self.fused.count)[number] if shared and value.ndim else value
                tensors[f"update/{which}:{name}:{kind}"] = own.clone()
        about["update"] = {}
        for key, value in plain.items():
            which, parameter, kind = key.split(":")
            if parameter in names:
                about["update"][f"{which}:{names[parameter][0]}:{kind}"] = value
        return tensors, about


def _alike(jobs: Sequence[Job]) -> None:
    """Refuse runs that differ in more than their seed, or in the number of their steps."""
    first = jobs[0]
    if why := tie(first.settings, first.augment):
        raise Apart(why)
    for job in jobs[1:]:
        if replace(job.settings, seed=0) != replace(first.settings, seed=0) or job.augment != first.augment:
            raise Apart("the runs differ in more than their seed")
        if (len(job.train), job.steps) != (len(first.train), first.steps):
            raise Apart("the runs do not take the same steps")
        if (job.valid is None) != (first.valid is None) or len(job.valid or ()) != len(first.valid or ()):
            raise Apart("the runs do not validate on equally many images")
