"""Schedules of the learning rate. Each is a factor of the optimiser's own rate, set anew at every step."""

from __future__ import annotations

from typing import Annotated

from archdsl.registry import Range, train_word
from archdsl.registry.types import Count, Positive, Share
from archdsl.words.train.values import Cosine, OneCycle, Step, Warmup


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


@train_word("sgd(0.1) warmup(5) cosine", slot="warmup", paper="Goyal et al. 2017")
def warmup(epochs: Annotated[int, Range(1, 10_000)] = 5) -> Warmup:
    """Raises the learning rate from nearly 0, in equal steps, over the first epochs."""
    return Warmup(epochs)
