import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from archdsl.data import load
from archdsl.errors import EnvError
from archdsl.words.data.sets import cifar10, cifar100

from .conftest import old_pickle, write_cifar10

pytestmark = pytest.mark.usefixtures("small_sets")


def test_the_published_layout(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "cifar-10-batches-py")
    parts = load(cifar10(), tmp_path)
    assert parts.train.images.shape == (20, 3, 32, 32)
    assert parts.train.images.dtype == np.uint8
    assert parts.train.labels.tolist()[:5] == [0, 1, 2, 3, 0]
    assert load(cifar10(), tmp_path / "cifar-10-batches-py").source == parts.source


def test_a_row_is_red_green_blue(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    data = np.arange(3072, dtype=np.uint8)[None]
    (tmp_path / "test_batch").write_bytes(old_pickle(b"labels", [3], data))
    image = load(cifar10(), tmp_path).test.images[0]
    assert image[1, 2, 3] == np.uint8((1024 + 2 * 32 + 3) % 256)


def test_fine_labels_of_cifar100(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name in ("train", "test"):
        (folder / name).write_bytes(old_pickle(b"fine_labels", [99, 0], np.zeros((2, 3072), np.uint8)))
    assert load(cifar100(), tmp_path).train.labels.tolist() == [99, 0]


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_files_that_python_3_wrote(tmp_path: Path, protocol: int) -> None:
    write_cifar10(tmp_path)
    content = {b"data": np.full((2, 3072), 7, np.uint8), b"labels": [1, 2]}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(content, protocol))
    test = load(cifar10(), tmp_path).test
    assert test.labels.tolist() == [1, 2]
    assert (test.images == 7).all()


class _Hostile:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("nested", [False, True])
def test_a_hostile_pickle_is_refused_and_never_run(tmp_path: Path, nested: bool) -> None:
    write_cifar10(tmp_path)
    hostile: object = _Hostile(tmp_path / "ran")
    if nested:
        hostile = {b"data": hostile, b"labels": [1]}
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps(hostile, 2))
    with pytest.raises(EnvError, match=r"data_batch_3 is not a CIFAR file .*mkdir"):
        load(cifar10(), tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02",
        b"hello",
        pickle.dumps([1]),
        pickle.dumps({b"data": 3, b"labels": [1]}),
        pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [1, 2]}, 2),
        pickle.dumps({b"data": np.zeros((1, 3072), np.float32), b"labels": [1]}, 2),
        pickle.dumps({b"data": np.array([object()]), b"labels": [1]}, 2),
        pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}, 2),
        pickle.dumps({b"data": np.zeros((0, 3072), np.uint8), b"labels": []}, 2),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "test_batch").write_bytes(content)
    with pytest.raises(EnvError, match="test_batch"):
        load(cifar10(), tmp_path)


def test_missing_files_say_what_goes_where(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="cifar10 is not there") as caught:
        load(cifar10(), tmp_path)
    for part in ("data_batch_1", "test_batch", "cifar-10-batches-py", "parquet", "--data fashion-mini", str(tmp_path)):
        assert part in caught.value.help
