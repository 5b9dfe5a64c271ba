"""Parts of the training images: how many are used, and how many are set aside."""

from __future__ import annotations

from archdsl.errors import ArchError
from archdsl.registry import data_word
from archdsl.registry.types import Amount, Count
from archdsl.words.data.values import Subset, Valid


@data_word("cifar10 valid(10%)", "cifar10 valid(5000)", slot="valid")
def valid(amount: Amount = 0.1) -> Valid:
    """Sets training images aside for validation: a share (`10%`) or a count (`5000`), drawn by the seed.

    The test images are untouched. Without this word no image is set aside, and only the test accuracy is
    reported.
    """
    share = isinstance(amount, float)
    if amount <= 0 or (share and amount >= 1):
        raise ArchError(f"valid({amount}) sets aside {'all' if share and amount >= 1 else 'no'} images",
                        help="give a share between 0% and 100%, or a count of at least 1")  # fmt: skip
    return Valid(amount)


@data_word("cifar10 subset(1000)", slot="subset")
def subset(count: Count) -> Subset:
    """Trains on so many of the training images only, drawn by the seed.

    The draw comes before any are set aside for validation. The test images are untouched. More than there
    are is an error.
    """
    return Subset(count)
