"""Fingerprints: any change of what a run reads is another one, whatever the kind of set; where it lies is not in it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archdsl.data import remembered
from archdsl.data.fingerprint import fingerprint
from archdsl.data.roots import EMBEDDED, cache_root
from archdsl.errors import EnvError
from archdsl.registry import entries
from archdsl.words.data import sets
from archdsl.words.data.folders import Folder
from archdsl.words.data.masks import Masks
from archdsl.words.data.names import IMAGENETTE
from archdsl.words.data.tables import Table
from archdsl.words.data.texts import Text

from .conftest import write_idx
from .heads import of_labelled

Make = Callable[[Path], Any]  # writes a set below a folder, and gives its dataset


def put(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"content of {path.name}".encode())


def trees(root: Path, *parts: str, classes: tuple[str, ...] = ("cat", "dog")) -> None:
    put(root, *(f"{part}/{name}/{i}.png" for part in parts for name in classes for i in range(3)))


def of_folder(root: Path) -> Folder:
    trees(root / "pictures", "train", "test")
    return Folder(str(root / "pictures"), 8)


def of_one_tree(root: Path) -> Folder:
    trees(root / "pictures", ".")
    return Folder(str(root / "pictures"), 8)


def of_imagenet(root: Path) -> Folder:
    trees(root / "ilsvrc", "train", "val")
    return Folder(str(root / "ilsvrc"), 8, "imagenet")


def of_imagenette(root: Path) -> Any:
    trees(root / "imagenette2-160", "train", "val", classes=tuple(IMAGENETTE))
    return sets.imagenette(128)


def of_idx(folder: str, dataset: Any) -> Make:
    def make(root: Path) -> Any:
        write_idx(root / folder, pack=lambda data: data)
        return dataset

    return make


def of_emnist(root: Path) -> Any:
    write_idx(root / "from", pack=lambda data: data)
    for path in sorted((root / "from").iterdir()):
        part, rest = path.name.replace("t10k", "test").split("-", 1)
        (root / "emnist").mkdir(exist_ok=True)
        path.rename(root / "emnist" / f"emnist-digits-{part}-{rest}")
    (root / "from").rmdir()
    return sets.emnist("digits")


def of_files(dataset: Any, *names: str) -> Make:
    def make(root: Path) -> Any:
        put(root, *names)
        return dataset

    return make


def of_own(kind: Any, path: str, *names: str) -> Make:
    def make(root: Path) -> Any:
        put(root, *names)
        return kind(str(root / path))

    return make


PAIRS = ("m/train/images/1.png", "m/train/masks/1.png", "m/test/images/1.png", "m/test/masks/1.png", "m/classes.txt")
BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
MAKERS: dict[str, list[Make]] = {
    "folder": [of_folder, of_one_tree],
    "imagenet": [of_imagenet],
    "csv": [of_own(lambda p: Table(p, "csv"), "iris.csv", "iris.csv", "iris.test.csv")],
    "parquet": [of_own(lambda p: Table(p, "parquet"), "table", "table/train.parquet", "table/test.parquet")],
    "masks": [of_own(Masks, "m", *PAIRS)],
    "pictures": [of_labelled],
    "text": [of_own(Text, "tale.txt", "tale.txt", "tale.test.txt")],
    "sonnets": [],
    "imagenette": [of_imagenette],
    "mnist": [
        of_idx("MNIST/raw", sets.mnist()),
        of_files(sets.mnist(), "mnist/train-0.parquet", "mnist/test-0.parquet"),
    ],
    "fashion-mnist": [of_idx("FashionMNIST/raw", sets.fashion_mnist())],
    "kmnist": [of_idx("KMNIST/raw", sets.kmnist())],
    "emnist": [of_emnist],
    "cifar10": [
        of_files(sets.cifar10(), *(f"cifar-10-batches-py/{n}" for n in (*BATCHES, "test_batch"))),
        of_files(sets.cifar10(), "cifar10/train-00000-of-00001.parquet", "cifar10/test-00000-of-00001.parquet"),
    ],
    "cifar100": [of_files(sets.cifar100(), "cifar-100-python/train", "cifar-100-python/test")],
    "svhn": [of_files(sets.svhn(), "svhn/train_32x32.mat", "svhn/test_32x32.mat")],
    "stl10": [of_files(sets.stl10(), *(f"stl10_binary/{p}_{k}.bin" for p in ("train", "test") for k in "Xy"))],
    "fashion-mini": [],  # comes with the package: see below
}
EVERY = [pytest.param(make, id=f"{word}-{n}") for word, makers in MAKERS.items() for n, make in enumerate(makers)]
USUAL = remembered.RACY
DAMAGES = [b"", b"[]", b"{", b'{"version": 1, "files": {"x": 3}, "fingerprint": 5}', b"\xff\x00"]
TREES = [of_folder, of_one_tree, of_imagenet, of_imagenette]


@pytest.fixture(autouse=True)
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a test has just written are remembered, but for the tests that are about that."""
    monkeypatch.setattr(remembered, "RACY", -(10**12))


def files(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file())


def test_every_data_set_is_here() -> None:
    assert {e.name for e in entries("data") if e.slot == "dataset"} == set(MAKERS)


