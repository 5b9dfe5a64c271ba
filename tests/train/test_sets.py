"""SVHN, STL-10, Kuzushiji-MNIST, EMNIST and Imagenette: a tiny fake of each in its true format."""

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

from archdsl.data import download, load, locate
from archdsl.emit.vision import import_torchvision
from archdsl.errors import EnvError
from archdsl.words.data.names import IMAGENETTE
from archdsl.words.data.sets import EMNIST, emnist, imagenette, kmnist, mnist, stl10, svhn
from archdsl.words.data.values import Dataset

from .conftest import idx_bytes, png, write_idx, write_parquet

pytestmark = pytest.mark.usefixtures("small_sets")

rng = np.random.default_rng(1)


def write_svhn(folder: Path, labels: list[int] | None = None, images: int = 10, file: str = "") -> np.ndarray:
    """Both MATLAB files (or one), the digit 0 as 10; gives the pixels of the last one, (32, 32, 3, N)."""
    savemat = pytest.importorskip("scipy.io").savemat
    folder.mkdir(parents=True, exist_ok=True)
    for name in [file] if file else ["train_32x32.mat", "test_32x32.mat"]:
        pixels = rng.integers(0, 256, (32, 32, 3, images), np.uint8)
        numbers = np.array(labels or range(1, 11), np.uint8)[:, None]
        savemat(folder / name, {"X": pixels, "y": numbers}, do_compression=True)
    return pixels


def write_stl10(folder: Path, images: int = 10) -> np.ndarray:
    """The four binary files; gives the pixels of the test part, (N, 3, column, row)."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        pixels = rng.integers(0, 256, (images, 3, 96, 96), np.uint8)
        (folder / f"{part}_X.bin").write_bytes(pixels.tobytes())
        (folder / f"{part}_y.bin").write_bytes(bytes(i % 10 + 1 for i in range(images)))
    return pixels


def write_emnist(folder: Path, split: str, first: int = 0, images: int = 12) -> np.ndarray:
    """The four files of one split; gives the pixels of the test part as they lie in the file."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        pixels = rng.integers(0, 256, (images, 28, 28), np.uint8)
        labels = np.arange(images, dtype=np.uint8) % 10 + first
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            (folder / f"emnist-{split}-{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return pixels


def write_imagenette(folder: Path) -> None:
    for part in ("train", "val"):
        for name in IMAGENETTE:
            (folder / part / name).mkdir(parents=True)
            (folder / part / name / "0.JPEG").write_bytes(png((30, 20)))


@pytest.mark.parametrize("place", ["svhn", "SVHN", "."])
def test_svhn(tmp_path: Path, place: str) -> None:
    pixels = write_svhn(tmp_path / place)
    parts = load(svhn(), tmp_path)
    assert parts.train.images.shape == (10, 3, 32, 32)
    assert parts.test.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert np.array_equal(parts.test.images[9, 2], pixels[:, :, 2, 9])
    assert locate(svhn(), tmp_path) == tmp_path / place


@pytest.mark.parametrize(
    ("labels", "images", "message"),
    [
        ([1, 11], 2, "labels from 1 to 11, expected 1 to 10"),
        ([0, 1], 2, "labels from 0 to 1, expected 1 to 10"),
        ([1, 2, 3], 2, "3 labels for 2 images"),
    ],
)
def test_svhn_that_does_not_fit_itself(tmp_path: Path, labels: list[int], images: int, message: str) -> None:
    write_svhn(tmp_path)
    write_svhn(tmp_path, labels, images, "test_32x32.mat")
    with pytest.raises(EnvError, match=rf"test_32x32.mat has (an? )?{message}"):
        load(svhn(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200), b"no matlab at all" * 20])
def test_svhn_that_is_damaged_is_named(tmp_path: Path, content: bytes) -> None:
    write_svhn(tmp_path)
    (tmp_path / "train_32x32.mat").write_bytes(content)
    with pytest.raises(EnvError, match=r"train_32x32.mat (is not a MATLAB file|lacks the arrays)") as caught:
        load(svhn(), tmp_path)
    assert caught.value.exit_code == 4


def test_svhn_cut_short(tmp_path: Path) -> None:
    write_svhn(tmp_path)
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(EnvError, match="is not a MATLAB file"):
        load(svhn(), tmp_path)


def test_svhn_without_scipy_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHDSL_OFFLINE")
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    monkeypatch.setattr(download, "_fetch", lambda name, root: pytest.fail("fetched"))
    with pytest.raises(EnvError, match="need the package scipy") as caught:
        load(svhn(), tmp_path)
    assert caught.value.help == "pip install scipy"


def test_stl10_is_put_upright(tmp_path: Path) -> None:
    pixels = write_stl10(tmp_path / "stl10_binary")
    parts = load(stl10(), tmp_path)
    assert parts.train.images.shape == (10, 3, 96, 96)
    assert parts.test.labels.tolist() == list(range(10))
    assert np.array_equal(parts.test.images[7, 1, 5], pixels[7, 1, :, 5]), "a row of the image is a column of the file"
    assert parts.test.images.flags.c_contiguous


