"""What the data words return: frozen settings that know neither torch nor numpy, nor whether the data is
there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dataset:
    """A published data set: all that a net needs to know before any file is read.

    ``input`` is (channels, height, width); ``mean`` and ``std`` are of the training images, one a channel,
    in [0, 1]; where they are empty, a run measures them on its own training images.
    """

    name: str
    title: str
    input: tuple[int, int, int]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: int
    test: int
    home: str
    licence: str

    @property
    def classes(self) -> int:
        return len(self.class_names)


@dataclass(frozen=True, slots=True)
class Kept:
    """What runs have recorded of a data set that is no longer there."""

    input: tuple[int, ...]
    class_names: tuple[str, ...]
