"""Each call that writes fails once in turn, over a whole training: it ends with exit code 4, and the same command goes
on to the bits of the straight run.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.atomic import write_whole
from archdsl.errors import EnvError
from archdsl.runs.events import Warned
from archdsl.runs.run import load_run
from tests.train.test_resume import go, sha

TINY = """
    net conv(4) bn relu gap drop(0.3) linear(classes)
    data fashion-mini subset(120) flip
    train sgd(0.05) epochs(2) batch(60) ema(0.9)"""


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> str:
    return sha(go(TINY, tmp_path_factory.mktemp("straight")))


def failing(monkeypatch: pytest.MonkeyPatch, call: str, at: int, number: int, under: Path) -> list[int]:
    """Let the ``at``-th call of ``os.<call>`` that concerns a file in ``under`` fail; the calls so far."""
    real, seen = getattr(os, call), [0]

    def ours(first: object) -> bool:
        path = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else str(first)
        return path.startswith(str(under))

    def fails(first, *args, **more):
        if ours(first):
            seen[0] += 1
            if seen[0] == at + 1:
                raise OSError(number, os.strerror(number))
        return real(first, *args, **more)

    monkeypatch.setattr(os, call, fails)
    return seen


def ended(out: Path) -> EnvError | None:
    try:
        go(TINY, out)
    except EnvError as error:
        return error
    return None


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names open files by /proc")
@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("open", errno.EDQUOT),
        ("write", errno.ENOSPC),
        ("replace", errno.EIO),
        pytest.param("fsync", errno.EIO, marks=pytest.mark.slow),
        pytest.param("unlink", errno.EIO, marks=pytest.mark.slow),
    ],
)
def test_every_write_of_a_training_fails_once(
    call: str, number: int, straight: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = 0
    for at in range(100):
        out = tmp_path / str(at)
        out.mkdir()
        with monkeypatch.context() as patch:
            seen = failing(patch, call, at, number, out)
            error = ended(out)
        if error is not None:
            assert error.exit_code == 4
            assert os.strerror(number) in str(error)
            raised += 1
        run = go(TINY, out)
        assert sha(run) == straight
        assert run.done
        assert not list(run.folder.glob(".tmp-*"))
        if seen[0] <= at:
            break
    else:
        pytest.fail("more calls than a training of two epochs can need")
    assert raised >= {"open": 10, "write": 10, "fsync": 10, "replace": 5, "unlink": 0}[call]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.train.test_resume import go
from tests.train.test_writes import TINY
real, count = os.write, [0]

def write(number, data):
    path = Path(os.readlink(f"/proc/self/fd/{number}"))
    # Of the run alone: the cache of fingerprints, which may lie in a folder below, is written too.
    if path.parent.parent == Path(sys.argv[1]) and path.name.startswith(".tmp-"):
        count[0] += 1
        if count[0] == int(sys.argv[2]):
            real(number, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
    return real(number, data)

os.write = write
go(TINY, Path(sys.argv[1]))
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names open files by /proc")
@pytest.mark.parametrize("at", [1, 4, 6, 8])
def test_killed_within_a_write_it_goes_on(at: int, straight: str, tmp_path: Path) -> None:
    """Half of the file is on the disk when the process is gone."""
    # A run goes on with the threads that it was begun with, and the straight one has one.
    own = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(at)]
    ended = subprocess.run(command, check=False, capture_output=True, env=own)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert len(list(tmp_path.glob("*/.tmp-*"))) == 1
    heard: list[object] = []
    run = go(TINY, tmp_path, listen=heard.append)
    assert sha(run) == straight
    assert not list(run.folder.glob(".tmp-*"))
    assert not [e for e in heard if isinstance(e, Warned)]


def test_a_line_cut_short_in_the_log_is_said(straight: str, tmp_path: Path) -> None:
    """The power fails while a line is written: it is dropped, with a word, and the run goes on."""
    run = go(TINY, tmp_path, limit=1e-6)
    log = run.folder / "events.jsonl"
    log.write_bytes(log.read_bytes() + b'{"event": "epoch_do')
    heard: list[object] = []
    assert sha(go(TINY, tmp_path, listen=heard.append)) == straight
    warned = [e.text for e in heard if isinstance(e, Warned)]
    assert len(warned) == 1
    assert "events.jsonl" in warned[0]
    assert load_run(run.folder).done


def test_writers_of_one_file_do_not_take_each_others(tmp_path: Path) -> None:
    """Processes of two containers may have one number."""
    file = tmp_path / "questions.json"
    write_whole(file, b"[1]", guard=lambda: write_whole(file, b"[2]"))
    assert file.read_bytes() == b"[1]"
    assert list(tmp_path.iterdir()) == [file]
