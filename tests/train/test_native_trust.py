"""Libraries of kernels are code: they come whole, from folders that nobody else can write; a compiler that hangs is ended."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest
import torch

from archdsl import notices
from archdsl.accelerate.native import available, compiling
from archdsl.accelerate.native import kernels as native
from archdsl.accelerate.native.kernels import kernels
from archdsl.trust import distrust, make_private

pytest.importorskip("fcntl", reason="needs a system with file locks")
needs = pytest.mark.skipif(not available("bf16"), reason="needs Linux and a C compiler")
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
load = kernels.__wrapped__  # without what this process remembers
NOBODY = 65534


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for libraries, and nothing noticed yet. Our own compiler takes no time: what it made once is copied."""
    place = native._place("norm", torch.float32, False)
    folder = tmp_path / "kept"
    monkeypatch.setenv("ARCHDSL_NATIVE", str(folder))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(notices, "_said", set())
    monkeypatch.setattr(notices, "_waiting", [])
    native._own_folder.cache_clear()
    if place is not None and kernels("norm") is not None:
        good = place.file.read_bytes()  # compiled by the line above, or long ago
        real = native.compile_into

        def quick(compiler: str, flags: tuple[str, ...], file: Path, sources: tuple[Path, ...]) -> None:
            if os.environ.get("CC"):
                real(compiler, flags, file, sources)
                return
            make_private(file.parent)
            file.unlink(missing_ok=True)
            file.write_bytes(good)

        monkeypatch.setattr(native, "compile_into", quick)
    return folder


def noticed() -> str:
    return "\n".join(notices.taken())


# -- whom to believe --------------------------------------------------------------------------------------


def test_a_folder_of_ones_own_is_believed_and_one_that_others_write_is_not(tmp_path: Path) -> None:
    own = tmp_path / "a" / "b"
    make_private(own)
    assert stat.S_IMODE(own.stat().st_mode) == stat.S_IMODE(own.parent.stat().st_mode) == 0o700
    assert distrust(own / "file") == ""
    own.chmod(0o777)
    assert distrust(own / "file") == f"others can write {own}"
    own.chmod(0o1777)  # in which others may make files, though not take ours away
    assert distrust(own) == f"others can write {own}"
    assert distrust(own / "below") == "", "as in /tmp"
    own.chmod(0o755)
    own.parent.chmod(0o777)
    assert distrust(own) == f"others can write {own.parent}", "who may rename a folder may replace it"


def test_a_link_is_looked_at_where_it_stands_and_where_it_leads(tmp_path: Path) -> None:
    open_to_all, own = tmp_path / "open", tmp_path / "own"
    open_to_all.mkdir()
    own.mkdir(mode=0o700)
    (own / "link").symlink_to(open_to_all)
    (open_to_all / "link").symlink_to(own)
    open_to_all.chmod(0o777)
    assert "others can write" in distrust(own / "link")
    assert "others can write" in distrust(open_to_all / "link")


@root
def test_what_belongs_to_another_user_is_not_believed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("")
    os.chown(theirs, NOBODY, NOBODY)
    assert distrust(theirs) == f"{theirs} belongs to another user"


# -- libraries --------------------------------------------------------------------------------------------


@needs
@root
@pytest.mark.parametrize("how", ["the file", "the folder", "open to all"])
def test_a_library_of_another_user_is_never_loaded(how: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load("norm") is not None
    (theirs,) = cache.glob("*.so")
    if how == "open to all":
        cache.chmod(0o777)
    else:
        os.chown(theirs if how == "the file" else cache, NOBODY, NOBODY)
    loaded: list[str] = []
    real = ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name, *more: loaded.append(str(name)) or real(name, *more))
    assert load("norm") is not None, "it is compiled elsewhere"
    if how == "the file":  # the folder is ours: a library of our own takes its place
        assert theirs.stat().st_uid == os.geteuid()
        return
    assert loaded
    assert not any(Path(name).is_relative_to(cache) for name in loaded)
    assert stat.S_IMODE(Path(loaded[-1]).parent.stat().st_mode) == 0o700
    assert f"compiled for this command alone: {'others can write' if how == 'open to all' else str(cache)}" in noticed()


@needs
def test_the_cache_is_for_its_user_alone(cache: Path) -> None:
    assert load("norm") is not None
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert not noticed()


@needs
def test_a_library_of_the_right_length_and_other_content_is_made_again(cache: Path) -> None:
    assert load("norm") is not None
    (file,) = cache.glob("*.so")
    good = file.read_bytes()
    file.unlink()  # the first one is in memory
    file.write_bytes(good[:5000] + bytes([good[5000] ^ 1]) + good[5001:])
    assert not compiling.whole(file)
    assert load("norm") is not None
    assert compiling.whole(file)


