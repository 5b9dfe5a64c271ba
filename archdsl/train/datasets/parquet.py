"""Parquet files with a column of encoded pictures, the layout that public hubs of data sets use.

Columns: ``img`` or ``image`` (a struct with ``bytes``, or the bytes alone) and the labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.errors import EnvError
from archdsl.train.datasets import cache
from archdsl.train.datasets.arrays import Arrays, DataParts, check_labels, damaged
from archdsl.train.datasets.pictures import Failure, Refusals, exact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archdsl.words.data.values import Dataset

PICTURES = ("img", "image")
LABELS = {"cifar100": ("fine_label", "label")}  # cifar100 has coarse labels too


def find(name: str, root: Path) -> Path | None:
    """The folder with ``train-*.parquet`` and ``test-*.parquet``: ``root/name``, or ``root`` itself for the sets of
    CIFAR.
    """
    for folder in (root / name, *([root] if name.startswith("cifar") or root.name == name else [])):
        if _shards(folder, "train") and _shards(folder, "test"):
            return folder
    return None


def read(dataset: Dataset, folder: Path) -> DataParts:
    """Both parts, images as the set's ``input``; decoded once, then mapped from the cache."""
    train, test = (_part(dataset, folder, part) for part in ("train", "test"))
    return DataParts(train, test, str(folder))


def _part(dataset: Dataset, folder: Path, part: str) -> Arrays:
    files = _shards(folder, part)
    arrays = cache.decoded(f"{dataset.name}-{part}", files, lambda: _decode(dataset, files), dataset.name)
    return check_labels(arrays, dataset.classes, files[0])


def _shards(folder: Path, part: str) -> list[Path]:
    return sorted(folder.glob(f"{part}-*.parquet"))


def _decode(dataset: Dataset, files: Sequence[Path]) -> Arrays:
    images, labels = [], []
    for path in files:
        table = _table(path)
        encoded = _column(table, PICTURES, path)
        targets = _column(table, LABELS.get(dataset.name, ("label",)), path)
        refused = Refusals(path)
        for row, item in enumerate(encoded):
            try:
                images.append(exact(item["bytes"] if isinstance(item, dict) else item, dataset.input))
            except (*Failure, TypeError, KeyError) as error:
                refused.add(f"row {row}", error)
        refused.settle()
        try:
            labels.append(np.asarray(targets, dtype=np.int64))
        except (TypeError, ValueError) as error:
            raise damaged(path, f"has a label that is no whole number ({error})") from error
    return Arrays(np.stack(images), np.concatenate(labels)) if images else _empty(dataset)


def _table(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise EnvError(f"{path} needs the package pyarrow", help="pip install pyarrow") from error
    try:
        return pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise damaged(path, f"is not a Parquet file ({error})") from error


def _column(table: Any, names: Sequence[str], path: Path) -> list[Any]:
    for name in names:
        if name in table.column_names:
            return table[name].to_pylist()
    raise damaged(path, f"has the columns {', '.join(table.column_names)}, expected {' or '.join(names)}")


def _empty(dataset: Dataset) -> Arrays:
    return Arrays(np.empty((0, *dataset.input), np.uint8), np.empty(0, np.int64))
