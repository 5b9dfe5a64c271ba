"""What every loader gives, and how each says that a file is damaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from archdsl.errors import EnvError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from archdsl.data.stream import Streamed
    from archdsl.words.data.values import Dataset

Split = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Arrays:
    """Images (N, C, H, W) as uint8 and labels (N,) as int64; the images may be mapped from a file, copy on write.

    Of a table, the "images" are its rows: vectors (N, D) as float32, not yet standardised. Of a text they are ids (N, L) as
    int64. Labels are targets of the task (``archdsl.words.tasks``): of places (N, *places) int64, of numbers (N, T) float64, of
    several heads (N, heads) float64.
    """

    images: NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.int64]
    labels: NDArray[np.int64] | NDArray[np.float32] | NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> Arrays:
        """The images and labels of these rows, copied, in their order."""
        return Arrays(self.images[rows], self.labels[rows])


@dataclass(frozen=True, eq=False)
class DataParts:
    """A data set as it is on disk: training and test part, and where they come from. Pictures that do not fit
    into memory are ``Streamed``. ``notes`` are lines for a person, said before the first step: what was found, what was
    left out, and what was done to the pictures.
    """

    train: Arrays | Streamed
    test: Arrays | Streamed
    source: str
    notes: tuple[str, ...] = ()


def damaged(path: Path | str, what: str) -> EnvError:
    """An error that names the file and says how to get a good one."""
    return EnvError(
        f"data file {path} {what}",
        help="replace it with a good copy, or delete it to have it fetched again; `--data fashion-mini` needs no file",
    )


def check_labels(arrays: Arrays, classes: int, path: Path) -> Arrays:
    """The same arrays; an EnvError where a label is not in ``[0, classes)`` or there is no image."""
    if len(arrays) == 0:
        raise damaged(path, "holds no image")
    low, high = int(arrays.labels.min()), int(arrays.labels.max())
    if low < 0 or high >= classes:
        raise damaged(path, f"has labels from {low} to {high}, expected 0 to {classes - 1}")
    return arrays


def whole_labels(labels: object, path: Path) -> NDArray[np.int64]:
    """Labels as int64.

    Raises:
        EnvError: one is not a whole number: nothing is rounded.
    """
    import numpy as np

    found = np.asarray(labels)
    if found.dtype.kind == "f" and np.isfinite(found).all() and (found == np.floor(found)).all():
        found = found.astype(np.int64)  # MATLAB's numbers are floating
    if found.dtype.kind not in "iu":
        raise damaged(path, f"has labels that are not whole numbers ({found.dtype})")
    return found.astype(np.int64)


def check_count(dataset: Dataset, part: str, count: int, path: Path | str) -> None:
    """Hold a part of a published set to its known number of images.

    Raises:
        EnvError: it has more or less.
    """
    expected = {"train": dataset.train, "test": dataset.test}[part]
    if count != expected:
        raise EnvError(
            f"{path} holds {count:,} {part} images, {dataset.title} has {expected:,}",
            help=f"complete or replace it; to train on a part of the whole set, write `{dataset.name} subset(1000)`, and for "
            'images of your own `folder("PATH")`',
        )
