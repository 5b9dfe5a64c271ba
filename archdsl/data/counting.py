"""How many pictures or rows the parts of a data set have, before a run reads it. Loads no torch."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from archdsl.data import tree
from archdsl.data.own import kind_of
from archdsl.errors import InternalError
from archdsl.unchanged import About, about
from archdsl.words.data.layouts import sub_folders
from archdsl.words.data.values import Own

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.words.data.values import Dataset


def training_count(dataset: Dataset | Own) -> int | None:
    """The pictures or rows of the training part; None of a published set, and of data that is gone.

    Raises:
        EnvError: the data cannot be read.
    """
    counts = example_counts(dataset) if isinstance(dataset, Own) else None
    return None if counts is None else counts[0]


def example_counts(dataset: Dataset | Own) -> tuple[int, int] | None:
    """The pictures or rows of the training and of the test part; None of data that is gone.

    Raises:
        EnvError: the data cannot be read.
    """
    if not isinstance(dataset, Own):
        return dataset.train, dataset.test
    if dataset.kept is not None:
        return None
    kind = kind_of(dataset)
    if kind.counts is not None:
        return kind.counts(dataset)
    if kind.files is None:
        train, test = kind.trees(dataset) if kind.trees is not None else (None, None)
        if train is None:
            raise InternalError(f"nothing says which files {dataset.name} has")
        return _pictures(train, test, tuple(map(_changed, filter(None, (train, test)))))
    return _examples(dataset, tuple(about(path.stat()) for _, path in kind.files(dataset)))


def _changed(root: Path) -> tuple[int, ...]:
    """When a tree and its class folders changed last."""
    return (root.stat().st_mtime_ns, *((root / name).stat().st_mtime_ns for name in sub_folders(root)))


# A study asks for each of its arms; a changed set is counted again.
@lru_cache(maxsize=8)
def _pictures(train: Path, test: Path | None, changed: tuple[tuple[int, ...], ...]) -> tuple[int, int]:
    found = tree.find(train, test)
    return len(found.train), len(found.test)


@lru_cache(maxsize=8)
def _examples(dataset: Own, changed: tuple[About, ...]) -> tuple[int, int]:
    parts = kind_of(dataset).read(dataset)
    return len(parts.train), len(parts.test)
