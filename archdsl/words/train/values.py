"""What the train words return: frozen settings that know no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Sgd:
    """Stochastic gradient descent; ``momentum`` 0 is the plain method."""

    lr: float
    momentum: float
    nesterov: bool


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam; ``wd`` is None for `adam`, and the decoupled decay of `adamw`."""

    lr: float
    beta1: float
    beta2: float
    eps: float
    wd: float | None = None


@dataclass(frozen=True, slots=True)
class Decay:
    """Weight decay at ``rate``, on every parameter: ``wd`` shrinks the weights, ``l2`` is a term of the loss."""

    kind: Literal["wd", "l2"]
    rate: float


@dataclass(frozen=True, slots=True)
class Cosine:
    """Half a cosine from the learning rate to ``end`` times it."""

    end: float


@dataclass(frozen=True, slots=True)
class Step:
    """The learning rate times ``gamma`` after each ``every`` epochs."""

    every: int
    gamma: float


@dataclass(frozen=True, slots=True)
class OneCycle:
    """From lr/``div`` up to lr over the share ``up`` of the steps, then down to lr/``div``/``final``;
    cosine pieces.
    """

    up: float
    div: float
    final: float


@dataclass(frozen=True, slots=True)
class Warmup:
    """A linear rise from nothing to the learning rate over the first ``epochs``; the schedule begins after
    it.
    """

    epochs: int


@dataclass(frozen=True, slots=True)
class Epochs:
    """Passes over the training images."""

    count: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Images of one step."""

    size: int


@dataclass(frozen=True, slots=True)
class Seed:
    """The number that every random stream of a run is derived from."""

    number: int


Optimizer = Sgd | Adam
Schedule = Cosine | Step | OneCycle
