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
from pathlib import Path

from archdsl.errors import EnvError
from archdsl.train.datasets import cifar, idx

CLASSES = {"cifar10": "CIFAR10", "cifar100": "CIFAR100", "mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
SILENCE = 20.0  # seconds without a byte after which a download is given up


def folder_of(name: str) -> str:
    """The folder of a set under a data root, as torchvision lays it out."""
    return cifar.LAYOUTS[name].folder if name in cifar.LAYOUTS else f"{CLASSES[name]}/raw"


def download(name: str, root: Path) -> None:
    """Put the set under ``root``.

    Raises:
        EnvError: no network, no space, or ARCHDSL_OFFLINE is set; it says which files to put where.
    """
    if os.environ.get("ARCHDSL_OFFLINE"):
        raise missing(name, root, "downloads are off (ARCHDSL_OFFLINE)")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as unfinished:
            _fetch(name, unfinished)
            place = root / folder_of(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(unfinished) / folder_of(name), place)
    except Exception as error:  # torchvision raises RuntimeError, URLError, OSError and more
        raise missing(name, root, f"and the download failed ({error})") from error


def _fetch(name: str, root: str) -> None:
    from archdsl.emit.vision import import_torchvision  # slow, and needed for a missing set only

    kind = getattr(import_torchvision().datasets, CLASSES[name])
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)  # torchvision sets none, and would wait forever
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is data
            for train in (True, False):
                kind(root, train=train, download=True)
    finally:
        socket.setdefaulttimeout(patience)


def missing(name: str, root: Path, why: str) -> EnvError:
    """An error that says which files to put where, and what needs none."""
    place = root / folder_of(name)
    if name in cifar.LAYOUTS:
        layout = cifar.LAYOUTS[name]
        files = f"{', '.join(layout.train)} and {layout.test}"
        other = f" (or train-*.parquet and test-*.parquet into {root / name})"
    else:
        files = ", ".join(f"{n}.gz" for pair in idx.NAMES.values() for n in pair)
        other = ""
    return EnvError(
        f"the data set {name} is not there, {why}",
        help=f"put {files} into {place}{other}, or name another folder by --data-root or ARCHDSL_DATA; "
        "`--data fashion-mini` comes with the package and needs nothing",
    )
