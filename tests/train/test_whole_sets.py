"""Published sets that are not whole, or not themselves: missing and mixed files, other counts, labels of other types."""

import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archdsl.data import load
from archdsl.errors import EnvError
from archdsl.words.data.names import CIFAR10
from archdsl.words.data.sets import cifar10, mnist, stl10, svhn
from archdsl.words.data.values import Dataset

from .conftest import png, write_cifar10, write_idx, write_parquet
from .test_sets import write_stl10, write_svhn

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
SMALL = replace(cifar10(), train=12, test=6)


def test_a_set_of_the_known_size_is_whole(tmp_path: Path) -> None:
    write_parquet(tmp_path)
    parts = load(SMALL, tmp_path)
    assert (len(parts.train), len(parts.test)) == (12, 6)


@pytest.mark.parametrize(
    ("dataset", "write", "message"),
    [
        (cifar10(), write_cifar10, "20 train images, CIFAR-10 has 50,000"),
        (cifar10(), write_parquet, "12 train images, CIFAR-10 has 50,000"),
        (replace(cifar10(), train=20), write_cifar10, "4 test images, CIFAR-10 has 10,000"),
        (replace(cifar10(), train=12, test=7), write_parquet, "6 test images, CIFAR-10 has 7"),
        (mnist(), lambda root: write_idx(root / "mnist"), "20 train images, MNIST has 60,000"),
        (svhn(), write_svhn, "10 train images, .* has 73,257"),
        (stl10(), write_stl10, "10 train images, STL-10 has 5,000"),
    ],
)
def test_other_counts_are_refused(tmp_path: Path, dataset: Dataset, write: Any, message: str) -> None:
    write(tmp_path)
    with pytest.raises(EnvError, match=message) as caught:
        load(dataset, tmp_path)
    assert caught.value.exit_code == 4
    assert "subset(1000)" in caught.value.help
    assert 'folder("PATH")' in caught.value.help


def test_imagenette_is_counted(tmp_path: Path) -> None:
    from archdsl.words.data.sets import imagenette

    from .test_sets import write_imagenette

    write_imagenette(tmp_path / "imagenette2-160")
    with pytest.raises(EnvError, match="10 train images, Imagenette, version 2 has 9,469"):
        load(imagenette(16), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("remove", "train-00001-of-00002"), r"lacks 1 of 2 train files: train-00001-of-00002.parquet"),
        (("remove", "train-00000-of-00002"), r"lacks 1 of 2 train files: train-00000-of-00002.parquet"),
        (
            ("add", "train-00000-of-00003"),
            r"train files of more than one version .*of-00002.parquet, train-00000-of-00003",
        ),
        (("add", "train-00001-of-00002-0a1b2c3d4e5f"), r"one train file in two versions: .*-0a1b2c3d4e5f.parquet"),
        (("add", "train-all"), r"more than one version of the set: train-00000-of-00002.parquet, train-all.parquet"),
        (("add", "train-00002-of-00002"), r"train-00002-of-00002.parquet is numbered beyond its total"),
        (("add", "test-00001-of-00004"), r"test files of more than one version"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    write_parquet(tmp_path)
    how, name = change
    path = tmp_path / f"{name}.parquet"
    if how == "remove":
        path.unlink()
    else:
        path.write_bytes(
            (tmp_path / f"{name[:5].rstrip('-')}-00000-of-0000{2 if 'train' in name else 1}.parquet").read_bytes()
        )
    with pytest.raises(EnvError, match=message) as caught:
        load(replace(SMALL, train=6, test=6) if how == "remove" else SMALL, tmp_path)
    assert caught.value.help


@pytest.mark.parametrize("ending", ["", "-b42a498634db3d5c"])
def test_names_with_a_hash_are_numbered_too(tmp_path: Path, ending: str) -> None:
    write_parquet(tmp_path)
    for path in list(tmp_path.glob("*.parquet")):
        path.rename(tmp_path / f"{path.stem}{ending}.parquet")
    assert len(load(SMALL, tmp_path).train) == 12


def write_labels(folder: Path, labels: Sequence[Any] | Any, names: list[str] | None = None, **more: Any) -> None:
    """A set of as many equal parts, with these labels."""
    column = labels if isinstance(labels, pa.Array) else pa.array(labels)
    table = pa.table({"img": pa.array([png()] * len(column), pa.binary()), "label": column, **more})
    if names is not None:
        features = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    for part in ("train", "test"):
        pq.write_table(table, folder / f"{part}-00000-of-00001.parquet")


def labels_of(folder: Path, count: int) -> list[int]:
    return load(replace(cifar10(), train=count, test=count), folder).train.labels.tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.5, 1.5], "labels of type double in its column label, expected whole numbers or names of classes"),
        ([0.0, 1.0], "labels of type double"),
        ([True, False], "labels of type bool"),
        ([None, 1], "has no label in row 0"),
        (["cat", "unicorn"], "the label 'unicorn', which is not a class of CIFAR-10"),
        ([0, 10], "labels from 0 to 10, expected 0 to 9"),
        ([-1, 3], "labels from -1 to 3, expected 0 to 9"),
        (pa.array([1, 2**63 + 1], pa.uint64()), "labels from 1 to 9223372036854775809"),
        ([[1], [2]], "labels of type list"),
    ],
)
def test_labels_that_are_refused(tmp_path: Path, labels: Any, message: str) -> None:
    write_labels(tmp_path, labels)
    with pytest.raises(EnvError, match=message):
        labels_of(tmp_path, 2)


