"""Pictures decoded while training: the same bytes as in memory, in the order asked for, and nothing left behind."""

import multiprocessing
import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archdsl.data import Arrays, Streamed, load, split
from archdsl.data.measured import FOLDER
from archdsl.data.measured import streamed as statistics_of
from archdsl.data.memory import available, resident_limit
from archdsl.data.normalise import measured
from archdsl.data.roots import cache_root
from archdsl.errors import ArchError, EnvError
from archdsl.settings.experiment import DataSettings
from archdsl.train import prepare
from archdsl.words.data.folders import Folder
from archdsl.words.data.mixtures import RandomLabels
from archdsl.words.data.parts import Subset, Valid

from .conftest import write_folder

CPU = torch.device("cpu")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_folder(tmp_path / "set", each=10)
    return tmp_path / "set"


@pytest.fixture
def streamed(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Streamed:
    """The training part, 16 pictures, for two workers."""
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "1000")
    part = load(Folder(str(pictures), 8)).train
    assert isinstance(part, Streamed)
    return Streamed(part.paths, part.labels, part.size, 2)


def children() -> list[object]:
    """Worker processes that still live, after a moment to end."""
    deadline = time.monotonic() + 5
    while (alive := multiprocessing.active_children()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return list(alive)


def test_the_limit_decides(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 20 * 3 * 8 * 8
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", str(size))
    assert isinstance(load(Folder(str(pictures), 8)).train, Arrays)
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", str(size - 1))
    parts = load(Folder(str(pictures), 8))
    assert isinstance(parts.train, Streamed)
    assert isinstance(parts.test, Streamed)
    assert (len(parts.train), len(parts.test)) == (16, 4)
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "much")
    with pytest.raises(ArchError, match="'much', which is not a number of bytes"):
        resident_limit()
    monkeypatch.delenv("ARCHDSL_RESIDENT_BYTES")
    assert resident_limit() == pytest.approx(available() / 2, rel=0.2)
    assert available() > 1 << 20


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_the_same_batches_as_in_memory(streamed: Streamed, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", str(1 << 30))
    resident = load(Folder(str(streamed.paths[0].parents[1]), 8)).train
    assert isinstance(resident, Arrays)
    order = [torch.tensor([15, 0, 3]), [7, 7], torch.tensor([1]), torch.arange(16)]
    part = Streamed(streamed.paths, streamed.labels, streamed.size, workers)
    before = torch.get_rng_state()
    given = list(part.batches(order, CPU))
    assert torch.equal(torch.get_rng_state(), before), "the draws of dropout are as they were"
    assert len(given) == 4
    for rows, (images, labels) in zip(order, given, strict=True):
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.int64
        index = np.asarray(rows)
        assert np.array_equal(images.numpy(), resident.images[index])
        assert np.array_equal(labels.numpy(), resident.labels[index])
    assert not children()


def test_no_batch_at_all(streamed: Streamed) -> None:
    assert list(streamed.batches([], CPU)) == []


def test_take_and_split(streamed: Streamed, pictures: Path) -> None:
    two = streamed.take(np.array([3, 1]))
    assert (list(two.paths), two.labels.tolist()) == ([streamed.paths[3], streamed.paths[1]], [0, 0])
    parts = split(load(Folder(str(pictures), 8)), Valid(4), Subset(12), 0)
    assert isinstance(parts.valid, Streamed)
    assert (len(parts.train), len(parts.valid)) == (8, 4)
    read = streamed.read(np.array([5, 2]))
    assert read.images.shape == (2, 3, 8, 8)
    assert np.array_equal(read.images[1], next(streamed.batches([[2]], CPU))[0][0].numpy())


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("how", ["torn", "gone", "last"])
def test_a_picture_that_does_not_decode_is_named(streamed: Streamed, workers: int, how: str) -> None:
    path = streamed.paths[-1 if how == "last" else 6]
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:60])
    part = Streamed(streamed.paths, streamed.labels, streamed.size, workers)
    with pytest.raises(EnvError, match=f"{path} does not decode") as caught:
        list(part.batches(list(torch.arange(16).split(4)), CPU))
    assert caught.value.exit_code == 4
    assert caught.value.help
    assert not children()


