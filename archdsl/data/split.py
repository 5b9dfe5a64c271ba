"""Which training images train, and which are set aside for validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from archdsl.errors import EnvError
from archdsl.seeds import stream
from archdsl.settings.checks import count_findings, refuse
from archdsl.settings.finding import things
from archdsl.words.tasks import IGNORED

if TYPE_CHECKING:
    from archdsl.data.arrays import Arrays, DataParts
    from archdsl.data.stream import Streamed
    from archdsl.words.data.parts import Subset, Valid


@dataclass(frozen=True, eq=False)
class Splits:
    """What a run trains on, chooses by, and is evaluated on at its end; where the images come from, and what is said of them
    before the first step.
    """

    train: Arrays | Streamed
    valid: Arrays | Streamed | None
    test: Arrays | Streamed
    source: str = ""
    notes: tuple[str, ...] = ()


def _things(part: Arrays | Streamed) -> str:
    images = getattr(part, "images", None)  # a part that is read while training has pictures
    return things(images.shape[1:]) if images is not None else "images"


def _check_known(what: str, part: Arrays | Streamed | None, seed: int) -> None:
    """Refuse a part without a pixel that counts: its loss and its accuracy would be 0."""
    if part is None or part.labels.ndim < 2 or part.labels.dtype != np.int64 or part.labels.max() != IGNORED:
        return
    raise EnvError(
        f"all pixels of the masks are ignored in the part that {what} with the seed {seed}",
        help="take more pictures, by `subset` or `valid`; or leave out those whose masks have no class",
    )


def split(parts: DataParts, valid: Valid | None, subset: Subset | None, seed: int) -> Splits:
    """Draw the subset and the validation images from the training part; the test part stays whole.

    Raises:
        ArchError: more images are asked for than there are.
        EnvError: masks of which all pixels are ignored fell to one of the parts alone.
    """
    total = len(parts.train)
    if valid is None and subset is None:
        return Splits(parts.train, None, parts.test, parts.source, parts.notes)
    refuse(count_findings(total, valid, subset, parts.source, _things(parts.train)))
    rows = np.random.default_rng(stream(seed, "split")).permutation(total)
    rows = rows[: subset.of(total)] if subset is not None else rows
    aside = valid.count(len(rows)) if valid is not None else 0
    # Sorted: read in the order in which they are. The order of training has its own stream.
    train = parts.train.take(np.sort(rows[aside:]))
    valid_part = parts.train.take(np.sort(rows[:aside])) if aside else None
    _check_known("trains", train, seed)
    _check_known("is set aside", valid_part, seed)
    return Splits(train, valid_part, parts.test, parts.source, parts.notes)
