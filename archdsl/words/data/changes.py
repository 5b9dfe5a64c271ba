"""What the augmentation words return: frozen settings that know no torch. ``archdsl.train.augment`` carries them out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """A change of training batches, drawn anew for each image at each step; other images never see it.

    ``where`` it happens: in the data ``pipeline``, or as a layer of the ``model``.
    """

    where: str = "pipeline"

    @property
    def name(self) -> str:
        return type(self).__name__.lower()


@dataclass(frozen=True, slots=True)
class Corruption:
    """A change of the training part itself, drawn once for a run from its seed (random labels, random pixels)."""


@dataclass(frozen=True, slots=True)
class Flip(Augmentation):
    """Mirrored left to right with probability ``p``, each image by itself."""

    p: float


@dataclass(frozen=True, slots=True)
class Crop(Augmentation):
    """Padded with ``pad`` black pixels on each side, then cut to its size at a random place, each image by
    itself.
    """

    pad: int
