"""Which training images train, and which are set aside for validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from archdsl.errors import ArchError
from archdsl.train.streams import stream

if TYPE_CHECKING:
    from archdsl.train.datasets.arrays import Arrays, DataParts
    from archdsl.train.datasets.stream import Streamed
    from archdsl.words.data.values import Subset, Valid


@dataclass(frozen=True, eq=False)
class Splits:
    """What a run trains on, chooses by, and is judged by at its end; where the images come from, and what is said of them
    before the first step.
    """

    train: Arrays | Streamed
    valid: Arrays | Streamed | None
    test: Arrays | Streamed
    source: str = ""
    notes: tuple[str, ...] = ()


def split(parts: DataParts, valid: Valid | None, subset: Subset | None, seed: int) -> Splits:
    """Draw the subset and the validation images from the training part; the test part stays whole.

    Raises:
        ArchError: more images are asked for than there are.
    """
    total = len(parts.train)
    if valid is None and subset is None:
        return Splits(parts.train, None, parts.test, parts.source, parts.notes)
    if subset is not None and subset.count > total:
        raise ArchError(
            f"subset({subset.count}) asks for more than the {total} training images of {parts.source}",
            help=f"give at most {total}",
        )
    rows = np.random.default_rng(stream(seed, "split")).permutation(total)
    rows = rows[: subset.count] if subset is not None else rows
    aside = valid.count(len(rows)) if valid is not None else 0
    if valid is not None and not 0 < aside < len(rows):
        raise ArchError(
            f"valid({valid.amount}) sets {aside} of {len(rows)} training images aside",
            help="at least one image must be set aside, and one left to train on",
        )
    # Sorted: read in the order in which they lie. The order of training has its own stream.
    train = parts.train.take(np.sort(rows[aside:]))
    valid_part = parts.train.take(np.sort(rows[:aside])) if aside else None
    return Splits(train, valid_part, parts.test, parts.source, parts.notes)
