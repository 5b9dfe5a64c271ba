"""The training loop: one step after the other, every sum on the device.

The plain form (fp32, eager, the model itself as net) is the reference: every faster net must match its loss
curve. A batch is gathered, augmented and normalised on the device. Nothing is moved to the host in a step:
sums of loss and hits stay on the device and are read once an epoch, and for a display at a low rate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import Any

from torch import Tensor

from archdsl.data.batches import Feed
from archdsl.runs.events import Diverged, Event, Progress, Stopped, TimedOut, Warned
from archdsl.train.distributed import unwrapped
from archdsl.train.head_scores import scores_of
from archdsl.train.inputs import Batch
from archdsl.train.job import Group, Job, exact_statistics, steps_left
from archdsl.train.metrics import Counts, Figures, HitMeter, Meter, evaluate
from archdsl.train.optim import Update
from archdsl.train.replica import SeedReplica, progress_listeners
from archdsl.train.scores import evaluations
from archdsl.train.state import Spent
from archdsl.train.static import Static
from archdsl.train.step import train_step
from archdsl.train.tta import viewed
from archdsl.train.watchdog import Watchdog
from archdsl.words.tasks import Several

End = Diverged | Stopped | TimedOut


class Training:
    """A run between its steps. ``events`` continues from the present step; ``checkpoint`` and ``load`` carry the run to
    another process.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.net = job.net if job.net is not None else job.model
        self.eval_net = viewed(unwrapped(self.net), job.settings.tta)  # processes may have unequally many batches
        self.device = job.normalise.scale.device
        self.update = Update(job.model, job.settings, job.scales, held=job.graph)
        self.replica = SeedReplica(job)
        self.state = self.replica.state
        self.scores = {part: scores_of(part, self.device, job.task) for part in ("valid", "test")}
        self._progress_listeners = progress_listeners(job.model)
        self._earlier = (0, 0.0)  # steps and seconds of the calls before this one
        self.watch = Watchdog()
        self.static = Static(self.net, self.update, self.replica, self._begin_step) if job.graph else None

    # -- the run ------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        """Train to the end and say what happens; the last event is Finished, Diverged, Stopped or TimedOut."""
        job, state = self.job, self.state
        while (state.step < job.steps or self._open) and not state.early_stopping.why:
            end = yield from self._epoch(self.epoch)
            if end is not None:
                yield end
                return
        self._finalise_weights()
        hits = HitMeter(self.device) if job.task.simple else None
        valid, tested = self._kept_valid(), self._evaluate(job.test, job.stop, hits, self.scores["test"])
        if tested is None or valid is None or state.last is None:
            yield Stopped(self.epoch, state.step)
            return
        state.correct = hits.correct(len(job.test), job.distributed) if hits is not None else None
        if job.valid is not None and job.settings.precise_bn is None:
            # Not stopped: each continuation would repeat the evaluations before it.
            self._evaluate(job.valid, scores=self.scores["valid"])
        figures = [scores.read(job.distributed) for scores in self.scores.values()]
        figures.append(evaluations(job.model, job.test, job.normalise, job.settings.evalbatch, job.context))
        yield state.finished(valid, tested, {name: value for found in figures for name, value in found.items()})

    def _kept_valid(self) -> tuple[float | None, float | None] | None:
        """Validation loss and accuracy of the weights that are kept; None if asked to stop meanwhile."""
        job = self.job
        if job.valid is not None and job.settings.precise_bn is not None:  # batch norm's statistics are others since
            return self._evaluate(job.valid, job.stop, scores=self.scores["valid"])
        return self.state.early_stopping.kept(self.state.last)

    @property
    def epoch(self) -> int:
        """The epoch that is under way, counted from 1."""
        return min((self.state.step - self._open) // self.job.per_epoch + 1, self.job.epochs)

    @property
    def _open(self) -> bool:
        """Whether a run was stopped between the last step of an epoch and the end of its validation."""
        step, last = self.state.step, self.state.last
        whole = step > 0 and (step % self.job.per_epoch == 0 or step == self.job.steps)
        return whole and (last is None or last.step < step)

    def _epoch(self, number: int) -> Generator[Event, None, End | None]:
        """One epoch, or what is left of it; returns what ended the run, if anything did."""
        job, state, distributed = self.job, self.state, self.job.distributed
        begin = shown = time.perf_counter()
        before = state.meter.seen
        self.net.train()
        job.frozen.hold(number)
        groups = steps_left(job, number, state.step)
        yield from self._begin_static(number, groups)
        batches = self.replica.inputs.batches(number, [g for g in groups if not self._is_static(g)])
        for group in groups:
            now = time.perf_counter()
            left = self._left(state.seconds + now - begin)
            # Reading the progress is a call to the other processes, so one of them says when all do.
            due = distributed.leads and job.every is not None and now - shown >= job.every
            stop, late, due = distributed.votes(self.device, job.stop(), self._late(left), due)
            if stop or late:
                self._clock(begin, before)
                return Stopped(number, state.step) if stop else self._timed_out(number)
            self.watch.beat(left)
            self._step(group, batches)
            if due:
                figures = state.meter.read(distributed)
                if figures.bad_step is not None:
                    break
                shown = now
                # A checkpoint may follow, and what is done meanwhile is no training.
                spent = self._clock(begin, before, number if group is groups[-1] else None)
                yield Progress(
                    number, state.step, figures.loss, figures.accuracy, spent.images / max(spent.seconds, 1e-9)
                )
                begin, before = time.perf_counter(), state.meter.seen
        figures = state.meter.read(distributed)  # waits for the device, so the time below is that of the work
        if groups:  # else it was stopped behind its last step
            self._clock(begin, before, number)
        return (yield from self._end_epoch(number, figures, state.spent or Spent()))

    def _left(self, seconds: float) -> float | None:
        """What is left of the time limit after so many seconds of training; None without a limit."""
        limit, earlier = self.job.limit, self._earlier[1]
        if limit is not None:
            return limit - (seconds - earlier)
        whole = self.job.settings.timelimit
        return whole - seconds if whole is not None else None

    def _late(self, left: float | None) -> bool:
        """Whether the time limit ends the run. A call with a limit of its own takes a step at least, so that the same command
        always gets further.
        """
        return left is not None and left < 0 and (self.job.limit is None or self.state.step > self._earlier[0])

    def _timed_out(self, number: int) -> TimedOut:
        step, limit = self.state.step, self.job.limit
        if limit is not None:
            return TimedOut(number, step, limit)
        return TimedOut(number, step, self.job.settings.timelimit or 0.0, "run")

    def _begin_static(self, number: int, groups: list[Group]) -> Iterator[Event]:
        """Prepare the static steps of an epoch; where a step cannot be captured, all of them run eagerly."""
        if self.static is None:
            return
        try:
            self.static.begin(number, groups)
        except RuntimeError as error:
            self.static = None
            yield Warned(f"CUDA graph capture failed; running eagerly: {str(error).splitlines()[0]}")

    def _is_static(self, group: Group) -> bool:
        return self.static is not None and self.static.takes(group)

    def _step(self, group: Group, batches: Iterator[Batch]) -> None:
        """One step of the run; ``batches`` are those of the steps that are not static."""
        self._begin_step()
        if self.static is not None and self.static.takes(group):
            self.static.step()
        else:
            self.update.set_factor(self.replica.factor(group.step))
            train_step(self.net, self.update, [self.replica], ([b] for b in islice(batches, len(group.parts))))
        self.state.finish_step(group.images)

    def _begin_step(self, rank: int | None = None) -> None:
        """What a step needs on the host: rates that change with progress, and seeded draws of the layers (see ``replica``)."""
        for listener in self._progress_listeners:
            listener(self.state.step / self.job.steps)
        self.replica.seed_dropout(rank)

    def _end_epoch(self, number: int, figures: Figures, spent: Spent) -> Generator[Event, None, End | None]:
        """Are loss and weights finite, and how good are they; returns what ended the run, if that did."""
        job, state, distributed = self.job, self.state, self.job.distributed
        if figures.bad_step is not None:
            return Diverged(number, figures.bad_step, state.restore_good())
        if not state.good.take(number):
            return Diverged(number, state.step, state.restore_good())
        each = self.scores["valid"] if isinstance(job.task, Several) and job.valid is not None else None
        with state.averaged():
            valid = self._evaluate(job.valid, job.stop, scores=each) if job.valid is not None else (None, None)
            more = self._looked_at(number, spent) if valid is not None else None
        if valid is None or more is None:
            return Stopped(number, state.step)
        more |= each.read(distributed) if each is not None else {}  # how each head fares; the loss is their sum
        yield state.finish_epoch(number, figures, valid, self.update.rate, spent.seconds, spent.images, more)
        return None

    def _looks(self, number: int) -> bool:
        """Whether it is the turn of `evaluate_every` after an epoch."""
        every = self.job.settings.evaluate_every
        return bool(every and number % every == 0)

    def _looked_at(self, number: int, spent: Spent) -> dict[str, float] | None:
        """The figures of `evaluate_every` after an epoch, none where it is not its turn; None if asked to stop."""
        job, found = self.job, dict[str, float]()
        for part, feed in (("test", job.test), ("train_eval", job.train)) if self._looks(number) else ():
            figures = self._evaluate(feed, job.stop)
            if figures is None:
                return None
            named = zip((f"{part}_loss", f"{part}_accuracy"), figures, strict=True)
            found |= {name: value for name, value in named if value is not None}
        return {**found, **spent.norms}

    def _evaluate(
        self,
        data: Feed,
        stop: Callable[[], bool] = lambda: False,
        meter: Meter | None = None,
        scores: Counts | None = None,
    ) -> tuple[float, float | None] | None:
        job = self.job

        def asked() -> bool:
            self.watch.beat()  # before each batch
            return stop()

        job.distributed.level(self.eval_net)
        return evaluate(
            self.eval_net,
            data,
            job.normalise,
            asked,
            size=job.settings.evalbatch,
            distributed=job.distributed,
            context=job.context,
            meter=meter,
            scores=scores,
            task=job.task,
        )

    def _clock(self, begin: float, before: int, ended: int | None = None) -> Spent:
        """Count the seconds since ``begin`` and the images since ``before``, of all processes; gives those of the epoch so far.

        Args:
            ended: the epoch whose last step this was.
        """
        state = self.state
        seconds, images = time.perf_counter() - begin, (state.meter.seen - before) * self.job.distributed.size
        state.seconds, state.images = state.seconds + seconds, state.images + images
        earlier = state.spent or Spent()
        norms = self.update.gradient_norms() if ended is not None and self._looks(ended) else earlier.norms
        state.spent = Spent(earlier.seconds + seconds, earlier.images + images, norms)
        return state.spent

    def _finalise_weights(self) -> None:
        """Give the model the weights that it keeps, and exact statistics of batch norm where they are asked for."""
        self.watch.rest()  # no step, and on many images it takes long
        state, images = self.state, self.job.settings.precise_bn
        state.keep_weights()
        if images is not None:
            # A run that goes on after its last step has made none in this process, and processes differ in their draws.
            self._begin_step(rank=0)
            exact_statistics(self.job, images, state.last.epoch if state.last is not None else self.epoch)

    # -- to a checkpoint and back -------------------------------------------------------------------------

    def checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next step depends on: tensors by name, and plain values. Several processes make it together."""
        tensors, about = self.state.checkpoint(self.update.state())
        sums = self.state.meter.state(self.job.distributed)
        return {**tensors, **{f"meter/{name}": value for name, value in sums.items()}}, about

    def load(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.update.load(*self.state.load(tensors, about))
        if not self.job.distributed.leads:  # the leading process has the sums of all
            self.state.meter.reset()
        if self.state.step:  # of a run that was stopped behind the last step of an epoch, the epoch has this rate
            self.update.set_factor(self.replica.factor(self.state.step - 1))
        self._earlier = (self.state.step, self.state.seconds)


def train(job: Job) -> Iterator[Event]:
    """Train the model of the job in place and say what happens."""
    return Training(job).events()
