"""``archdsl train`` as a process: signals, time limits, streams, devices, folders that cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.forks import NOBODY, Forks, forks
from tests.conftest import REPO

SPEC = """net conv(4) bn relu gap drop(0.3) linear(classes)
data fashion-mini subset(120) valid(25%) flip
train sgd(0.05) epochs({}) batch(30) ema(0.9)
"""
TRAIN = ("train", "tiny.arch", "--precision", "plain", "--device", "cpu")
# Each step takes long, in a way that Python can end (a lock, a sleep), as a kernel of a dead device is waited for.
SLOW = """
import time
from archdsl.train import loop, watchdog
watchdog.GRACE = watchdog.watchdog.__wrapped__.__defaults__ = (0.3,)
real = loop.Training._step
def step(self, *args):
    if self.state.step == 4:
        print("it sleeps", file=sys.stderr)
        time.sleep(500)
    real(self, *args)
loop.Training._step = step
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("streams")) as found:
        yield found


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder with a spec of two epochs, and one of very many."""
    (tmp_path / "tiny.arch").write_text(SPEC.format(2))
    (tmp_path / "long.arch").write_text(SPEC.format(100_000))
    return tmp_path


def record(said: tuple[int, str, str]) -> dict:
    """The result, of a command line that went well."""
    code, out, err = said
    assert code == 0, err
    assert "Traceback" not in err
    return json.loads(out)


def test_neither_environment_nor_hash_seed_changes_a_run(process: Forks, room: Path) -> None:
    poor = {"LANG": "C", "LC_ALL": "C", "COLUMNS": "20", "TERM": "dumb", "NO_COLOR": "1"}
    json_ = (*TRAIN, "--format", "json")
    first = record(process.run(*json_, "--out", "a", cwd=room))
    second = record(process.run(*json_, "--out", "b", "--deterministic", cwd=room, env=poor, closed=[0]))
    assert first["weights_sha256"] == second["weights_sha256"]
    # The seed of the hashes is set as an interpreter starts.
    env = {**os.environ, "PYTHONPATH": str(REPO), "PYTHONHASHSEED": "4711", "OMP_NUM_THREADS": "1", **poor}
    fresh = subprocess.run(
        [sys.executable, "-m", "archdsl", *json_, "--out", "c"], cwd=room, env=env, capture_output=True
    )
    assert fresh.returncode == 0, fresh.stderr
    assert b"\x1b" not in fresh.stdout + fresh.stderr
    assert json.loads(fresh.stdout)["weights_sha256"] == first["weights_sha256"]


def test_streams_that_are_full_or_closed(process: Forks, room: Path) -> None:
    code, _, err = process.run(*TRAIN, cwd=room, full=True)
    assert code == 4
    assert "No space left" in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert list(room.glob("runs/*/result.json")), "what was computed is kept"
    code, _, err = process.run(*TRAIN, cwd=room, closed=[1])
    assert code == 4
    assert "standard output is closed" in err
    code, out, _ = process.run(*TRAIN, "--again", cwd=room, closed=[0, 2])
    assert code == 0
    assert out.startswith("test accuracy")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_one_signal_ends_a_run_that_goes_on(process: Forks, room: Path, number: signal.Signals, code: int) -> None:
    args = ("train", "long.arch", *TRAIN[2:])
    running = process.start(*args, cwd=room, before="signal.signal(signal.SIGHUP, signal.SIG_DFL)")
    running.until("epoch      2")
    began = time.monotonic()
    running.send(number)
    found, out, err = running.wait()
    assert time.monotonic() - began < 5
    assert (found, out) == (code, "")
    assert f"interrupted by {number.name}; the same command resumes it from runs/long-" in err
    assert "Traceback" not in err
    again = process.start(*args, cwd=room)
    again.until("resumes after step")
    again.until("epoch")
    again.send(signal.SIGINT)
    assert again.wait()[0] == 130


def test_a_second_signal_ends_it_at_once(process: Forks, room: Path) -> None:
    running = process.start(*TRAIN, cwd=room, before=SLOW)
    running.until("it sleeps")
    running.send(signal.SIGINT)
    time.sleep(0.3)
    os.kill(running.pid, 0)  # it waits for its step
    began = time.monotonic()
    running.send(signal.SIGINT)
    code, _, err = running.wait()
    assert time.monotonic() - began < 5
    assert code == 130
    assert "Traceback" not in err
    assert process.run(*TRAIN, cwd=room)[0] == 0, "nothing is in the way of the next one"


def test_a_run_that_hangs_is_ended_at_its_limit(process: Forks, room: Path) -> None:
    code, out, err = process.run(*TRAIN, "--time-limit", "0.5", cwd=room, before=SLOW)
    assert (code, out) == (3, "")
    assert "the run hangs: its time limit of 0.5 s is long over" in err
    straight = record(process.run(*TRAIN, "--format", "json", "--out", "straight", cwd=room))
    code, out, err = process.run(*TRAIN, "--format", "json", cwd=room)
    assert "resumes after step 3" in err
    assert json.loads(out)["weights_sha256"] == straight["weights_sha256"]


@pytest.mark.skipif(shutil.which("timeout") is None, reason="coreutils' timeout is not here")
def test_timeout(room: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
    started = [sys.executable, "-m", "archdsl", "train", "long.arch", *TRAIN[2:]]
    done = subprocess.run(
        ["timeout", "--preserve-status", "6", *started], cwd=room, env=env, capture_output=True, text=True
    )
    assert done.returncode == 143, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_gpu_that_is_not_there(process: Forks, room: Path) -> None:
    blind = {"CUDA_VISIBLE_DEVICES": ""}
    for device in ("cuda", "cuda:3"):
        code, out, err = process.run("train", "tiny.arch", "--device", device, cwd=room, env=blind)
        assert (code, out) == (4, ""), err
        assert f"error: --device {device}: torch sees 0 CUDA devices here" in err
        assert "help: take --device auto or cpu" in err
    assert not list(room.glob("runs/*")), "nothing was begun"
    code, _, err = process.run("train", "tiny.arch", "--precision", "plain", cwd=room, env=blind)
    assert code == 0
    assert err.count("as there is no GPU") == 1


@pytest.mark.skipif(os.name == "nt", reason="folders have no such modes")
def test_folders_that_cannot_be_written(process: Forks, room: Path) -> None:
    user = NOBODY if os.geteuid() == 0 else 0  # modes do not stop root
    for folder in [room, *room.parents[:3]]:
        folder.chmod(folder.stat().st_mode | 0o055)
    closed = room / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    for place in ("closed", "closed/below"):
        code, out, err = process.run(*TRAIN, "--out", place, cwd=room, user=user)
        assert (code, out) == (4, ""), err
        assert "cannot write" in err
        assert "closed" in err
        assert "--runs" in err
        assert "epoch" not in err, "it says so at the start"
    assert not list(closed.iterdir())
    assert process.run(*TRAIN, "--out", "open", cwd=room)[0] == 0
    (run,) = (room / "open").iterdir()
    run.chmod(0o555)
    code, _, err = process.run(*TRAIN, "--out", "open", "--again", cwd=room, user=user)
    assert code == 4
    assert "cannot write" in err
    assert (run / "result.json").exists(), "the run that is there stays"


def test_a_clock_that_jumps_changes_nothing(process: Forks, room: Path) -> None:
    jumps = "import time; now = time.time\ntime.time = lambda n=iter(range(10**9)): now() + (-1) ** next(n) * 86400\n"
    json_ = (*TRAIN, "--format", "json")
    jumped = record(process.run(*json_, "--out", "a", cwd=room, before=jumps))
    straight = record(process.run(*json_, "--out", "b", cwd=room))
    assert jumped["weights_sha256"] == straight["weights_sha256"]
    assert 0 < jumped["seconds"] < 60


def test_a_broken_pipe_is_quiet(process: Forks, room: Path) -> None:
    assert process.run(*TRAIN, cwd=room)[0] == 0
    line = f"'{sys.executable}' -m archdsl train tiny.arch --precision plain --device cpu --format json | head -c 5"
    done = subprocess.run(
        ["bash", "-c", line], cwd=room, env={**os.environ, "PYTHONPATH": str(REPO)}, capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{\n  "', b"")


DEAD = "gone, end = os.pipe(); os.close(gone); os.dup2(end, {})"  # a pipe whose reader has left, as `| head -1` does
FULL = "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)"


@pytest.mark.parametrize("before", [DEAD.format(2), FULL])
def test_talk_that_nobody_hears_ends_no_run(process: Forks, room: Path, before: str) -> None:
    result = record(process.run(*TRAIN, "--format", "json", cwd=room, before=before))
    assert result["status"] == "finished"
    assert json.loads(next(room.glob("runs/*/result.json")).read_text())["status"] == "finished"


def test_a_run_whose_reader_has_left_is_finished_and_kept(process: Forks, room: Path) -> None:
    code, out, err = process.run(*TRAIN, cwd=room, before=f"{DEAD.format(1)}; os.dup2(1, 2)")
    assert (code, out, err) == (141, "", ""), "as a program that SIGPIPE has ended"
    assert json.loads(next(room.glob("runs/*/result.json")).read_text())["status"] == "finished"


def test_a_closed_terminal_does_not_end_what_nohup_started(process: Forks, room: Path) -> None:
    running = process.start(
        "train", "long.arch", *TRAIN[2:], cwd=room, before="signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    )
    running.until("epoch      1")
    running.send(signal.SIGHUP)
    running.until("epoch      3")
    running.send(signal.SIGTERM)
    assert running.wait()[0] == 143


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become a user without a name")
def test_a_user_without_a_home_trains(process: Forks, room: Path) -> None:
    """As in a container that is started with `--user 54321`."""
    for folder in [room, *room.parents[:3]]:
        folder.chmod(folder.stat().st_mode | 0o055)
    room.chmod(0o777)
    # A compiler that fails at once: what is asked is where it would have put its work.
    poor = {"ARCHDSL_NATIVE": "", "CC": "false", "TMPDIR": "/tmp"}
    before = "[os.environ.pop(n, None) for n in ('HOME', 'XDG_CACHE_HOME', 'XDG_DATA_HOME', 'USER', 'LOGNAME')]"
    args = ("train", "tiny.arch", "--precision", "fp32", "--device", "cpu", "--format", "json")
    said = process.run(*args, cwd=room, env=poor, before=before, user=54321)
    assert record(said)["status"] == "finished"
    assert said[2].count("this user has no home folder") == 1
    assert not list(Path("/tmp").glob("archdsl-??????*/native/*.so"))
    code, _, err = process.run("train", "tiny.arch", "--data", "cifar10", cwd=room, env=poor, before=before, user=54321)
    assert code in (2, 4)
    assert "internal error" not in err
