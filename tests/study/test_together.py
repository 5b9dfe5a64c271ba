"""Several processes at one study, and workers whose parent is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import Whole

RUN = [sys.executable, "-m", "archdsl", "ablate", "tiny.arch", "--format", "tsv"]


def begun(runs: Path) -> dict[str, int]:
    """How often each run was begun, by its log."""
    found = {}
    for log in runs.glob("*/events.jsonl"):
        events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
        found[log.parent.name] = events.count("started")
    return found


@pytest.mark.parametrize("starts", [3, pytest.param(8, marks=pytest.mark.slow)])
def test_several_starts_of_one_study_make_each_run_once(place: Path, starts: int) -> None:
    command = [*RUN, "--seeds", "3", "--jobs", "1"]
    many = [
        subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(starts)
    ]
    ends = [p.communicate(timeout=240) for p in many]
    assert [p.returncode for p in many] == [0] * starts, [err for _, err in ends]
    assert len({out for out, _ in ends}) == 1
    assert begun(place / "runs") == dict.fromkeys(begun(place / "runs"), 1)
    assert len(begun(place / "runs")) == 6
    assert not list((place / "runs").glob("*/claim.json"))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks the workers up in /proc")
def test_workers_leave_with_a_checkpoint_when_the_study_is_killed(place: Path) -> None:
    slow = (place / "tiny.arch").read_text().replace("epochs(2)", "epochs(4000)")
    (place / "tiny.arch").write_text(slow)
    study = subprocess.Popen([*RUN, "--seeds", "1"], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list((place / "runs").glob("*/checkpoint*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [int(p) for p in Path(f"/proc/{study.pid}/task/{study.pid}/children").read_text().split()]
    assert workers
    study.send_signal(signal.SIGKILL)
    study.wait()
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in workers)
    assert not list((place / "runs").glob("*/claim.json"))  # they let their runs go
    assert list((place / "runs").glob("*/checkpoint*"))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def test_a_damaged_run_is_named(place: Path, whole: Whole) -> None:
    file = next(whole.into(place).glob("*-s0/result.json"))
    file.write_text('{"status": "fin')
    done = subprocess.run([*RUN, "--seeds", "1"], cwd=place, capture_output=True, text=True)
    assert done.returncode == 3
    assert f"{file.parent.name} is damaged" in done.stderr
    assert "1 damaged" in done.stdout


def test_a_store_that_cannot_be_written(place: Path) -> None:
    (place / "runs").write_text("a file")
    done = subprocess.run([*RUN, "--seeds", "1"], cwd=place, capture_output=True, text=True)
    assert done.returncode == 4
    assert "runs" in done.stderr
    assert os.listdir(place).count("runs") == 1