def script(folder: Path, text: str) -> Path:
    """A compiler that does what a shell script says; the file that it is to write is in $out."""
    folder.mkdir(exist_ok=True)
    made = folder / "cc"
    made.write_text(f'#!/bin/bash\nwhile [ "$1" != "-o" ]; do shift; done; out=$2\n{text}\n')
    made.chmod(0o755)
    return made


@needs
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo 'int other;' | /usr/bin/env cc -x c -shared -fPIC - -o $out", "lacks the function norm_forward"),
        ("printf 'no library at all' > $out", "is not a library of this machine"),
        ("true", "is not a library of this machine"),
        ("exit 3", "returned non-zero exit status 3"),
        (r"printf '\x7fELF\x02\x01' > $out; head -c 5000 /dev/zero >> $out", ""),
    ],
)
def test_what_a_strange_compiler_makes_is_refused(
    text: str, said: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", str(script(tmp_path / "bin", text)))
    assert load("norm") is None
    words = noticed()
    assert "no compiled kernels, torch's own do the work" in words
    assert said in words


def test_a_machine_without_a_compiler_says_so_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if platform.system() != "Linux":
        pytest.skip("kernels are compiled on Linux alone")
    monkeypatch.setenv("CC", "no-such-compiler")
    assert load("norm") is None
    assert "there is no C compiler no-such-compiler" in noticed()
    assert load("norm", torch.bfloat16) is None
    assert not noticed()


@needs
def test_another_librarys_file_in_the_place_of_ours_is_replaced(cache: Path, tmp_path: Path) -> None:
    assert load("norm") is not None
    (file,) = cache.glob("*.so")
    file.unlink()
    compiler = shutil.which("cc")
    assert compiler is not None
    source = tmp_path / "other.c"
    source.write_text("int other;\n")
    subprocess.run([compiler, "-shared", "-fPIC", str(source), "-o", str(file)], check=True)
    assert load("norm") is not None
    assert compiling.whole(file)


# -- what hangs -------------------------------------------------------------------------------------------


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@needs
def test_a_compiler_that_hangs_is_ended_with_what_it_started_and_remembered(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("CC", str(script(tmp_path / "bin", f"setsid sleep 300 & echo $! $$ > {pids}; wait")))
    monkeypatch.setenv("ARCHDSL_COMPILE_SECONDS", "0.7")
    began = time.monotonic()
    assert load("norm") is None
    assert time.monotonic() - began < 10
    assert "did not end within 0.7 s" in noticed()
    assert all(map(gone, map(int, pids.read_text().split()))), "a child with a session of its own, too"
    pids.unlink()
    monkeypatch.setattr(notices, "_said", set())
    assert load("norm") is None
    assert not pids.exists(), "nobody waits for it again"
    assert "known from" in noticed()
    (note,) = cache.glob("*.failed")
    os.utime(note, (time.time() - 2 * compiling.FORGOTTEN,) * 2)
    assert compiling.failed_before(note.with_suffix(".so")) == ""


@needs
def test_a_lock_that_is_never_let_go_is_not_waited_for_without_end(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    place = native._place("norm", torch.float32, False)
    assert place is not None
    make_private(cache)
    monkeypatch.setenv("ARCHDSL_COMPILE_SECONDS", "0.6")
    with place.file.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        assert load("norm") is None
        assert time.monotonic() - began < 5
        assert f"another process has held {place.file.with_suffix('.lock')} for 0.6 s" in noticed()


def test_a_silly_limit_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("", "soon", "-1", "0", "nan"):
        monkeypatch.setenv("ARCHDSL_COMPILE_SECONDS", text)
        assert compiling.limit() == compiling.LIMIT
    monkeypatch.setenv("ARCHDSL_COMPILE_SECONDS", "2.5")
    assert compiling.limit() == 2.5


# -- other caches -----------------------------------------------------------------------------------------


def test_neither_decoded_data_nor_plans_come_from_a_folder_that_others_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    from archdsl.accelerate.remember import recall, remember
    from archdsl.data import cache as decoded_cache
    from archdsl.data.arrays import Arrays

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = tmp_path / "source"
    file.write_text("x")
    made: list[int] = []

    def decode() -> decoded_cache.Decoded:
        made.append(1)
        arrays = Arrays(np.zeros((1, 1, 2, 2), np.uint8), np.zeros(1, np.int64))
        return decoded_cache.Decoded(arrays, {}, decoded_cache.digests_of(arrays.images))

    for _ in range(2):
        decoded_cache.decoded("set", [file], decode)
    remember("plan", {"plan": 1})
    assert len(made) == 1
    assert recall("plan") == {"plan": 1}
    tmp_path.chmod(0o777)
    decoded_cache.decoded("set", [file], decode)
    assert len(made) == 2
    assert recall("plan") is None
