"""The libraries of the report are loaded when a worker has nothing left to do, once."""

from __future__ import annotations

import subprocess
import sys

from archdsl.cli.support.preload import NEEDED, Beforehand
from archdsl.study.execute.messages import RunProgress, RunResult

PROGRAM = f"""
import sys
from archdsl.cli.support.preload import load_all
load_all()
print([name for name in {NEEDED!r} if name not in sys.modules])
"""


def test_it_begins_when_fewer_runs_are_left_than_workers() -> None:
    seen: list[object] = []
    loads: list[int] = []
    watching = Beforehand(seen.append, runs=3, jobs=2, load=lambda: loads.append(len(seen)))
    events = [
        RunResult("a", "finished"),
        RunProgress("b", 0, 1, 0.5),
        RunResult("b", "failed"),
        RunResult("c", "finished"),
    ]
    for event in events:
        watching(event)
        if watching.thread is not None:
            watching.thread.join()
    assert seen == events
    assert loads == [3]  # after two outcomes: one run is left, and two workers


def test_what_it_loads_is_there() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
