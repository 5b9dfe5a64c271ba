"""CIFAR-10 and CIFAR-100 as their authors publish them: Python 2 pickles of one dictionary each.

A pickle is a program. This reader admits only what an array of bytes needs, so a hostile file is refused,
never run. Source: https://www.cs.toronto.edu/~kriz/cifar.html ("Dataset layout").
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data.arrays import Arrays, DataParts, check_labels, damaged, whole_labels

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 32
ROW = 3 * SIDE * SIDE  # one image: all red, then all green, then all blue, each row by row


@dataclass(frozen=True)
class Layout:
    """The folder of a set, its training files, its test file and the key of its labels."""

    folder: str
    train: tuple[str, ...]
    test: str
    labels: bytes
    classes: int


LAYOUTS = {
    "cifar10": Layout(
        "cifar-10-batches-py", tuple(f"data_batch_{i}" for i in range(1, 6)), "test_batch", b"labels", 10
    ),
    "cifar100": Layout("cifar-100-python", ("train",), "test", b"fine_labels", 100),
}


def find(name: str, root: Path) -> Path | None:
    """The folder of the set under ``root`` (or ``root`` itself), or None where a file is missing."""
    layout = LAYOUTS[name]
    for folder in (root / layout.folder, root):
        if all((folder / f).is_file() for f in (*layout.train, layout.test)):
            return folder
    return None


def read(name: str, folder: Path) -> DataParts:
    """Both parts of the set, images (N, 3, 32, 32)."""
    layout = LAYOUTS[name]
    parts = [_read_file(folder / file, layout) for file in layout.train]
    train = Arrays(np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts]))
    return DataParts(train, _read_file(folder / layout.test, layout), str(folder))


def _read_file(path: Path, layout: Layout) -> Arrays:
    try:
        content = _Unpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        data, given = content[b"data"], content[layout.labels]
    except Exception as error:  # a damaged pickle raises nearly anything
        raise damaged(path, f"is not a CIFAR file ({type(error).__name__}: {error})") from error
    labels = whole_labels(given, path) if len(given) else np.empty(0, np.int64)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape != (len(labels), ROW):
        raise damaged(path, f"does not hold {len(labels)} images of {ROW} bytes, one for each label")
    return check_labels(Arrays(data.reshape(-1, 3, SIDE, SIDE), labels), layout.classes, path)


def _byte_type(kind: object, *_: object) -> np.dtype[Any]:
    """``numpy.dtype`` for unsigned bytes alone: other types carry state that this reader has no use for."""
    if kind not in ("u1", b"u1"):
        raise pickle.UnpicklingError(f"an array of {kind!r}, expected unsigned bytes")
    return np.dtype("u1")


def _latin1(text: str, encoding: str) -> bytes:
    """``_codecs.encode`` as Python 3 uses it to write bytes in the old pickle format."""
    return text.encode("latin1")


def _new_array(*_: object) -> np.ndarray:
    """``numpy.core.multiarray._reconstruct``: an empty array, which the file's next instruction fills."""
    return np.ndarray.__new__(np.ndarray, (0,), "b")


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _new_array,
    ("numpy._core.multiarray", "_reconstruct"): _new_array,
    ("numpy", "ndarray"): "ndarray",  # the file only hands it to _reconstruct
    ("numpy", "dtype"): _byte_type,
    ("_codecs", "encode"): _latin1,
}


class _Unpickler(pickle.Unpickler):
    """Resolves the admitted names and refuses every other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR file needs")
        return _ADMITTED[module, name]
