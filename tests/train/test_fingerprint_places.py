"""Fingerprints of sets in unusual places: the working folder itself, and file systems with other numbers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from archdsl.data import remembered
from archdsl.data.fingerprint import fingerprint
from archdsl.data.folder import listed
from archdsl.data.roots import cache_root
from archdsl.words.data.folders import Folder


@pytest.fixture(autouse=True)
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a test has just written are remembered."""
    monkeypatch.setattr(remembered, "RACY", -(10**12))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A single tree, which is the working folder; the classes differ in their first letter alone."""
    root = tmp_path / "pictures"
    for name in ("bat", "cat"):
        (root / name).mkdir(parents=True)
        for number in range(6):
            (root / name / f"{number}.png").write_bytes(f"{name} {number}".encode())
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize("name", [".", "./", ""])
def test_the_working_folder_has_the_fingerprint_of_its_path(tree: Path, name: str) -> None:
    found = fingerprint(Folder(name, 8))
    shutil.rmtree(cache_root())
    assert fingerprint(Folder(str(tree), 8)) == found


def test_a_picture_of_the_working_folder_that_goes_to_another_class_changes_it(tree: Path) -> None:
    before = fingerprint(Folder(".", 8))
    train = {path.as_posix() for path, _ in listed(Path(), None)[0]}
    number = next(n for n in range(6) if {f"bat/{n}.png", f"cat/{n}.png"} <= train)
    one, other = (tree / name / f"{number}.png" for name in ("bat", "cat"))
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)
    assert fingerprint(Folder(".", 8)) != before


def test_a_fingerprint_that_an_earlier_version_kept_is_not_given(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(Folder(str(tree), 8))
    (kept,) = [p for p in (cache_root() / remembered.FOLDER).iterdir() if not p.name.endswith(".files.json")]
    held = json.loads(kept.read_bytes())
    kept.write_text(json.dumps({**held, "version": 1, "fingerprint": "0" * 64}))

    def never(*given: Any) -> Any:
        raise AssertionError("the files are hashed again")

    monkeypatch.setattr(hashlib, "file_digest", never)
    assert fingerprint(Folder(str(tree), 8)) == before


def test_an_inode_of_64_bits(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(Folder(str(tree), 8))
    real = os.stat

    def huge(*given: Any, **more: Any) -> os.stat_result:
        found = real(*given, **more)
        times = {name: getattr(found, name) for name in ("st_atime_ns", "st_mtime_ns", "st_ctime_ns")}
        return os.stat_result((found[0], found.st_ino + (1 << 63), *found[2:10]), times)

    monkeypatch.setattr(os, "stat", huge)
    assert fingerprint(Folder(str(tree), 8)) == before
    (tree / "bat" / "0.png").write_bytes(b"other")
    assert fingerprint(Folder(str(tree), 8)) != before
