"""Changes of the training part itself (Zhang et al. 2016, arXiv:1611.03530), drawn once for a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.arrays import Arrays
from archdsl.errors import ArchError
from archdsl.seeds import stream
from archdsl.words.data.base import Corruption


def corrupt(arrays: Arrays, words: tuple[Corruption, ...], classes: int, seed: int) -> Arrays:
    """The arrays after all corruptions, in their order; what was given stays as it is.

    Raises:
        ArchError: a word changed the shape or type of images or labels, or gave a label outside the classes.
    """
    for word in words:
        rng = np.random.default_rng(stream(seed, "corrupt", word.stream))
        seen = Arrays(_read_only(arrays.images), _read_only(arrays.labels))
        images, labels = word.apply(seen.images, seen.labels, classes, rng, np)
        changed = Arrays(
            arrays.images if images is seen.images else np.require(images, requirements="W"),
            arrays.labels if labels is seen.labels else np.require(labels, requirements="W"),
        )
        if _sort(changed) != _sort(arrays) or (len(labels) and not 0 <= labels.min() <= labels.max() < classes):
            raise ArchError(
                f"`{word.name}` of {type(word).__module__} changes {_sort(arrays)} to {_sort(changed)}, or gives "
                f"labels that are not from 0 to {classes - 1}",
                help="a corruption keeps the shapes and types of images and labels",
            )
        arrays = changed
    return arrays


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    """A view of the array: a corruption gives new ones."""
    view = np.asarray(values).view()
    view.flags.writeable = False
    return view


def _sort(arrays: Arrays) -> str:
    return ", ".join(f"{'x'.join(map(str, a.shape))} {a.dtype}" for a in (arrays.images, arrays.labels))