def test_workers_end_with_the_iterator(streamed: Streamed) -> None:
    batches = streamed.batches([[i] for i in range(16)], CPU)
    next(batches)
    assert len(multiprocessing.active_children()) == 2
    batches.close()  # type: ignore[attr-defined]
    assert not children()


def test_a_worker_that_is_killed_is_an_error(streamed: Streamed) -> None:
    batches = streamed.batches([[i % 16] for i in range(400)], CPU)
    next(batches)
    for child in multiprocessing.active_children():
        os.kill(child.pid or 0, signal.SIGKILL)
    time.sleep(0.2)  # nothing is raised here, wherever the process happens to be
    with pytest.raises(EnvError, match="ended from outside"):
        list(batches)
    assert not children()


def test_memory_stays_bounded(streamed: Streamed) -> None:
    """However slow the taker, a worker decodes no more than two batches ahead."""
    seen = streamed.paths[0].parents[2] / "seen"
    seen.mkdir()

    class Counting(type(streamed.paths[0])):  # type: ignore[misc]
        """A path that leaves a mark where it is opened."""

        def __fspath__(self) -> str:
            (seen / f"{time.monotonic_ns()}-{os.getpid()}").touch()
            return str(super().__fspath__())

    paths = [Counting(p) for p in streamed.paths] * 10
    part = Streamed(paths, np.tile(streamed.labels, 10), 8, 2)
    batches = part.batches([[i] for i in range(160)], CPU)
    next(batches)
    time.sleep(0.5)
    opened = len(list(seen.iterdir()))
    batches.close()  # type: ignore[attr-defined]
    assert 1 <= opened <= 3 * (1 + 2 * 2), (
        "one taken, two ahead for each of two workers; a path is asked for up to thrice"
    )


def test_mean_and_deviation_are_those_of_the_pictures_in_memory(
    streamed: Streamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = streamed.read(np.arange(16))
    for found, wanted in zip(statistics_of(streamed, "a" * 64), measured(resident), strict=True):
        assert found == pytest.approx(wanted, rel=1e-12)
    kept = statistics_of(streamed, "a" * 64)
    half = streamed.take(np.arange(8))
    assert statistics_of(half, "a" * 64) != kept
    for path in streamed.paths:
        path.unlink()
    assert statistics_of(streamed, "a" * 64) == kept, "they are kept"
    for fingerprint in ("", "b" * 64):
        with pytest.raises(EnvError, match="does not decode"):
            statistics_of(streamed, fingerprint)


@pytest.mark.parametrize(
    "damage", [b"", b"[1, 2]", b"[[1], [2]]", b'[["x"], [2]]', b"[[0, 0, NaN], [1, 1, 1]]", b"\xff"]
)
def test_kept_statistics_that_are_damaged_are_measured_again(streamed: Streamed, damage: bytes) -> None:
    before = statistics_of(streamed, "a" * 64)
    (kept,) = (cache_root() / FOLDER).glob("*.json")
    kept.write_bytes(damage)
    assert statistics_of(streamed, "a" * 64) == before


def test_a_constant_channel_has_no_deviation(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for n, path in enumerate(paths):
        Image.new("RGB", (8, 8), (n, 77, 0)).save(path)
    mean, std = statistics_of(Streamed(paths, np.zeros(3, np.int64), 8, 0), "")
    assert mean == pytest.approx((1 / 255, 77 / 255, 0))
    assert std[0] > 0
    assert std[1:] == (0, 0)


def test_what_admits_a_set_into_memory_is_said(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", "0")
    data = DataSettings(Folder(str(pictures), 8), subset=Subset(4), corrupt=(RandomLabels(),))
    with pytest.raises(ArchError, match="cannot be changed once for all") as caught:
        prepare._splits(data, 0, None)
    found = re.search(r"ARCHDSL_RESIDENT_BYTES=(\d+)", caught.value.help)
    assert found
    monkeypatch.setenv("ARCHDSL_RESIDENT_BYTES", found[1])
    assert len(prepare._splits(data, 0, None).train) == 4
