"""How long, how much at once, and from which seed."""

from __future__ import annotations

from archdsl.registry import train_word
from archdsl.registry.types import Count, Natural
from archdsl.words.train.values import Batch, Epochs, Seed


@train_word("adam epochs(20)", slot="epochs")
def epochs(count: Count) -> Epochs:
    """How many times every training image is seen (10 unless said)."""
    return Epochs(count)


@train_word("adam batch(128)", slot="batch")
def batch(size: Count) -> Batch:
    """How many images a step takes (128 unless said).

    The last batch of an epoch is smaller; where it would be one single image, that image joins the batch
    before.
    """
    return Batch(size)


@train_word("adam seed(1)", slot="seed")
def seed(number: Natural) -> Seed:
    """The seed of the run (0 unless said).

    Weights, order, augmentation, dropout and the validation split follow from it, each by a stream of its
    own.
    """
    return Seed(number)
