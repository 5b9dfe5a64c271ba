"""Tiny data sets in their true formats, and a machine without a network or anybody's data."""

import ctypes
import gzip
import importlib
import io
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archdsl.accelerate.native import joint, tiles
from tests.train.libraries import can_imitate_amx, compiled, has_amx

rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data, no cache and no network but what the test makes."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg-data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg-cache"))
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)
    monkeypatch.setattr("archdsl.data.roots.SYSTEM", tmp_path / "no-system")


def any_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published sets may have any number of images: those of a test have a few."""
    for name in ("load", "parquet"):  # imported by name: `archdsl.data.load` is the function too
        module = importlib.import_module(f"archdsl.data.{name}")
        monkeypatch.setattr(module, "check_count", lambda *_: None)


@pytest.fixture
def small_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published sets may have any number of images."""
    any_count(monkeypatch)


@pytest.fixture(scope="session")
def imitated_tiles(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernels for tiles, with tiles in plain C; compiled once, as that takes seconds."""
    compiler = shutil.which("cc")
    assert compiler is not None
    return compiled(compiler, tmp_path_factory.mktemp("tiles"), "tiles", "-DBF16", "-DIMITATED")


@pytest.fixture(params=[pytest.param("real", marks=has_amx), pytest.param("imitated", marks=can_imitate_amx)])
def tile_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels for tiles, real ones or imitated."""
    if request.param == "imitated":
        made = request.getfixturevalue("imitated_tiles")
        for module in (tiles, joint):
            monkeypatch.setattr(module, "loaded", lambda part, kind: made)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Nets this small gain nothing from a second thread, and lose much where something else runs on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def idx_bytes(array: np.ndarray) -> bytes:
    """An array of bytes as an idx file."""
    return bytes((0, 0, 8, array.ndim)) + b"".join(struct.pack(">I", n) for n in array.shape) + array.tobytes()


def write_idx(folder: Path, images: int = 20, side: int = 28, pack: Callable[[bytes], bytes] = gzip.compress) -> None:
    """The four files of an MNIST-like set."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", images), ("t10k", 10)):
        pixels = rng.integers(0, 256, (count, side, side), np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        ending = ".gz" if pack is gzip.compress else ""
        (folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(idx_bytes(pixels)))
        (folder / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(idx_bytes(labels)))


def old_string(text: bytes) -> bytes:
    """A string as Python 2 pickled it (BINSTRING)."""
    return b"T" + struct.pack("<i", len(text)) + text


def old_array(array: np.ndarray) -> bytes:
    """An array of bytes as numpy under Python 2 pickled it: the very instructions of the published files."""
    sizes = b"".join(b"J" + struct.pack("<i", n) for n in array.shape)
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    new = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    return new + b"(K\x01" + sizes + b"\x86" + kind + b"\x89" + old_string(array.tobytes()) + b"tb"


def old_pickle(labels_key: bytes, labels: list[int], data: np.ndarray) -> bytes:
    """One file of CIFAR's python version."""
    items = b"".join(b"K" + bytes((n,)) for n in labels)
    pairs = old_string(b"data") + old_array(data) + old_string(labels_key) + b"](" + items + b"e"
    return b"\x80\x02}(" + pairs + b"u."


def write_cifar10(folder: Path, each: int = 4) -> None:
    """The six files of CIFAR-10."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        data = rng.integers(0, 256, (each, 3072), np.uint8)
        (folder / name).write_bytes(old_pickle(b"labels", [i % 10 for i in range(each)], data))


def png(shape: tuple[int, int] = (32, 32), mode: str = "RGB") -> bytes:
    """A random picture of (width, height)."""
    channels = {"RGB": (3,), "L": (), "RGBA": (4,)}[mode]
    buffer = io.BytesIO()
    pixels = rng.integers(0, 256, (shape[1], shape[0], *channels), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_parquet(folder: Path, label: str = "label", pictures: int = 6) -> None:
    """A training part of two shards and a test part, as hubs of data sets lay them out."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        rows = [{"bytes": png(), "path": None} for _ in range(pictures)]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        columns = {"img": pa.array(rows, kind), label: pa.array([i % 10 for i in range(pictures)], pa.int64())}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def write_folder(root: Path, classes: tuple[str, ...] = ("cat", "dog"), each: int = 5) -> None:
    """One tree, one folder a class, pictures of several sizes."""
    for name in classes:
        (root / name).mkdir(parents=True)
        for i in range(each):
            (root / name / f"{i}.png").write_bytes(png((20 + i, 30)))