def test_stl10_cut_short(tmp_path: Path) -> None:
    write_stl10(tmp_path)
    path = tmp_path / "test_X.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(EnvError, match="has 276479 bytes, 10 labels need 276480"):
        load(stl10(), tmp_path)
    write_stl10(tmp_path)
    (tmp_path / "train_y.bin").write_bytes(bytes(10))
    with pytest.raises(EnvError, match="labels from -1 to -1, expected 0 to 9"):
        load(stl10(), tmp_path)


def test_kmnist(tmp_path: Path) -> None:
    write_idx(tmp_path / "KMNIST" / "raw")
    assert len(load(kmnist(), tmp_path).train) == 20
    with pytest.raises(EnvError, match="mnist is not there"):
        load(mnist(), tmp_path)


@pytest.mark.parametrize(("split", "first"), [("balanced", 0), ("letters", 1), ("digits", 0)])
@pytest.mark.parametrize("place", ["EMNIST/raw", "emnist", "gzip"])
def test_emnist_is_put_upright(tmp_path: Path, split: str, first: int, place: str) -> None:
    pixels = write_emnist(tmp_path / place, split, first)
    parts = load(emnist(split), tmp_path)  # type: ignore[arg-type]
    assert parts.train.images.shape == (12, 1, 28, 28)
    assert parts.test.labels.tolist() == [i % 10 for i in range(12)]
    assert np.array_equal(parts.test.images[3, 0], pixels[3].T)


def test_emnist_letters_that_count_from_0(tmp_path: Path) -> None:
    write_emnist(tmp_path / "emnist", "letters", 0)
    with pytest.raises(EnvError, match="labels from -1 to 8, expected 0 to 25"):
        load(emnist("letters"), tmp_path)


def test_the_splits_of_emnist_agree_with_torchvision() -> None:
    datasets = import_torchvision().datasets
    theirs = datasets.EMNIST.classes_split_dict
    for split, (names, _, _) in EMNIST.items():
        expected = [c for c in theirs[split] if c != "N/A"]
        assert list(names) == expected


@pytest.mark.parametrize(
    ("size", "name"),
    [(64, "imagenette2-160"), (160, "imagenette2-160"), (161, "imagenette2-320"), (400, "imagenette2")],
)
def test_imagenette(tmp_path: Path, size: int, name: str) -> None:
    assert download.key(imagenette(size)) == name
    assert download.source(name).calls[0]["size"] in {"160px", "320px", "full"}
    if size > 161:
        return
    write_imagenette(tmp_path / name)
    parts = load(imagenette(size), tmp_path)
    assert parts.train.images.shape == (10, 3, size, size)
    assert parts.test.labels.tolist() == list(range(10))


def test_imagenette_takes_no_version_that_is_too_small(tmp_path: Path) -> None:
    write_imagenette(tmp_path / "imagenette2-160")
    with pytest.raises(EnvError, match="imagenette2-320 is not there") as caught:
        load(imagenette(200), tmp_path)
    assert "put train/ and val/ into" in caught.value.help
    (tmp_path / "imagenette2-160" / "train" / "n01440764").rename(tmp_path / "imagenette2-160" / "train" / "n00000000")
    with pytest.raises(EnvError, match="does not hold the ten class folders"):
        load(imagenette(100), tmp_path)


def test_a_parquet_copy_serves_for_any_set(tmp_path: Path) -> None:
    write_parquet(tmp_path / "svhn")
    assert len(load(svhn(), tmp_path).train) == 12
    (tmp_path / "empty").mkdir()
    with pytest.raises(EnvError, match="svhn is not there"):
        load(svhn(), tmp_path / "empty")


SETS = [svhn(), stl10(), kmnist(), emnist(), mnist(), imagenette()]


@pytest.mark.parametrize("dataset", SETS, ids=lambda d: d.name)
def test_torchvision_has_each_class_and_takes_each_call(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls that a download makes, against torchvision's own signatures; nothing is fetched."""
    import inspect

    datasets = import_torchvision().datasets
    about = download.source(download.key(dataset))
    for call in about.calls:
        bound = inspect.signature(getattr(datasets, about.kind)).bind("root", download=True, **call)
        assert bound.arguments["root"] == "root"
    calls: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(datasets, about.kind, lambda root, **given: calls.append((root, given)))
    download._fetch(download.key(dataset), "there")
    assert len(calls) == 2
    assert all(given["download"] for _, given in calls)


def test_a_download_completes_a_folder_that_lacks_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stl10(tmp_path / "stl10_binary")
    (tmp_path / "stl10_binary" / "test_y.bin").unlink()
    monkeypatch.delenv("ARCHDSL_OFFLINE")
    monkeypatch.setattr(download, "_fetch", lambda name, root: write_stl10(Path(root) / "stl10_binary"))
    assert len(load(stl10(), tmp_path).train) == 10
    assert [p.name for p in tmp_path.iterdir() if "xdg" not in p.name] == ["stl10_binary"]
