"""Parts of the training images: how many are used, and how many are set aside."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.errors import ArchError
from archdsl.registry import data_word
from archdsl.registry.types import Amount


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
            raise ArchError(
                f"valid({amount_text(amount)}) sets aside {'all' if share and amount >= 1 else 'no'} images",
                help="give a fraction between 0% and 100%, or a count of at least 1",
            )

    def count(self, images: int) -> int:
        """How many of ``images`` are set aside; a share is rounded to the nearest whole image."""
        return self.amount if isinstance(self.amount, int) else round(self.amount * images)


@data_word("cifar10 subset(1000)", "cifar10 subset(10%)", slot="subset", unpublished="says how many images")
@dataclass(frozen=True, slots=True)
class Subset:
    """Trains on so many of the training images only, or on a fraction of them (`10%`), drawn by the seed.

    The draw comes before any are set aside for validation. The test images are untouched. More than there
    are is an error.
    """

    count: Amount

    def __post_init__(self) -> None:
        if not self.count or (isinstance(self.count, float) and self.count > 1):
            raise ArchError(
                f"subset({amount_text(self.count)}) keeps {'more than all' if self.count else 'no'} images",
                help="give a fraction up to 100%, or a count of at least 1",
            )

    def of(self, images: int) -> int:
        """How many of ``images`` are kept; a fraction is rounded to the nearest whole image, and keeps one at least."""
        return self.count if isinstance(self.count, int) else max(1, round(self.count * images))


def amount_text(amount: float) -> str:
    """A count or a fraction as a text has it: ``1000``, ``10%``."""
    return str(amount) if isinstance(amount, int) else f"{100 * amount:.15g}%"
