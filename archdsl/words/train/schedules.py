"""Schedules of the learning rate. Each is a factor of the optimiser's own rate, set at every step."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from archdsl.errors import ArchError
from archdsl.registry import setting, train_word
from archdsl.registry.types import Amount, Count, Positive, Share
from archdsl.report.numbers import many
from archdsl.words.train.kinds import Others, Point, Remark, Schedule, TrainWord
from archdsl.words.train.stepped import Exponential as Exponential
from archdsl.words.train.stepped import Milestones as Milestones
from archdsl.words.train.stepped import Plateau as Plateau
from archdsl.words.train.stepped import Step as Step


@train_word("adam cosine", "adam cosine(end=1%)", slot="schedule", paper="Loshchilov & Hutter 2017")
@setting
class Cosine(Schedule):
    """Half a cosine from the learning rate to `end` times it.

    Over the whole run, or over what a `warmup` leaves of it.
    """

    end: Share = 0.0
    fusible: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        """Loshchilov & Hutter 2017, equation 5, without restarts."""
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * at.done / at.whole)) / 2


@train_word("sgd(0.1) onecycle", "sgd(0.1) onecycle(up=20%)", slot="schedule", paper="Smith & Topin 2018")
@setting
class OneCycle(Schedule):
    """Rises from lr/div to lr over the fraction `up` of the run, then falls to lr/div/final, both along cosines.

    The learning rate only: momentum stays as the optimiser has it. Has its own rise, so `warmup` beside it
    is an error.
    """

    up: Share = 0.3
    div: Positive = 25.0
    final: Positive = 1e4
    rises: ClassVar[bool] = True
    fusible: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        """As torch.optim.lr_scheduler.OneCycleLR with its cosine pieces: the top is at step ``up``·steps - 1."""
        start, end = 1 / self.div, 1 / (self.div * self.final)
        top, last = self.up * at.steps - 1, at.steps - 1
        if at.step <= top:
            return cosine(start, 1.0, at.step / top) if top > 0 else 1.0
        return cosine(1.0, end, (at.step - top) / (last - top))


@train_word("sgd(0.1) linear", "sgd(0.1) linear(end=1%)", slot="schedule", paper="Li et al. 2020, arXiv:1905.04753")
@setting
class Linear(Schedule):
    """A straight line from the learning rate to `end` times it, over what a `warmup` leaves of the run."""

    end: Share = 0.0
    fusible: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        return 1 + (self.end - 1) * at.done / max(at.whole, 1)


@train_word("sgd(0.1) poly", "sgd(0.1) poly(2, end=1%)", slot="schedule", paper="Liu et al. 2015, arXiv:1506.04579")
@setting
class Poly(Schedule):
    """The part of the run that is left to the `power`, from the learning rate to `end` times it.

    Over what a `warmup` leaves of the run; `poly(1)` is `linear`.
    """

    power: Positive = 0.9
    end: Share = 0.0
    fusible: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        return self.end + (1 - self.end) * float((1 - at.done / at.whole) ** self.power)


@train_word(
    "sgd(0.1) restarts(10)",
    "adamw restarts(5, mult=2, end=1%) epochs(35)",
    slot="schedule",
    paper="Loshchilov & Hutter 2017, arXiv:1608.03983",
)
@setting
class Restarts(Schedule):
    """Cosines with warm restarts (SGDR): from the learning rate to `end` times it, again and again.

    The first one takes `first` epochs, each other `mult` times as long as the one before.
    """

    first: Count = 10
    mult: Count = 1
    end: Share = 0.0
    fusible: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        done, period = at.done, self.first * at.per_epoch
        if self.mult == 1:
            done %= period
        while done >= period:
            done, period = done - period, period * self.mult
        return cosine(1.0, self.end, done / period)

    def against(self, others: Others) -> Remark | None:
        if self.first < others.epochs:
            return None
        return Remark(
            f"`restarts` has no effect: its first cosine takes {many(self.first, 'epoch')}, the run has {others.epochs}",
            f"a shorter one, such as restarts({max(1, others.epochs // 2)}), or cosine",
        )


@train_word("adamw warmup(5%) cooldown(20%)", "adam cooldown(28%, cosine)", slot="schedule",
            paper="Zhai et al. 2022, arXiv:2106.04560; Hägele et al. 2024, arXiv:2405.18392")  # fmt: skip
@setting
class Cooldown(Schedule):
    """Keeps the learning rate, and goes down to `end` times it over the last `share` of the run.

    With a `warmup` before it, it is known as trapezoid, WSD (warm up, stay, decay), or flat and anneal.
    """

    share: Share = 0.2
    shape: Literal["linear", "cosine"] = "linear"
    end: Share = 0.0
    fusible: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        begin = (1 - self.share) * at.steps
        down = max(0.0, (at.step - begin) / (at.steps - begin)) if self.share else 0.0
        return 1 + (self.end - 1) * down if self.shape == "linear" else cosine(1.0, self.end, down)


@train_word("sgd(0.1) triangle(up=23%, start=20%, end=7%)", slot="schedule", paper="Smith 2017, arXiv:1506.01186")
@setting
class Triangle(Schedule):
    """Straight lines: from `start` times the learning rate up to it over the fraction `up` of the run, then to `end` times it."""

    up: Share = 0.3
    start: Share = 0.0
    end: Share = 0.0
    rises: ClassVar[bool] = True
    fusible: ClassVar[bool] = True

    def scale(self, at: Point) -> float:
        top = self.up * at.steps
        if at.step < top:
            return self.start + (1 - self.start) * at.step / top
        return 1 + (self.end - 1) * (at.step - top) / max(at.steps - top, 1)


@setting
class Warmup(TrainWord):
    """A rise over a ``share`` of the run, or over so many ``steps``; one over whole epochs is their number alone."""

    share: float | None = None
    steps: int | None = None
    fusible: ClassVar[bool] = True
    capturable: ClassVar[bool] = True


@train_word("sgd(0.1) warmup(5) cosine", "adamw warmup(5%) cosine", "adam warmup(500, steps)", slot="warmup",
            paper="Goyal et al. 2017")  # fmt: skip
def warmup(length: Amount = 5, steps: bool = False) -> int | Warmup:
    """Raises the learning rate from nearly 0, in equal steps, over the first epochs (5 by default).

    `warmup(5%)` rises over a fraction of the run, `warmup(500, steps)` over so many steps.
    """
    if length <= 0 or length >= (1 if isinstance(length, float) else 1_000_000_000 if steps else 10_001):
        raise ArchError(
            f"warmup({length}) is not a valid length of a warm-up", help="give epochs, a fraction below 100%, or steps"
        )
    if isinstance(length, float):
        if steps:
            raise ArchError(
                "a fraction of the run is not a number of steps", help="write warmup(5%) or warmup(500, steps)"
            )
        return Warmup(share=length)
    return Warmup(steps=length) if steps else int(length)


def cosine(first: float, last: float, done: float) -> float:
    """Half a cosine from ``first`` to ``last``, of which the fraction ``done`` is over."""
    return last + (first - last) / 2 * (1 + math.cos(math.pi * done))
