"""Files that get their names only when they are whole, alone and several at once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.errors import EnvError
from archdsl.export.target import check_target, replacing, replacing_several


def test_several_files_at_once(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("old")
    with replacing_several(tmp_path / "b") as file:
        file.write_text("new")
        file.with_name("b.data").write_text("more")
        assert (tmp_path / "b").read_text() == "old"
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"b": "new", "b.data": "more"}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit(143), ValueError])
def test_none_of_several_after_an_end_before_the_end(tmp_path: Path, stop: type[BaseException]) -> None:
    def end() -> None:
        with replacing_several(tmp_path / "b") as file:
            file.write_text("new")
            raise stop

    with pytest.raises(BaseException):  # noqa: B017, PT011 - each of them
        end()
    assert not os.listdir(tmp_path)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "real").write_text("old")
    (tmp_path / "link").symlink_to("folder/real")
    with replacing(tmp_path / "link") as file:
        file.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "real").read_text() == "new"


@pytest.mark.parametrize("target", ["folder/real", "real"])
def test_a_link_stays_a_link_where_several_are_written(tmp_path: Path, target: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / target).write_text("old")
    (tmp_path / "link").symlink_to(target)
    with replacing_several(tmp_path / "link") as file:
        file.write_text("new")
        file.with_name(f"{file.name}.data").write_text("more")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / target).read_text() == "new"
    assert (tmp_path / f"{target}.data").read_text() == "more"
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """Root may write into /dev; a file moved onto a device's name would take its place."""
    for path in (Path("/dev/full"), Path("/dev/null")):
        with pytest.raises(EnvError, match="is a device"):
            check_target(path)
        assert stat.S_ISCHR(path.stat().st_mode)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EnvError, match="is a device or a pipe"):
        check_target(tmp_path / "pipe")


def test_a_full_disk(tmp_path: Path) -> None:
    """The system refuses to let a file grow, as a full disk does; what was there stays."""
    resource = pytest.importorskip("resource")
    (tmp_path / "x").write_text("what was here before")
    code = (
        "import resource, signal, sys; from pathlib import Path; from archdsl.export.target import replacing_several\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "with replacing_several(Path('x')) as file:\n    file.write_bytes(bytes(5000))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert "EnvError: cannot write x: File too large" in done.stderr
    assert os.listdir(tmp_path) == ["x"]
    assert (tmp_path / "x").read_text() == "what was here before"
