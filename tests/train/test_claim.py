"""Locks of runs: one writer a run, whoever died, slept or removed a file."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archdsl.errors import EnvError
from archdsl.runs.store.lock import LOCK, LockLost, RunLocked, held, lock_run

OWNER = """
import sys, time
from pathlib import Path
from archdsl.runs.store.lock import LockLost, lock_run
from archdsl.errors import EnvError
print("ready", flush=True); sys.stdin.readline()
try:
    mine = lock_run(Path(sys.argv[1]))
except EnvError:
    print("refused", flush=True)
else:
    print("won", flush=True)
    for line in sys.stdin:
        try:
            mine.check(); print("mine", flush=True)
        except LockLost:
            print("lost", flush=True)
assert "torch" not in sys.modules
"""


class Owner:
    """A process that locks a folder when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.heard() == "ready"

    def heard(self) -> str:
        return self.process.stdout.readline().strip()

    def tell(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        assert kill or code == 0


def write(folder: Path, **fields: object) -> None:
    """What a process leaves that was killed."""
    about = {"host": socket.gethostname(), "pid": 1, "token": "theirs", "since": time.time()}
    (folder / LOCK).write_text(json.dumps(about | fields))


def test_one_at_a_time_and_released(tmp_path: Path) -> None:
    mine = lock_run(tmp_path)
    with pytest.raises(EnvError, match=f"is being written by process {os.getpid()}") as caught:
        lock_run(tmp_path)
    assert (caught.value.exit_code, caught.value.help) == (4, "wait until it ends, or end it")
    mine.check()
    mine.release()
    mine.release()
    assert not list(tmp_path.iterdir())
    lock_run(tmp_path).check()


@pytest.mark.parametrize("stale", [False, True])
def test_eight_at_once_and_one_wins(tmp_path: Path, stale: bool) -> None:
    if stale:
        write(tmp_path)
    owners = [Owner(tmp_path) for _ in range(8)]
    for owner in owners:
        owner.tell()
    heard = [owner.heard() for owner in owners]
    for owner in owners:
        owner.end()
    assert sorted(heard) == ["refused"] * 7 + ["won"]


def test_an_owner_that_was_killed(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    owner.tell()
    assert owner.heard() == "won"
    with pytest.raises(EnvError, match=f"process {owner.process.pid}"):
        lock_run(tmp_path)
    assert held(tmp_path)
    owner.process.kill()
    end = time.monotonic() + 20
    while held(tmp_path):  # nobody has reaped it yet, so that its pid is still there
        assert time.monotonic() < end
        time.sleep(0.01)
    lock_run(tmp_path).check()
    owner.end(kill=True)


def test_an_owner_that_slept_while_its_lock_was_deleted(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    owner.tell()
    assert owner.heard() == "won"
    os.kill(owner.process.pid, signal.SIGSTOP)
    with pytest.raises(EnvError, match="is being written"):  # it may wake up
        lock_run(tmp_path)
    (tmp_path / LOCK).unlink()
    mine = lock_run(tmp_path)
    os.kill(owner.process.pid, signal.SIGCONT)
    owner.tell()
    assert owner.heard() == "lost"
    owner.end()
    mine.check()


def test_a_lock_that_was_removed_and_taken(tmp_path: Path) -> None:
    late = lock_run(tmp_path)
    (tmp_path / LOCK).unlink()
    with pytest.raises(LockLost, match="its lock is gone"):
        late.check()
    mine = lock_run(tmp_path)
    with pytest.raises(LockLost, match="has lost the run") as caught:
        late.check()
    assert caught.value.exit_code == 4
    late.release()
    mine.check()
    with pytest.raises(RunLocked):
        lock_run(tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK])
def test_a_file_system_without_locks(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def none(*_: object) -> None:
        raise OSError(code, "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    mine = lock_run(tmp_path)
    mine.check()
    assert held(tmp_path)
    with pytest.raises(RunLocked, match=f"is being written by process {os.getpid()} on {socket.gethostname()}"):
        lock_run(tmp_path)
    (tmp_path / LOCK).unlink()
    with pytest.raises(LockLost, match="its lock is gone"):
        mine.check()
    mine.release()
    write(tmp_path, host="far.example")
    assert held(tmp_path)
    with pytest.raises(RunLocked, match="locked by process 1 on far"):
        lock_run(tmp_path)
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    (tmp_path / LOCK).write_text(f"{int(dead.stdout)}\n{socket.gethostname()}\n")
    assert not held(tmp_path)
    lock_run(tmp_path).release()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("day", [-86400, 86400])
def test_a_clock_a_day_off_changes_nothing(tmp_path: Path, day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + day)
    mine = lock_run(tmp_path)
    os.utime(tmp_path / LOCK, (real() + day, real() + day))
    monkeypatch.undo()
    with pytest.raises(EnvError, match="is being written"):
        lock_run(tmp_path)
    mine.check()


@pytest.mark.parametrize(
    ("ago", "words"), [(5 * 3600, "since 5 hours"), (30, "since 30 seconds"), (-86400, "in the future")]
)
def test_another_host_is_not_ours_to_judge(tmp_path: Path, ago: float, words: str) -> None:
    write(tmp_path, host="far.example", since=time.time() - ago)
    assert held(tmp_path)
    with pytest.raises(EnvError, match=f"locked by process 1 on far.example,? {words}") as caught:
        lock_run(tmp_path)
    assert caught.value.help == f"if nothing runs there any more, delete {tmp_path / LOCK}"


@pytest.mark.parametrize("text", ["", "{", "[]", "\0"])
def test_a_lock_that_was_never_finished(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK).write_text(text)
    lock_run(tmp_path).check()


def test_a_full_disk_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(EnvError, match="No space left"):
            lock_run(tmp_path)
    assert not list(tmp_path.iterdir())
    lock_run(tmp_path).check()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="cannot write"):
        lock_run(tmp_path / "missing")
