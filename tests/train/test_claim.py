"""Claims: one writer a run, whoever died, slept or shares a pid."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archdsl.errors import EnvError
from archdsl.runs.store.claim import CLAIM, LostClaim, claim, started

OWNER = """
import sys, time
from pathlib import Path
from archdsl.runs.store.claim import LostClaim, claim
from archdsl.errors import EnvError
print("ready", flush=True); sys.stdin.readline()
try:
    mine = claim(Path(sys.argv[1]))
except EnvError:
    print("refused", flush=True)
else:
    print("won", flush=True)
    for line in sys.stdin:
        try:
            mine.check(); print("mine", flush=True)
        except LostClaim:
            print("lost", flush=True)
assert "torch" not in sys.modules
"""


class Owner:
    """A process that claims a folder when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
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


def change(folder: Path, **fields) -> None:
    path = folder / CLAIM
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_one_at_a_time_and_released(tmp_path: Path) -> None:
    mine = claim(tmp_path)
    with pytest.raises(EnvError, match=f"is being written by process {os.getpid()}") as caught:
        claim(tmp_path)
    assert (caught.value.exit_code, caught.value.help) == (4, "wait until it ends, or end it")
    mine.check()
    mine.release()
    mine.release()
    assert not list(tmp_path.iterdir())
    claim(tmp_path).check()


@pytest.mark.parametrize("stale", [False, True])
def test_eight_at_once_and_one_wins(tmp_path: Path, stale: bool) -> None:
    if stale:
        claim(tmp_path)
        change(tmp_path, started="1")
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
        claim(tmp_path)
    owner.process.kill()
    while started(owner.process.pid) != "ended":  # a zombie still has its pid
        time.sleep(0.01)
    claim(tmp_path).check()
    owner.end(kill=True)


def test_an_owner_that_slept_while_its_claim_was_deleted(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    owner.tell()
    assert owner.heard() == "won"
    os.kill(owner.process.pid, signal.SIGSTOP)
    with pytest.raises(EnvError, match="is being written"):  # it may wake up
        claim(tmp_path)
    (tmp_path / CLAIM).unlink()
    mine = claim(tmp_path)
    os.kill(owner.process.pid, signal.SIGCONT)
    owner.tell()
    assert owner.heard() == "lost"
    owner.end()
    mine.check()


def test_the_pid_was_given_to_another_process(tmp_path: Path) -> None:
    late = claim(tmp_path)
    change(tmp_path, started="1", token="theirs")
    mine = claim(tmp_path)
    mine.check()
    with pytest.raises(LostClaim, match="has lost the run") as caught:
        late.check()
    assert caught.value.exit_code == 4
    late.release()
    mine.check()


def test_the_host_was_started_again(tmp_path: Path) -> None:
    claim(tmp_path)
    change(tmp_path, boot="before")
    claim(tmp_path).check()


@pytest.mark.parametrize("day", [-86400, 86400])
def test_a_clock_a_day_off_changes_nothing(tmp_path: Path, day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + day)
    mine = claim(tmp_path)
    os.utime(tmp_path / CLAIM, (real() + day, real() + day))
    monkeypatch.undo()
    with pytest.raises(EnvError, match="is being written"):
        claim(tmp_path)
    mine.check()


@pytest.mark.parametrize(
    ("ago", "words"), [(5 * 3600, "since 5 hours"), (30, "since 30 seconds"), (-86400, "in the future")]
)
def test_another_host_is_not_ours_to_judge(tmp_path: Path, ago: float, words: str) -> None:
    claim(tmp_path)
    change(tmp_path, host="far.example", pid=1, since=time.time() - ago)
    with pytest.raises(EnvError, match=f"claimed by process 1 on far.example,? {words}") as caught:
        claim(tmp_path)
    assert caught.value.help == f"if nothing runs there any more, delete {tmp_path / CLAIM}"


@pytest.mark.parametrize("text", ["", "{", "[]", "\0"])
def test_a_claim_that_was_never_finished(tmp_path: Path, text: str) -> None:
    (tmp_path / CLAIM).write_text(text)
    claim(tmp_path).check()


def test_a_full_disk_leaves_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(EnvError, match="No space left"):
            claim(tmp_path)
    assert not list(tmp_path.iterdir())
    claim(tmp_path).check()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="cannot write"):
        claim(tmp_path / "missing")
