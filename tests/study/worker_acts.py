"""Work that a worker does in the tests of the engine: what happens is told by the request's text."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from archdsl.study.execute.messages import RunOptions, RunRequest, RunResult


def conditions(options: RunOptions) -> dict[str, str]:
    births = Path(options.out) / "births"
    with births.open("a") as file:
        file.write(f"{os.getpid()}\n")
    if len(births.read_text().split()) <= int(os.environ.get("STILLBORN", "0")):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"torch": "none"}


def act(request: RunRequest, options: RunOptions, tell: Callable[[int, float], None]) -> RunResult:
    tries = Path(options.out) / f"{request.key}.tries"
    with tries.open("a") as file:
        file.write(f"{os.getpid()}\n")
    count = len(tries.read_text().split())
    verb, _, rest = request.text.partition(" ")
    if verb == "die" and count <= int(rest or 99):
        sys.stderr.write("the last words of a worker\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if verb == "quit":
        os._exit(7)
    if verb == "end" and count <= int(rest or 99):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        os.kill(os.getpid(), signal.SIGTERM)
    if verb == "hang":
        tell(1, 0.5)
        time.sleep(60)
    if verb == "talk":
        for n in range(int(rest)):
            tell(n, 0.5)
            time.sleep(0.2)
    if verb == "chatter":
        sys.stdout.write("this would not be JSON\n")
        sys.stdout.flush()
    if verb == "busy" and count <= int(rest):
        return RunResult(request.key, "busy", "another process is at it")
    if verb == "fail":
        return RunResult(request.key, "failed", "no good", rest)
    if verb == "sleep":
        tell(1, 0.5)
        time.sleep(float(rest))
    return RunResult(request.key, "finished", figures={"pid": os.getpid(), "core": sorted(_cores())})


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
