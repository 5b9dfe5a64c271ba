"""What the words of fine-tuning return: weights to begin with, and parts of a net that are trained otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

from archdsl.registry.stretch import Stretch


@dataclass(frozen=True, slots=True)
class Init:
    """Weights to begin with. ``sha`` is the hash of what ``source`` holds, "" where nobody has looked yet; it stands for
    the source in the hash of an experiment, wherever that lies.
    """

    source: str = field(repr=False)
    sha: str = ""
    reshape: bool = False


@dataclass(frozen=True, slots=True)
class Freeze:
    """A part of the net that is not trained for the first ``until`` epochs; None is the whole run."""

    part: Stretch
    until: int | None = None


@dataclass(frozen=True, slots=True)
class PartRate:
    """The learning rate of a part of the net, as a factor of the others'."""

    part: Stretch
    factor: float
