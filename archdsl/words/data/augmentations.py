"""Augmentations: what happens to a training batch before the net sees it, never to other images."""

from __future__ import annotations

from archdsl.registry import data_word
from archdsl.registry.types import Count, Share
from archdsl.words.data.changes import Crop, Flip


@data_word("cifar10 flip", "cifar10 flip(0.5)", slot="flip", paper="Krizhevsky et al. 2012")
def flip(p: Share = 0.5) -> Flip:
    """Mirrors each training image left to right with probability p."""
    return Flip(p)


@data_word("cifar10 crop(4)", slot="crop", paper="He et al. 2016, section 4.2")
def crop(pad: Count = 4) -> Crop:
    """Cuts each training image at a random place after padding it.

    So many black pixels are added on every side; the cut has the size of the image.
    """
    return Crop(pad)