def test_labels_by_name(tmp_path: Path) -> None:
    write_labels(tmp_path, ["truck", "Airplane"])
    assert labels_of(tmp_path, 2) == [9, 0]
    write_labels(tmp_path, pa.array(["dog", "dog", "frog"]).dictionary_encode())
    assert labels_of(tmp_path, 3) == [5, 5, 6]
    write_labels(tmp_path, pa.array([3, 4], pa.int8()))
    assert labels_of(tmp_path, 2) == [3, 4]


def test_a_file_that_counts_the_classes_in_another_order(tmp_path: Path) -> None:
    write_labels(tmp_path, [0, 9], names=list(reversed(CIFAR10)))
    assert labels_of(tmp_path, 2) == [9, 0]
    write_labels(tmp_path, [0, 9], names=list(CIFAR10))
    assert labels_of(tmp_path, 2) == [0, 9]


def test_two_columns_of_pictures(tmp_path: Path) -> None:
    write_labels(tmp_path, [0, 1], image=pa.array([png()] * 2, pa.binary()))
    with pytest.raises(EnvError, match="the columns img and image, and only one of them can be the pictures"):
        labels_of(tmp_path, 2)


@pytest.mark.parametrize(("labels", "kind"), [([0.5, 1.5], "float64"), ([True, False], "bool"), (["a", "b"], "<U1")])
def test_labels_of_a_pickle(tmp_path: Path, labels: list[Any], kind: str) -> None:
    write_cifar10(tmp_path)
    content = {b"data": np.zeros((2, 3072), np.uint8), b"labels": labels}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(content, 2))
    with pytest.raises(EnvError, match=rf"test_batch has labels that are not whole numbers \({kind}\)"):
        load(cifar10(), tmp_path)


def test_labels_of_svhn_may_be_floating_but_whole(tmp_path: Path) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    pixels = np.zeros((32, 32, 3, 2), np.uint8)
    for name in ("train", "test"):
        savemat(tmp_path / f"{name}_32x32.mat", {"X": pixels, "y": np.array([[10.0], [2.0]])})
    small = replace(svhn(), train=2, test=2)
    assert load(small, tmp_path).train.labels.tolist() == [0, 2]
    savemat(tmp_path / "test_32x32.mat", {"X": pixels, "y": np.array([[1.5], [2.0]])})
    with pytest.raises(EnvError, match=r"test_32x32.mat has labels that are not whole numbers"):
        load(small, tmp_path)