@pytest.mark.parametrize("make", EVERY)
def test_any_byte_is_part_of_it_and_the_place_is_not(make: Make, tmp_path: Path) -> None:
    data = make(tmp_path / "one")
    before = fingerprint(data, tmp_path / "one")
    assert len(before) == 64
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    moved = replace(data, path=data.path.replace("/one/", "/two/")) if hasattr(data, "path") else data
    assert fingerprint(moved, tmp_path / "two") == before
    for path in files(tmp_path / "one"):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert fingerprint(data, tmp_path / "one") != before, path
        path.write_bytes(whole)
        assert fingerprint(data, tmp_path / "one") == before


@pytest.mark.parametrize("make", TREES)
def test_adding_removing_renaming_and_moving_change_it(make: Make, tmp_path: Path) -> None:
    root = tmp_path / "data"
    data = make(root)
    found = {fingerprint(data, root)}
    first, *_, last = files(root)
    copy = shutil.copy(first, first.with_name("added.png"))
    found.add(fingerprint(data, root))
    os.unlink(copy)
    assert fingerprint(data, root) in found
    first.rename(first.with_name("renamed.png"))
    found.add(fingerprint(data, root))
    other = first.parent.parent / last.parent.name / "moved.png"
    first.with_name("renamed.png").rename(other)
    found.add(fingerprint(data, root))
    other.unlink()
    found.add(fingerprint(data, root))
    assert len(found) == 5


def test_a_picture_that_goes_to_the_other_part_changes_it(tmp_path: Path) -> None:
    data = of_folder(tmp_path)
    before = fingerprint(data)
    source = tmp_path / "pictures" / "train" / "cat" / "0.png"
    source.rename(tmp_path / "pictures" / "test" / "cat" / "9.png")
    assert fingerprint(data) != before


def test_packed_or_plain_is_one_set(tmp_path: Path) -> None:
    write_idx(tmp_path / "a" / "mnist", pack=lambda data: data)
    for path in files(tmp_path / "a"):
        (tmp_path / "b" / "mnist").mkdir(parents=True, exist_ok=True)
        (tmp_path / "b" / "mnist" / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert fingerprint(sets.mnist(), tmp_path / "a") == fingerprint(sets.mnist(), tmp_path / "b")


def test_the_embedded_set_has_its_own(tmp_path: Path) -> None:
    found = fingerprint(sets.fashion_mini())
    assert found == "743cb5625d1ddaedb7c244699d383245286b20f5249597f4bb4ef3eed7b4da60"
    shutil.copytree(EMBEDDED / "fashion-mini", tmp_path / "fashion-mnist")
    assert fingerprint(sets.fashion_mnist(), tmp_path) == found  # by what it holds, whatever it is called


def test_what_is_not_there(tmp_path: Path) -> None:
    assert fingerprint(sets.cifar10(), tmp_path) == ""
    with pytest.raises(EnvError, match="downloads are off"):
        fingerprint(sets.cifar10(), tmp_path, fetch=True)
    with pytest.raises(EnvError, match="there is no folder"):
        fingerprint(Folder(str(tmp_path / "gone"), 8))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were hashed."""
    found: list[str] = []
    kept = hashlib.file_digest

    def counted(file: Any, name: str) -> Any:
        found.append(Path(file.name).name)
        return kept(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return found


def test_a_second_look_hashes_nothing_and_a_change_one_file(tmp_path: Path, hashed: list[str]) -> None:
    data = of_folder(tmp_path)
    before = fingerprint(data)
    assert len(hashed) == 12
    hashed.clear()
    assert fingerprint(data) == before
    assert hashed == []
    (tmp_path / "pictures" / "test" / "dog" / "2.png").write_bytes(b"other")
    assert fingerprint(data) != before
    assert hashed == ["2.png"]


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    data = of_folder(tmp_path)
    before = fingerprint(data)
    path = tmp_path / "pictures" / "train" / "cat" / "0.png"
    about = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert path.stat().st_mtime_ns == about.st_mtime_ns
    assert fingerprint(data) != before


def test_files_as_young_as_their_hash_are_not_trusted(
    tmp_path: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "RACY", USUAL)
    data = of_folder(tmp_path)
    fingerprint(data)
    fingerprint(data)
    assert len(hashed) == 24
    assert not (cache_root() / remembered.FOLDER).exists()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_costs_time_and_nothing_else(tmp_path: Path, damage: bytes) -> None:
    data = of_folder(tmp_path)
    before = fingerprint(data)
    kept = list((cache_root() / remembered.FOLDER).iterdir())
    assert len(kept) == 2
    for path in kept:
        path.write_bytes(damage)
    assert fingerprint(data) == before
    for path in kept:
        version = remembered.VERSION if path.name.endswith(".files.json") else remembered.LISTINGS
        assert json.loads(path.read_bytes())["version"] == version


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = of_folder(tmp_path)
    before = fingerprint(data)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert fingerprint(data) == before
    assert fingerprint(data) == before


def test_links_are_followed_and_those_in_a_circle_or_to_nothing_are_refused(tmp_path: Path) -> None:
    data, cat = of_folder(tmp_path), tmp_path / "pictures" / "train" / "cat"
    before = fingerprint(data)
    put(tmp_path, "more/x.png")
    (cat / "more").symlink_to(tmp_path / "more")
    after = fingerprint(data)
    assert after != before
    (tmp_path / "more" / "x.png").write_bytes(b"another content")
    assert fingerprint(data) not in (before, after)
    circle = ("all", "pictures", "whose pictures are in the set already")
    for name, target, why in (circle, ("gone", "nowhere", "nothing")):
        (cat / name).symlink_to(tmp_path / target)
        with pytest.raises(EnvError, match=rf"the link .*{name} .*{why}"):
            fingerprint(data)
        (cat / name).unlink()
