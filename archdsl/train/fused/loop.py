"""Seeds of one experiment trained as one net: S replicas side by side, each with the data order, the augmentation, the
dropout and the initial weights that it has in a run of its own.

Where a net is so narrow that a device idles, S of them take little longer than one. The loss is the sum of the
replicas' losses, so that each replica's gradient is its own, and every elementwise optimiser does to each what it does
to it alone. What would mix replicas (a norm over all gradients, an end of their own) is refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from archdsl.accelerate.fast import fast
from archdsl.accelerate.plan import Plan, prepare
from archdsl.data.batches import Feed, in_order
from archdsl.runs.events import Event, Stopped
from archdsl.seeds import stream
from archdsl.train.fused.eligible import why_not_fusable
from archdsl.train.fused.model import Fused
from archdsl.train.inputs import Batch
from archdsl.train.job import Job, steps_left
from archdsl.train.metrics import Figures, HitMeter, Meter
from archdsl.train.optim import Update
from archdsl.train.replica import SeedReplica, progress_listeners
from archdsl.train.scores import Scores, evaluations
from archdsl.train.state import Spent
from archdsl.train.step import forward, train_step


class NotFusable(Exception):
    """These runs have to be trained one by one; the message says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot fuse seeds: {reason}")


class FusedTrainer:
    """Trains the replicas. ``events`` gives each event with the number of its replica.

    Raises:
        NotFusable: the jobs differ in more than the seed, or one of the replicas diverged.
    """

    def __init__(self, jobs: Sequence[Job], fused: Fused, plan: Plan) -> None:
        _check_fusable(jobs)
        self.replicas = [SeedReplica(job) for job in jobs]
        self.job, self.fused = jobs[0], fused
        self.models = [job.model for job in jobs]
        self.device = jobs[0].normalise.scale.device
        fused.take(self.models)
        prepare(fused.net, plan)
        self.net: nn.Module = fast(fused.net, plan)
        self.update = Update(fused.net, self.job.settings)
        self._progress_listeners = progress_listeners(fused.net)
        self.step = 0

    def events(self) -> Iterator[tuple[int, Event]]:
        """Train to the end; the last event of each replica is Finished, or Stopped."""
        job = self.job
        while self.step < job.steps:
            epoch, begin = self.step // job.per_epoch + 1, time.perf_counter()
            figures = self._epoch(epoch)
            self.fused.give(self.models)
            # A replica's part of the time on the device.
            seconds = (time.perf_counter() - begin) / len(self.replicas)
            self._count(seconds)
            if figures is None:
                yield from ((n, Stopped(epoch, self.step)) for n in range(len(self.replicas)))
                return
            yield from self._end_epoch(epoch, figures, seconds)
        scores: dict[str, list[Scores]] = {}
        hits = [HitMeter(self.device) for _ in self.replicas]
        for part, feeds in (
            ("valid", [r.job.valid for r in self.replicas]),
            ("test", [r.job.test for r in self.replicas]),
        ):
            if None not in feeds:
                scores[part] = [Scores(part, self.device) for _ in feeds]
                meters = hits if part == "test" else [Meter(self.device) for _ in feeds]
                tested = self._evaluate(feeds, meters, scores[part])  # type: ignore[arg-type]
        for n, (replica, meter, figures_of_test) in enumerate(zip(self.replicas, hits, tested, strict=True)):
            state = replica.state
            state.correct = meter.correct(len(replica.job.test))
            found = {name: value for own in scores.values() for name, value in own[n].read().items()}
            mine = replica.job
            found |= evaluations(mine.model, mine.test, mine.normalise, mine.settings.evalbatch, mine.context)
            yield n, state.finished(state.early_stopping.kept(state.last), figures_of_test, found)

    def _epoch(self, epoch: int) -> list[Figures] | None:
        """Each replica's figures; None if asked to stop."""
        self.net.train()
        groups = [steps_left(replica.job, epoch, self.step) for replica in self.replicas]
        batches = [r.inputs.batches(epoch, own) for r, own in zip(self.replicas, groups, strict=True)]
        for of_replicas in zip(*batches, strict=True):  # a step has one batch of each replica
            if self.job.stop():
                return None
            self._step(of_replicas)
        return [replica.state.meter.read() for replica in self.replicas]

    def _step(self, batches: Sequence[Batch]) -> None:
        for listener in self._progress_listeners:
            listener(self.step / self.job.steps)
        self.fused.dice.begin([stream(r.job.settings.seed, "dropout", self.step) for r in self.replicas])
        self.update.set_factor(self.replicas[0].factor(self.step))
        train_step(self.net, self.update, self.replicas, [batches])
        self.step += 1
        for replica, batch in zip(self.replicas, batches, strict=True):
            replica.state.finish_step(len(batch.labels))

    def _end_epoch(self, epoch: int, figures: Sequence[Figures], seconds: float) -> Iterator[tuple[int, Event]]:
        states = [replica.state for replica in self.replicas]
        for replica, now in zip(self.replicas, figures, strict=True):
            if now.bad_step is not None or not replica.state.good.take(epoch):
                raise NotFusable(f"seed {replica.job.settings.seed} diverged")
        feeds = [replica.job.valid for replica in self.replicas if replica.job.valid is not None]
        valid: Sequence[tuple[float | None, float | None]] = (
            self._evaluate(feeds, [Meter(self.device) for _ in feeds]) if feeds else [(None, None)] * len(states)
        )
        finished = []
        for state, now, validated in zip(states, figures, valid, strict=True):
            finished.append(state.finish_epoch(epoch, now, validated, self.update.rate, seconds, state.meter.seen))
        yield from enumerate(finished)

    def _count(self, seconds: float) -> None:
        """Count a replica's part of the time of an epoch, and its images."""
        for state in (replica.state for replica in self.replicas):
            state.seconds, state.images = state.seconds + seconds, state.images + state.meter.seen
            state.spent = Spent(seconds, state.meter.seen)

    @torch.no_grad()
    def _evaluate(
        self, feeds: Sequence[Feed], meters: Sequence[Meter], scores: Sequence[Scores] = ()
    ) -> list[tuple[float, float | None]]:
        """Mean loss and accuracy of each replica on its images, in eval mode, counted by its meter and its ``scores``."""
        self.net.eval()
        self.fused.dice.states = []
        orders = [in_order(len(feed), self.job.settings.evalbatch) for feed in feeds]
        read = (feed.batches(order, self.device) for feed, order in zip(feeds, orders, strict=True))
        for batches in zip(*read, strict=True):
            images = [r.job.normalise(x) for r, (x, _) in zip(self.replicas, batches, strict=True)]
            with self.job.context():
                logits = forward(self.net, images, self.job)
            for meter, out, (_, labels) in zip(meters, logits, batches, strict=True):
                meter.add(nn.functional.cross_entropy(out, labels), out, labels, 0)
            for own, out, (_, labels) in zip(scores, logits, batches, strict=False):  # none while it trains
                own.add(out, labels)
        self.net.train()
        return [(f.loss, f.accuracy) for f in (m.read() for m in meters)]

    def checkpoint(self, number: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What the run of one replica needs to continue by itself."""
        tensors: dict[str, Tensor] = {}
        plain: dict[str, Any] = {}
        fused_tensors, fused_plain = self.update.state()
        names = {place.replace("#", str(number)): (name, shared) for name, (place, shared) in self.fused.places.items()}
        for key, value in fused_tensors.items():
            which, parameter, kind = key.split(":")
            if parameter in names:
                name, shared = names[parameter]
                own = value.chunk(self.fused.count)[number] if shared and value.ndim else value
                tensors[f"{which}:{name}:{kind}"] = own.clone()
        for key, value in fused_plain.items():
            which, parameter, kind = key.split(":")
            if parameter in names:
                plain[f"{which}:{names[parameter][0]}:{kind}"] = value
        return self.replicas[number].state.checkpoint((tensors, plain))


def _check_fusable(jobs: Sequence[Job]) -> None:
    """Refuse settings that mix replicas, and runs that differ in more than their seed or in the number of their steps.

    Raises:
        NotFusable: with the reason.
    """
    first = jobs[0]
    if why := why_not_fusable(first.settings, first.augment, first.task):
        raise NotFusable(why)
    if first.closure:
        raise NotFusable("the optimiser needs gradients at other weights within a step")
    for job in jobs[1:]:
        if replace(job.settings, seed=0) != replace(first.settings, seed=0) or job.augment != first.augment:
            raise NotFusable("the runs differ in more than their seed")
        if (len(job.train), job.steps) != (len(first.train), first.steps):
            raise NotFusable("the runs do not take the same steps")
        if (job.valid is None) != (first.valid is None) or len(job.valid or ()) != len(first.valid or ()):
            raise NotFusable("the runs do not validate on equally many images")
