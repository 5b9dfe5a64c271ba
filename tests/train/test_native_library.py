"""The libraries of kernels: compiled once, made anew where they are damaged, done without where there is no compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from archdsl.accelerate.native import available
from archdsl.accelerate.native import kernels as native_kernels
from archdsl.accelerate.native.kernels import FLAGS, SOURCES, _signature, kernels
from tests.forked import Forked

fcntl = pytest.importorskip("fcntl", reason="needs a system with file locks")
needs = pytest.mark.skipif(not available("bf16"), reason="needs Linux and a C compiler")
QUICKLY = ("-O0", *FLAGS[1:])  # where it does not matter how good a library is
PROGRAM = """
import torch
from archdsl.accelerate.native.kernels import available
print(available("bf16"))
"""


@pytest.mark.parametrize("change", [{"ARCHDSL_NATIVE": "0"}, {"CC": "false"}, {"CC": "there-is-none"}, {"PATH": ""}])
def test_without_a_compiler_torch_has_the_work(change: dict[str, str], tmp_path: Path, forking: Forked) -> None:
    env = {**os.environ, "ARCHDSL_NATIVE": str(tmp_path), **change}
    done = forking.run(PROGRAM, env)
    assert (done.code, done.out.split()) == (0, ["False"]), done.err
    assert not list(tmp_path.rglob("*.so"))


@needs
def test_processes_that_start_together_share_one_library(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "ARCHDSL_NATIVE": ""}
    started = [subprocess.Popen([sys.executable, "-c", PROGRAM], env=env, stdout=subprocess.PIPE) for _ in range(2)]
    assert [p.communicate()[0].split() for p in started] == [[b"True"]] * 2
    # One a part, and none that was half made.
    assert len(list(tmp_path.rglob("*.so"))) == 3 + native_kernels.has_tiles()


@needs
def test_a_library_that_another_process_compiles_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_kernels, "FLAGS", QUICKLY)
    monkeypatch.setenv("ARCHDSL_NATIVE", str(tmp_path))
    place = native_kernels._place("norm", torch.float32, False)
    assert place is not None
    file = place.file
    made: list[Path] = []
    compiled = native_kernels.compile_into
    monkeypatch.setattr(native_kernels, "compile_into", lambda *place: made.append(place[2]) or compiled(*place))
    with file.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = threading.Thread(target=kernels.__wrapped__, args=("norm",))
        other.start()
        native_kernels._make_if_free(place)  # does not wait, and leaves it alone
        other.join(0.2)
        assert other.is_alive()
        assert not made
        compiled(*place)  # the other process is done
    other.join(30)
    assert not other.is_alive()
    assert not made


@needs
def test_a_library_is_taken_from_a_folder_where_no_lock_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_kernels, "FLAGS", QUICKLY)
    monkeypatch.setenv("ARCHDSL_NATIVE", str(tmp_path))
    assert kernels.__wrapped__("norm") is not None
    for lock in tmp_path.glob("*.lock"):
        lock.unlink()
        lock.mkdir()
    assert kernels.__wrapped__("norm") is not None


@needs
def test_a_library_that_is_not_whole_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file may be after the power failed."""
    compiler = shutil.which("cc")
    assert compiler is not None
    monkeypatch.setenv("ARCHDSL_NATIVE", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(native_kernels, "FLAGS", QUICKLY)
    file = tmp_path / f"kernels-norm-{_signature(compiler, QUICKLY, SOURCES['norm'])}.so"
    for part in (0.0, 0.05, 0.6, 0.95):
        kept = file.read_bytes() if part else b""
        file.unlink(missing_ok=True)  # the last one is in memory
        file.write_bytes(kept[: int(part * len(kept))])
        assert kernels.__wrapped__("norm") is not None
        assert file.stat().st_size > max(1000, part * len(kept))
    assert list(tmp_path.glob("*.so")) == [file]
