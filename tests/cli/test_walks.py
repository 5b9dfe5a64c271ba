"""Walks over folders in which something else is at work: runs that train there make and remove folders."""

import shutil
import tempfile
from pathlib import Path

import pytest

from archdsl.files import below
from archdsl.runs.run import check_writable


def test_a_folder_that_goes_away_is_passed_over(tmp_path: Path) -> None:
    for name in ("first.arch", "a/one.arch", "b/two.arch", ".hidden/three.arch", "b/.four.arch", "b/five.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("conv(8)")
    walk = below(tmp_path, ".arch")
    assert next(walk) == tmp_path / "first.arch"  # by now the folders are listed
    shutil.rmtree(tmp_path / "a")
    assert list(walk) == [tmp_path / "b/two.arch"]


def test_trying_whether_a_store_can_be_written_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lists the runs meanwhile would find it, and then not."""
    out = tmp_path / "runs"
    out.mkdir()
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("a folder was made"))
    check_writable(out)
    assert list(out.iterdir()) == []
