"""Schedules of the learning rate. Each is a factor of the optimiser's own rate, set anew at every step."""

from __future__ import annotations

from typing import Annotated

from archdsl.registry import Range, train_word
from archdsl.registry.types import Count, Positive, Share
from archdsl.words.train.values import Cosine, Exponential, Linear, OneCycle, Step, Triangle


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


@train_word("sgd(0.1) triangle(up=23%, start=20%, end=7%)", slot="schedule", paper="Smith 2017, arXiv:1506.01186")
def triangle(up: Share = 0.3, start: Share = 0.0, end: Share = 0.0) -> Triangle:
    """Straight lines: from `start` times the learning rate up to it over the share `up` of the run, then to `end` times it."""
    return Triangle(up, start, end)


@train_word("adam exponential(0.95)", slot="schedule")
def exponential(gamma: Share = 0.95) -> Exponential:
    """The learning rate times `gamma` after each epoch."""
    return Exponential(gamma)


@train_word("sgd(0.1) warmup(5) cosine", slot="warmup", paper="Goyal et al. 2017")
def warmup(epochs: Annotated[int, Range(1, 10_000)] = 5) -> int:
    """Raises the learning rate from nearly 0, in equal steps, over the first epochs."""
    return epochs
