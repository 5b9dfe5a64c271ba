"""What the words of schedules return: frozen settings that know no torch. ``fusible`` as in ``values``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Plateau:
    """The learning rate times ``factor``, never below ``least`` times it, after ``epochs`` without a validation loss
    lower by ``delta``.
    """

    epochs: int
    factor: float
    delta: float
    least: float


@dataclass(frozen=True, slots=True)
class Cosine:
    """Half a cosine from the learning rate to ``end`` times it."""

    fusible: ClassVar[bool] = True
    end: float


@dataclass(frozen=True, slots=True)
class Step:
    """The learning rate times ``gamma`` after each ``every`` epochs."""

    fusible: ClassVar[bool] = True
    every: int
    gamma: float


@dataclass(frozen=True, slots=True)
class OneCycle:
    """From lr/``div`` up to lr over the share ``up`` of the steps, then down to lr/``div``/``final``;
    cosine pieces.
    """

    fusible: ClassVar[bool] = True
    up: float
    div: float
    final: float


@dataclass(frozen=True, slots=True)
class Linear:
    """A straight line from the learning rate to ``end`` times it."""

    fusible: ClassVar[bool] = True
    end: float


@dataclass(frozen=True, slots=True)
class Triangle:
    """From ``start`` times the learning rate up to it over the share ``up``, then down to ``end`` times it; straight lines."""

    fusible: ClassVar[bool] = True
    up: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Exponential:
    """The learning rate times ``gamma`` after each epoch."""

    fusible: ClassVar[bool] = True
    gamma: float


@dataclass(frozen=True, slots=True)
class Milestones:
    """The learning rate times ``gamma`` after each of these ``epochs``."""

    fusible: ClassVar[bool] = True
    epochs: tuple[int, ...]
    gamma: float


@dataclass(frozen=True, slots=True)
class Poly:
    """A power of the part of the run that is left, from the learning rate to ``end`` times it."""

    fusible: ClassVar[bool] = True
    power: float
    end: float


@dataclass(frozen=True, slots=True)
class Restarts:
    """Cosines to ``end`` times the learning rate, the first over ``first`` epochs, each ``mult`` times as long as the
    one before.
    """

    fusible: ClassVar[bool] = True
    first: int
    mult: int
    end: float


@dataclass(frozen=True, slots=True)
class Cooldown:
    """The learning rate, and over the last ``share`` of the run a line or half a cosine to ``end`` times it."""

    fusible: ClassVar[bool] = True
    share: float
    shape: Literal["linear", "cosine"]
    end: float


@dataclass(frozen=True, slots=True)
class Warmup:
    """A rise over a ``share`` of the run, or over so many ``steps``; one over whole epochs is their number alone."""

    fusible: ClassVar[bool] = True
    share: float | None = None
    steps: int | None = None


Smooth = Cosine | Linear | Poly | Restarts | Cooldown | Triangle  # over what a warm-up leaves of the run
Schedule = Smooth | Step | OneCycle | Exponential | Milestones | Plateau
