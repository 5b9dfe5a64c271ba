"""Parts of the training images: how many are used, and how many are set aside."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.errors import ArchError
from archdsl.registry import data_word
from archdsl.registry.types import Amount, Count


@data_word("cifar10 valid(10%)", "cifar10 valid(5000)", slot="valid", unpublished="says how many images")
@dataclass(frozen=True, slots=True)
class Valid:
    """Sets training images aside for validation: a fraction (`10%`) or a count (`5000`), drawn by the seed.

    The test images are untouched. Without this word no image is set aside, and only the test accuracy is
    reported.
    """

    amount: Amount = 0.1

    def __post_init__(self) -> None:
        amount, share = self.amount, isinstance(self.amount, float)
        if amount <= 0 or (share and amount >= 1):
            raise ArchError(f"valid({amount}) sets aside {'all' if share and amount >= 1 else 'no'} images",
                            help="give a fraction between 0% and 100%, or a count of at least 1")  # fmt: skip

    def count(self, images: int) -> int:
        """How many of ``images`` are set aside; a share is rounded to the nearest whole image."""
        return self.amount if isinstance(self.amount, int) else round(self.amount * images)


@data_word("cifar10 subset(1000)", slot="subset", unpublished="says how many images")
@dataclass(frozen=True, slots=True)
class Subset:
    """Trains on so many of the training images only, drawn by the seed.

    The draw comes before any are set aside for validation. The test images are untouched. More than there
    are is an error.
    """

    count: Count
