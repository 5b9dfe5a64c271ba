import gzip
import lzma
import struct
from pathlib import Path

import numpy as np
import pytest

from archdsl.data import idx, load
from archdsl.errors import EnvError
from archdsl.words.data.sets import fashion_mnist, mnist

from .conftest import idx_bytes, write_idx

pytestmark = pytest.mark.usefixtures("small_sets")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_reads_plain_and_packed(tmp_path: Path, pack) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "file").write_bytes(pack(idx_bytes(array)))
    assert np.array_equal(idx.read_array(tmp_path / "file", 3), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin like an idx file"),
        (b"\0\0\x0d\x03" + bytes(12), "does not begin like an idx file"),
        (idx_bytes(np.zeros((2, 3), np.uint8)), "has 2 dimensions, expected 3"),
        (idx_bytes(np.zeros((2, 3, 4), np.uint8))[:-1], "its header promises 40"),
        (bytes((0, 0, 8, 3)) + struct.pack(">III", 2**31, 2**31, 2**31), "its header promises"),
        (bytes((0, 0, 8, 3)) + b"\0\0", "its header promises"),
        (gzip.compress(b"x" * 50, mtime=0)[:-9], "cannot be read"),
        (gzip.compress(b"x" * 50, mtime=0)[:20] + b"....", "cannot be read"),
        (lzma.compress(b"x" * 50)[:-9], "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(EnvError, match=message) as caught:
        idx.read_array(path, 3)
    assert str(path) in str(caught.value)
    assert "--data fashion-mini" in caught.value.help
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("place", ["MNIST/raw", "mnist"])
def test_mnist_under_a_root(tmp_path: Path, place: str) -> None:
    write_idx(tmp_path / place)
    parts = load(mnist(), tmp_path)
    assert parts.train.images.shape == (20, 1, 28, 28)
    assert parts.train.labels.dtype == np.int64
    assert len(parts.test) == 10


def test_a_root_is_itself_a_set_only_by_its_name(tmp_path: Path) -> None:
    write_idx(tmp_path / "fashion-mnist")
    assert len(load(fashion_mnist(), tmp_path / "fashion-mnist").train) == 20
    with pytest.raises(EnvError, match="mnist is not there"):
        load(mnist(), tmp_path / "fashion-mnist")


def test_other_sizes_labels_and_counts_are_refused(tmp_path: Path) -> None:
    write_idx(tmp_path / "mnist", side=27)
    with pytest.raises(EnvError, match="images of 1x27x27"):
        load(mnist(), tmp_path)
    write_idx(tmp_path / "mnist")
    labels = tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(idx_bytes(np.arange(1, 11, dtype=np.uint8))))
    with pytest.raises(EnvError, match="labels from 1 to 10, expected 0 to 9"):
        load(mnist(), tmp_path)
    labels.write_bytes(gzip.compress(idx_bytes(np.zeros(9, np.uint8))))
    with pytest.raises(EnvError, match="has 9 labels, but"):
        load(mnist(), tmp_path)
