"""SVHN, cropped digits, as its authors publish it: MATLAB files with ``X`` (32, 32, 3, N) and ``y`` (N, 1).

Source: http://ufldl.stanford.edu/housenumbers/ ("Format 2"). The digit 0 has the label 10 there, and 0 here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.data.arrays import Arrays, DataParts, check_labels, damaged, whole_labels
from archdsl.errors import EnvError

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("train_32x32.mat", "test_32x32.mat")
FOLDERS = ("svhn", "SVHN", ".")


def find(root: Path) -> Path | None:
    """The folder with both files: ``root/svhn``, ``root/SVHN`` or ``root`` itself."""
    return next((root / f for f in FOLDERS if all((root / f / name).is_file() for name in FILES)), None)


def read(folder: Path) -> DataParts:
    """Both parts, images (N, 3, 32, 32); the "extra" images stay out."""
    train, test = (_read_file(folder / name) for name in FILES)
    return DataParts(train, test, str(folder))


def _read_file(path: Path) -> Arrays:
    content = _matlab(path)
    pixels, targets = content.get("X"), content.get("y")
    if not isinstance(pixels, np.ndarray) or not isinstance(targets, np.ndarray):
        raise damaged(path, "lacks the arrays X and y of SVHN")
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[:3] != (32, 32, 3):
        raise damaged(path, f"has an X of {pixels.dtype} and shape {pixels.shape}, expected uint8 (32, 32, 3, N)")
    labels = whole_labels(targets.reshape(-1), path)
    if len(labels) != pixels.shape[3]:
        raise damaged(path, f"has {len(labels)} labels for {pixels.shape[3]} images")
    if len(labels) and not 1 <= labels.min() <= labels.max() <= 10:
        raise damaged(path, f"has labels from {labels.min()} to {labels.max()}, expected 1 to 10")
    images = np.ascontiguousarray(pixels.transpose(3, 2, 0, 1))
    return check_labels(Arrays(images, labels % 10), 10, path)


def _matlab(path: Path) -> dict[str, Any]:
    loadmat = matlab_reader()
    try:
        found: dict[str, Any] = loadmat(path, variable_names=("X", "y"))
    except Exception as error:  # a damaged file raises nearly anything
        raise damaged(path, f"is not a MATLAB file ({type(error).__name__}: {error})") from error
    return found


def matlab_reader() -> Any:
    """scipy's reader, which this set alone needs.

    Raises:
        EnvError: scipy is not installed.
    """
    try:
        from scipy.io import loadmat  # type: ignore[import-untyped]
    except ImportError as error:
        raise EnvError("the files of svhn need the package scipy", help="pip install scipy") from error
    return loadmat
