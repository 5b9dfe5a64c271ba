"""What a worker of a study does once for all of its runs, and what one of several workers does for all of them."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.accelerate.native import compile_ahead
from archdsl.accelerate.native import kernels as native_kernels
from archdsl.accelerate.native.compiling import alone
from archdsl.accelerate.native.conv import WIDE
from archdsl.accelerate.native.kernels import lanes
from archdsl.data import cache, load, remembered, tree
from archdsl.data.arrays import Arrays
from archdsl.data.cache import Decoded, digests_of
from archdsl.locks import Waited
from archdsl.words.data.folders import Folder

from .conftest import png, write_folder

pytestmark = pytest.mark.usefixtures("small_sets")


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked for: a tree that is searched, and a file's key."""
    asked: list[str] = []
    find, key = tree.find, cache._key
    monkeypatch.setattr(tree, "find", lambda *trees: asked.append("find") or find(*trees))
    monkeypatch.setattr(cache, "_key", lambda files, how: asked.append("key") or key(files, how))
    tree._found.cache_clear()
    cache._KEYS.clear()
    return asked


def old_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no file had been written within the last seconds."""
    monkeypatch.setattr(remembered, "RACY", -(10**12))


def test_files_that_have_not_changed_are_looked_for_once(
    tmp_path: Path, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old_enough(monkeypatch)
    write_folder(tmp_path / "set")
    one, two = (load(Folder(str(tmp_path / "set"), 8)) for _ in range(2))
    assert looked == ["find", "key", "key"]
    assert np.array_equal(one.train.images, two.train.images)
    assert one.notes == two.notes


def test_each_change_is_noticed(tmp_path: Path, looked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    old_enough(monkeypatch)
    write_folder(tmp_path / "set")
    data = Folder(str(tmp_path / "set"), 8)
    before = load(data)
    picture = next((tmp_path / "set").rglob("*.png"))
    picture.write_bytes(png((8, 8)))
    after = load(data)
    pairs = [(before.train, after.train), (before.test, after.test)]
    assert sorted(np.array_equal(a.images, b.images) for a, b in pairs) == [False, True]
    (picture.parent / "one_more.png").write_bytes(png((8, 8)))
    assert len(load(data).train) == len(before.train) + 1
    picture.unlink()
    assert len(load(data).train) == len(before.train)
    picture.parent.joinpath("notes.txt").write_text("no picture")
    with pytest.raises(Exception, match=r"notes\.txt is not a picture"):
        load(data)
    assert looked.count("find") == 5


def test_another_place_and_another_size_are_others(
    tmp_path: Path, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old_enough(monkeypatch)
    write_folder(tmp_path / "set")
    (tmp_path / "set").rename(tmp_path / "moved")
    for size in (8, 12, 8):
        assert load(Folder(str(tmp_path / "moved"), size)).train.images.shape[-1] == size
    assert looked == ["find", *["key"] * 4]


def test_files_that_were_just_written_are_looked_for_each_time(tmp_path: Path, looked: list[str]) -> None:
    """One that is written again within a tick of the clock would have the same times."""
    write_folder(tmp_path / "set")
    for _ in range(2):
        load(Folder(str(tmp_path / "set"), 8))
    assert looked == ["find", "key", "key"] * 2


def arrays() -> Decoded:
    images = np.zeros((1, 1, 2, 2), np.uint8)
    return Decoded(Arrays(images, np.zeros(1, np.int64)), {}, digests_of(images))


def test_of_several_workers_one_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "file").write_text("x")
    made: list[int] = []
    found: list[Decoded] = []

    def decode() -> Decoded:
        made.append(1)
        time.sleep(0.3)  # the other one asks meanwhile
        return arrays()

    def ask() -> None:
        found.append(cache.decoded("set", [tmp_path / "file"], decode))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 3
    assert len(made) == 1


def test_one_that_decodes_for_too_long_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "file").write_text("x")
    waited: list[Path] = []

    def busy(lock: Path, seconds: float) -> None:
        waited.append(lock)
        raise Waited(f"another process has held {lock} for {seconds:g} s and more")

    monkeypatch.setattr(cache, "alone", busy)
    assert cache.decoded("set", [tmp_path / "file"], arrays).arrays.images.shape == (1, 1, 2, 2)
    assert len(waited) == 1


needs = pytest.mark.skipif(lanes() != WIDE, reason="kernels of half the width are for processors with AVX-512 alone")


@needs
def test_kernels_that_a_net_will_need_are_compiled_before_its_data_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHDSL_NATIVE", str(tmp_path))
    monkeypatch.setattr(native_kernels, "FLAGS", ("-O0", "-march=native", "-fopenmp", "-fPIC", "-shared"))
    compile_ahead(nn.Sequential(nn.Conv2d(16, 32, 3, padding=1)), "fp32")
    assert not list(tmp_path.iterdir())
    place = native_kernels._place("conv", torch.float32, narrow=True)
    assert place is not None
    net = nn.Sequential(nn.Conv2d(24, 24, 3, padding=1))
    with alone(place.file):  # another process compiles them
        compile_ahead(net, "fp32")
    assert not place.file.exists()
    compile_ahead(net, "fp32")
    assert place.file.exists()
