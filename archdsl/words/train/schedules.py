"""Schedules of the learning rate. Each is a factor of the optimiser's own rate, set anew at every step."""

from __future__ import annotations

from typing import Annotated, Literal

from archdsl.errors import ArchError
from archdsl.registry import Range, train_word
from archdsl.registry.types import Amount, Count, Ints, NonNegative, Positive, Share
from archdsl.words.train.values import (
    Cooldown,
    Cosine,
    Exponential,
    Linear,
    Milestones,
    OneCycle,
    Plateau,
    Poly,
    Restarts,
    Step,
    Triangle,
    Warmup,
)  # fmt: skip


@train_word("adam cosine", "adam cosine(end=1%)", slot="schedule", paper="Loshchilov & Hutter 2017")
def cosine(end: Share = 0.0) -> Cosine:
    """Half a cosine from the learning rate to `end` times it.

    Over the whole run, or over what a `warmup` leaves of it.
    """
    return Cosine(end)


@train_word("sgd(0.1) step(30)", "sgd(0.1) step(30, gamma=0.2)", slot="schedule", paper="He et al. 2016")
def step(every: Count, gamma: Positive = 0.1) -> Step:
    """The learning rate times `gamma` after each `every` epochs, counted from the start of the run."""
    return Step(every, gamma)


@train_word("sgd(0.1) milestones([82, 123]) epochs(164)", "sgd(0.1) milestones([30, 60, 80], gamma=0.2) epochs(90)",
            slot="schedule", paper="He et al. 2016, section 4.2")  # fmt: skip
def milestones(epochs: Ints, gamma: Positive = 0.1) -> Milestones:
    """The learning rate times `gamma` after each of these epochs; `step` does so in equal distances."""
    if not epochs or list(epochs) != sorted({*epochs}) or epochs[0] < 1:
        raise ArchError(f"the milestones {list(epochs)} are no rising numbers of epochs",
                        help="write milestones([30, 60, 80])")  # fmt: skip
    return Milestones(epochs, gamma)


@train_word("sgd(0.1) onecycle", "sgd(0.1) onecycle(up=20%)", slot="schedule", paper="Smith & Topin 2018")
def onecycle(up: Share = 0.3, div: Positive = 25.0, final: Positive = 1e4) -> OneCycle:
    """Rises from lr/div to lr over the share `up` of the run, then falls to lr/div/final, both along cosines.

    The learning rate only: momentum stays as the optimiser has it. Has its own rise, so `warmup` beside it
    is an error.
    """
    return OneCycle(up, div, final)


@train_word("sgd(0.1) linear", "sgd(0.1) linear(end=1%)", slot="schedule", paper="Li et al. 2020, arXiv:1905.04753")
def linear(end: Share = 0.0) -> Linear:
    """A straight line from the learning rate to `end` times it, over what a `warmup` leaves of the run."""
    return Linear(end)


@train_word("sgd(0.1) poly", "sgd(0.1) poly(2, end=1%)", slot="schedule", paper="Liu et al. 2015, arXiv:1506.04579")
def poly(power: Positive = 0.9, end: Share = 0.0) -> Poly:
    """The part of the run that is left to the `power`, from the learning rate to `end` times it.

    Over what a `warmup` leaves of the run; `poly(1)` is `linear`.
    """
    return Poly(power, end)


@train_word("sgd(0.1) restarts(10)", "adamw restarts(5, mult=2, end=1%) epochs(35)", slot="schedule",
            paper="Loshchilov & Hutter 2017, arXiv:1608.03983")  # fmt: skip
def restarts(first: Count = 10, mult: Count = 1, end: Share = 0.0) -> Restarts:
    """Cosines with warm restarts (SGDR): from the learning rate to `end` times it, again and again.

    The first one takes `first` epochs, each other `mult` times as long as the one before.
    """
    return Restarts(first, mult, end)


@train_word("adamw warmup(5%) cooldown(20%)", "adam cooldown(28%, cosine)", slot="schedule",
            paper="Zhai et al. 2022, arXiv:2106.04560; Hägele et al. 2024, arXiv:2405.18392")  # fmt: skip
def cooldown(share: Share = 0.2, shape: Literal["linear", "cosine"] = "linear", end: Share = 0.0) -> Cooldown:
    """Keeps the learning rate, and goes down to `end` times it over the last `share` of the run.

    With a `warmup` before it, it is known as trapezoid, WSD (warm up, stay, decay), or flat and anneal.
    """
    return Cooldown(share, shape, end)


@train_word("sgd(0.1) epochs(60) plateau(5)", "adam plateau(3, factor=0.5, least=1%)", slot="schedule")
def plateau(
    epochs: Count = 10, factor: Annotated[Share, Range(0, 1, open=True)] = 0.1, delta: NonNegative = 1e-4, least: Share = 0.0
) -> Plateau:  # fmt: skip
    """The learning rate times `factor` after so many epochs without a better validation loss.

    Better means lower by more than `delta`. The rate does not fall below `least` times the first one. Needs images for
    validation, such as `valid(10%)` in the data statement. Stands beside `patience` and `warmup`.
    """
    return Plateau(epochs, factor, delta, least)


@train_word("sgd(0.1) triangle(up=23%, start=20%, end=7%)", slot="schedule", paper="Smith 2017, arXiv:1506.01186")
def triangle(up: Share = 0.3, start: Share = 0.0, end: Share = 0.0) -> Triangle:
    """Straight lines: from `start` times the learning rate up to it over the share `up` of the run, then to `end` times it."""
    return Triangle(up, start, end)


@train_word("adam exponential(0.95)", slot="schedule")
def exponential(gamma: Share = 0.95) -> Exponential:
    """The learning rate times `gamma` after each epoch."""
    return Exponential(gamma)


@train_word("sgd(0.1) warmup(5) cosine", "adamw warmup(5%) cosine", "adam warmup(500, steps)", slot="warmup",
            paper="Goyal et al. 2017")  # fmt: skip
def warmup(length: Amount = 5, steps: bool = False) -> int | Warmup:
    """Raises the learning rate from nearly 0, in equal steps, over the first epochs (5 unless said).

    `warmup(5%)` rises over a share of the run, `warmup(500, steps)` over so many steps.
    """
    if length <= 0 or length >= (1 if isinstance(length, float) else 1_000_000_000 if steps else 10_001):
        raise ArchError(f"warmup({length}) is no length of a rise", help="give epochs, a share below 100%, or steps")
    if isinstance(length, float):
        if steps:
            raise ArchError("a share of the run is no number of steps", help="write warmup(5%) or warmup(500, steps)")
        return Warmup(share=length)
    return Warmup(steps=length) if steps else int(length)
