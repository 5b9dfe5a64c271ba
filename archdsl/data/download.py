"""Fetches a missing data set through torchvision, into a folder beside its place, and moves it there when
complete.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.data import cifar, digits, imagenette, stl10, svhn
from archdsl.errors import EnvError

if TYPE_CHECKING:
    from archdsl.words.data.values import Dataset

SILENCE = 20.0  # seconds without a byte after which a download is given up
_PARTS: tuple[dict[str, Any], ...] = ({"train": True}, {"train": False})
_SPLITS: tuple[dict[str, Any], ...] = ({"split": "train"}, {"split": "test"})


@dataclass(frozen=True)
class Source:
    """A class of torchvision, the calls that fetch all of a set, and where under a data root the set then is.

    ``inside`` is the folder that torchvision is given as its root, for a class that makes no folder of its own.
    """

    kind: str
    folder: str
    calls: tuple[dict[str, Any], ...] = _PARTS
    inside: str = ""
    files: tuple[str, ...] = field(default=())


def source(name: str) -> Source:
    """Where the set of this key comes from."""
    if name in cifar.LAYOUTS:
        layout = cifar.LAYOUTS[name]
        return Source(name.upper(), layout.folder, files=(*layout.train, layout.test))
    if name in imagenette.VERSIONS:
        size = name.rpartition("-")[2] + "px" if "-" in name else "full"
        calls = tuple({"split": split, "size": size} for split in ("train", "val"))
        return Source("Imagenette", name, calls, files=("train/", "val/"))
    if name == "svhn":
        return Source("SVHN", "svhn", _SPLITS, inside="svhn", files=svhn.FILES)
    if name == "stl10":
        return Source("STL10", stl10.FOLDERS[0], _SPLITS, files=stl10.FILES)
    packed = tuple(f"{n}.gz" for pair in digits.names_of(name).values() for n in pair)
    if digits.is_emnist(name):
        calls = tuple({"split": name.partition("-")[2], **part} for part in _PARTS)
        return Source("EMNIST", digits.EMNIST_FOLDERS[0], calls, files=packed)
    kinds = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}
    return Source(kinds[name], f"{kinds[name]}/raw", files=packed)


def key(dataset: Dataset) -> str:
    """What is fetched for a set: its name, or of Imagenette the version for its size."""
    return imagenette.version(dataset.input[-1]) if dataset.name == "imagenette" else dataset.name


def folder_of(name: str) -> str:
    """The folder of a set under a data root, as torchvision lays it out."""
    return source(name).folder


def download(name: str, root: Path) -> None:
    """Put the set under ``root``.

    Raises:
        EnvError: no network, no space, or ARCHDSL_OFFLINE is set; it says which files to put where.
    """
    if os.environ.get("ARCHDSL_OFFLINE"):
        raise missing(name, root, "downloads are off (ARCHDSL_OFFLINE)")
    if name == "svhn":
        svhn.matlab_reader()  # before anything is fetched that could not be read
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as unfinished:
            _fetch(name, unfinished)
            _move(Path(unfinished) / folder_of(name), root / folder_of(name))
    except Exception as error:  # torchvision raises RuntimeError, URLError, OSError and more
        raise missing(name, root, f"and the download failed ({error})") from error


def _move(made: Path, place: Path) -> None:
    """Bring a fetched folder to its place; what lay there of the same names gives way."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, place)
        return
    for item in sorted(made.iterdir()):
        target = place / item.name
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        os.replace(item, target)


def _fetch(name: str, root: str) -> None:
    from archdsl.emit.vision import import_torchvision  # slow, and needed for a missing set only

    about = source(name)
    kind = getattr(import_torchvision().datasets, about.kind)
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)  # torchvision sets none, and would wait forever
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is data
            for call in about.calls:
                kind(str(Path(root) / about.inside), download=True, **call)
    finally:
        socket.setdefaulttimeout(patience)


def missing(name: str, root: Path, why: str) -> EnvError:
    """An error that says which files to put where, and what needs none."""
    about = source(name)
    *most, last = about.files
    other = "" if about.kind == "Imagenette" else f" (or train-*.parquet and test-*.parquet into {root / name})"
    return EnvError(
        f"the data set {name} is not there, {why}",
        help=f"put {', '.join(most)} and {last} into {root / about.folder}{other}, or name another folder by --data-root "
        "or ARCHDSL_DATA; `--data fashion-mini` comes with the package and needs nothing",
    )
