"""Which test images a run classified correctly: `correct.bits` in its folder, a bit for each image.

The bits are in the order of the test set, the first image in the highest bit of the first byte (`numpy.packbits`), and the
last byte is filled up with zeros. `test_images` of the result says how many there are. 10,000 images take 1,250 bytes.
Runs of versions before this file have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.errors import StoreError
from archdsl.files import read_regular
from archdsl.runs.run import Run
from archdsl.runs.store.remedy import remedy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]

CORRECT = "correct.bits"


def packed(correct: Bools) -> bytes:
    """The file's bytes of an array (images,)."""
    import numpy as np

    return np.packbits(correct).tobytes()


def correct(run: Run) -> Bools | None:
    """Whether each test image was classified correctly, shape (images,); None where the run has no such record.

    Raises:
        StoreError: the file is damaged: its length or its count is not that of the result.
    """
    return unpacked(run.folder / CORRECT, run.result or {})


def unpacked(path: Path, result: Mapping[str, Any]) -> Bools | None:
    """The bits in a file, for the figures ``test_images`` and ``test_accuracy``; None where there are none.

    Raises:
        StoreError: as ``correct``.
    """
    import numpy as np

    count = result.get("test_images")
    if count is None or not path.exists():
        return None
    size = -(-count // 8)
    try:
        data = read_regular(path, max(size, 0) + 1)
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror})", help=remedy(path.parent)) from error
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    if (
        count < 1
        or len(data) != size
        or bits[count:].any()
        or bits.sum(dtype=np.int64) / count != result["test_accuracy"]
    ):
        raise StoreError(f"{path} does not agree with the accuracy of the result", help=remedy(path.parent))
    return bits[:count].astype(bool)
