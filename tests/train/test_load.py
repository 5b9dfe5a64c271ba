"""Roots, downloads, the embedded set, splits."""

import hashlib
import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from archdsl.data import Arrays, DataParts, data_roots, download, load, split
from archdsl.data.roots import EMBEDDED
from archdsl.errors import ArchError, EnvError
from archdsl.words.data.parts import Subset, Valid
from archdsl.words.data.sets import cifar10, fashion_mini, mnist

from .conftest import write_cifar10, write_idx

pytestmark = pytest.mark.usefixtures("small_sets")


def test_the_embedded_set_is_what_its_record_says() -> None:
    folder = EMBEDDED / "fashion-mini"
    record = json.loads((folder / "PROVENANCE.json").read_text())
    made = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in record["sha256 of these files"]}
    assert made == record["sha256 of these files"]
    assert "MIT License" in (folder / "LICENSE").read_text()
    assert sum(p.stat().st_size for p in folder.iterdir()) < 4_000_000
    about, parts = fashion_mini(), load(fashion_mini())
    assert (len(parts.train), len(parts.test)) == (about.train, about.test)
    assert np.bincount(parts.train.labels).tolist() == [800] * 10
    assert np.bincount(parts.test.labels).tolist() == [200] * 10
    pixels = parts.train.images / 255
    assert pixels.mean() == pytest.approx(about.mean[0], abs=2e-3)
    assert pixels.std() == pytest.approx(about.std[0], abs=2e-3)


def test_the_roots_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("option", "one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("ARCHDSL_DATA", f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    roots = data_roots(tmp_path / "option")
    assert [r.name for r in roots] == ["option", "one", "two", "archdsl", "no-system"]
    with pytest.raises(EnvError, match=r"--data-root names .*nowhere"):
        data_roots(tmp_path / "nowhere")
    monkeypatch.setenv("ARCHDSL_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(EnvError, match="ARCHDSL_DATA names"):
        data_roots()


def test_the_first_root_that_has_it_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path / "a" / "mnist", images=11)
    write_idx(tmp_path / "b" / "mnist", images=12)
    monkeypatch.setenv("ARCHDSL_DATA", str(tmp_path / "b"))
    assert len(load(mnist()).train) == 12
    assert len(load(mnist(), tmp_path / "a").train) == 11


def test_a_download_lands_in_the_first_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHDSL_OFFLINE")
    monkeypatch.setattr(download, "_fetch", lambda name, root: write_cifar10(Path(root) / "cifar-10-batches-py"))
    assert len(load(cifar10()).train) == 20
    assert [p.name for p in (tmp_path / "xdg-data" / "archdsl").iterdir()] == ["cifar-10-batches-py"]


def test_what_another_process_has_downloaded_meanwhile_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def waited(lock: Path, seconds: float) -> Iterator[None]:
        write_cifar10(tmp_path / "cifar-10-batches-py")
        yield

    def never(name: str, root: Path) -> None:
        raise AssertionError("it is there")

    monkeypatch.setattr(importlib.import_module("archdsl.data.load"), "alone", waited)
    monkeypatch.setattr(download, "download", never)
    assert len(load(cifar10(), tmp_path).train) == 20


def test_a_failed_download_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str, root: str) -> None:
        (Path(root) / "half").write_text("x")
        raise RuntimeError("no route")

    monkeypatch.delenv("ARCHDSL_OFFLINE")
    monkeypatch.setattr(download, "_fetch", fails)
    with pytest.raises(EnvError, match="the download failed \\(no route\\)") as caught:
        load(mnist(), tmp_path)
    assert "train-images-idx3-ubyte.gz" in caught.value.help
    assert not list(tmp_path.glob(".download*"))


def parts(count: int) -> DataParts:
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return DataParts(Arrays(images, np.arange(count)), Arrays(images[:3], np.arange(3)), "here")


@pytest.mark.holds("valid subset")
def test_a_split_divides_and_repeats() -> None:
    first = split(parts(100), Valid(0.1), Subset(50), 7)
    assert (len(first.train), len(first.valid or ()), len(first.test)) == (45, 5, 3)
    both = np.concatenate([first.train.labels, first.valid.labels])
    assert len(set(both.tolist())) == 50
    assert np.array_equal(first.train.images.ravel(), first.train.labels)
    assert np.array_equal(split(parts(100), Valid(0.1), Subset(50), 7).train.labels, first.train.labels)
    assert not np.array_equal(split(parts(100), Valid(0.1), Subset(50), 8).train.labels, first.train.labels)
    assert len(split(parts(100), Valid(20), None, 0).valid) == 20
    assert split(parts(100), None, None, 0).valid is None


@pytest.mark.parametrize(
    ("valid", "subset", "message"),
    [
        (None, Subset(101), "subset\\(101\\) asks for more than the 100"),
        (Valid(100), None, "sets 100 of 100"),
        (Valid(0.001), None, "sets 0 of 100"),
        (Valid(0.9), Subset(1), "sets 1 of 1"),
    ],
)
def test_a_split_that_leaves_a_part_empty(valid, subset, message: str) -> None:
    with pytest.raises(ArchError, match=message) as caught:
        split(parts(100), valid, subset, 0)
    assert caught.value.help
