"""Parquet files with a column of encoded pictures, the layout that public hubs of data sets use.

Columns: ``img`` or ``image`` (a struct with ``bytes``, or the bytes alone) and the labels.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data import cache
from archdsl.data.arrays import Arrays, DataParts, check_count, check_labels, damaged
from archdsl.data.decode import listening, merged, said
from archdsl.data.pictures import Failure, Refusals, exact
from archdsl.data.shards import check, opened, shards

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from archdsl.data.cache import Decoded
    from archdsl.words.data.values import Dataset

PICTURES = ("img", "image")
LABELS = {"cifar100": ("fine_label", "label")}  # cifar100 has coarse labels too


def find(name: str, root: Path) -> Path | None:
    """The folder with ``train-*.parquet`` and ``test-*.parquet``: ``root/name``, or ``root`` itself for the sets of
    CIFAR.
    """
    for folder in (root / name, *([root] if name.startswith("cifar") or root.name == name else [])):
        if shards(folder, "train") and shards(folder, "test"):
            return folder
    return None


def read(dataset: Dataset, folder: Path) -> DataParts:
    """Both parts, images as the set's ``input``; decoded once, then mapped from the cache.

    Raises:
        EnvError: a file is missing, damaged or of another version of the set; a label is not one of its classes.
    """
    files = {part: shards(folder, part) for part in ("train", "test")}
    for part, paths in files.items():
        check(paths, part)
    for part, paths in files.items():  # before anything is decoded
        rows = sum(_rows(path) for path in paths)
        check_count(dataset, part, rows, folder)
    train, test = (_part(dataset, paths, part) for part, paths in files.items())
    notes = said(merged(train.done, test.done), len(train.arrays) + len(test.arrays))
    return DataParts(train.arrays, test.arrays, str(folder), notes)


def _rows(path: Path) -> int:
    with opened(path) as file:
        return int(file.metadata.num_rows)


def _part(dataset: Dataset, files: list[Path], part: str) -> Decoded:
    found = cache.decoded(f"{dataset.name}-{part}", files, lambda: _decode(dataset, files), dataset.name)
    check_labels(found.arrays, dataset.classes, files[0])
    return found


def _decode(dataset: Dataset, files: Sequence[Path]) -> Decoded:
    images, labels, done = [], [], Counter[str]()
    for path in files:
        table = _table(path)
        encoded = table[_column(table, PICTURES, path)].to_pylist()
        name = _column(table, LABELS.get(dataset.name, ("label",)), path, first=True)
        labels.append(_labels(table, name, dataset, path))
        refused = Refusals(str(path))
        with listening():
            for row, item in enumerate(encoded):
                try:
                    image, names = exact(item["bytes"] if isinstance(item, dict) else item, dataset.input)
                except (*Failure, TypeError, KeyError) as error:
                    refused.add(f"row {row}", error)
                else:
                    images.append(image)
                    done.update(names)
        refused.settle()
    if not images:
        raise damaged(files[0], "holds no image")
    pixels = np.stack(images)
    return cache.Decoded(Arrays(pixels, np.concatenate(labels)), done, cache.digests_of(pixels))


def _table(path: Path) -> Any:
    import pyarrow

    with opened(path) as file:
        try:
            return file.read()
        except (OSError, pyarrow.ArrowException) as error:
            raise damaged(path, f"cannot be read ({error})") from error


def _column(table: Any, names: Sequence[str], path: Path, first: bool = False) -> str:
    """The one column that has a name of ``names``; of several, the first if ``first``."""
    found = [name for name in names if table.column_names.count(name)]
    if not found:
        raise damaged(path, f"has the columns {', '.join(table.column_names)}, expected {' or '.join(names)}")
    if len(found) > 1 and not first:
        raise damaged(path, f"has the columns {' and '.join(found)}, and only one of them can be the pictures")
    if table.column_names.count(found[0]) > 1:
        raise damaged(path, f"has two columns {found[0]}")
    return found[0]


def _labels(table: Any, name: str, dataset: Dataset, path: Path) -> NDArray[np.int64]:
    """The labels as the set counts its classes: whole numbers, or the names of classes.

    Raises:
        EnvError: another type, an empty cell, a name that is none of a class.
    """
    import pyarrow

    column = table[name]
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise damaged(path, f"has no label in row {row}")
    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        return _by_name(column.to_pylist(), dataset, path)
    if not pyarrow.types.is_integer(kind):
        raise damaged(
            path, f"has labels of type {kind} in its column {name}, expected whole numbers or names of classes"
        )
    labels = np.asarray(column.to_pylist(), dtype=object)
    if len(labels) and not 0 <= min(labels) <= max(labels) < dataset.classes:
        raise damaged(path, f"has labels from {min(labels)} to {max(labels)}, expected 0 to {dataset.classes - 1}")
    order = _order(_features(table.schema, name), dataset)
    plain = labels.astype(np.int64)
    return plain if order is None else order[plain]


def _by_name(names: Sequence[str], dataset: Dataset, path: Path) -> NDArray[np.int64]:
    known = {_key(name): label for label, name in enumerate(dataset.class_names)}
    unknown = sorted({name for name in names if _key(name) not in known})
    if unknown or len(known) < dataset.classes:
        raise damaged(
            path,
            f"has the label {unknown[0][:40]!r}, which is not a class of {dataset.title}"
            if unknown
            else f"has names as labels, and those of {dataset.title} differ in case alone",
        )
    return np.array([known[_key(name)] for name in names], np.int64)


def _features(schema: Any, name: str) -> list[str] | None:
    """The names of the classes that a file of Hugging Face states in its schema; None where it states none."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        names = about["info"]["features"][name]["names"]
    except (KeyError, ValueError, TypeError):
        return None
    return names if isinstance(names, list) and all(isinstance(n, str) for n in names) else None


def _order(names: list[str] | None, dataset: Dataset) -> NDArray[np.int64] | None:
    """Where the file counts the same classes in another order: our label of each of its labels."""
    ours = {_key(name): label for label, name in enumerate(dataset.class_names)}
    if names is None or len(ours) < dataset.classes or sorted(map(_key, names)) != sorted(ours):
        return None  # other spellings: the order is that of the authors, as in all known copies
    return np.array([ours[_key(name)] for name in names], np.int64)


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
