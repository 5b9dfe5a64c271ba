"""Command lines as processes that begin with torch in memory: a process is made once and forks for each of them.

What a fresh interpreter sets up is set up again: streams, signals, the environment, the working folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import REPO

SERVER = """
import io, json, os, signal, sys, tempfile
import rich.live, rich.progress, rich.table  # for a user who may not read where they lie
from archdsl.cli.main import main, run

# A training imports much and unpacks the embedded data: once here.
with tempfile.TemporaryDirectory() as room:
    text = "net gap linear(classes)\\ndata fashion-mini subset(20)\\ntrain sgd(0.1) epochs(1)\\n"
    assert main(["train", text, "--precision", "plain", "--out", room, "--quiet", "--format", "json"]) == 0
print(flush=True)

def opened(number, path, mode):
    if path is None:
        os.close(number)
        return None
    os.dup2(os.open(path, os.O_RDONLY if mode == "r" else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), number)
    return io.TextIOWrapper(open(number, mode + "b", 0 if number == 2 else -1, closefd=False), write_through=number == 2)

for line in iter(sys.stdin.readline, ""):
    order = json.loads(line)
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        streams = [opened(n, p, m) for n, (p, m) in enumerate(zip(order["streams"], "rww"))]
        os.environ.update(order["env"])
        os.chdir(order["cwd"])
        if order["user"]:
            os.setgroups([])
            os.setgid(order["user"])
            os.setuid(order["user"])
        sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams
        sys.argv = ["archdsl", *order["args"]]
        exec(order["before"])
        code = 0
        try:
            run()
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 1
        try:
            sys.stdout and sys.stdout.flush()
        except OSError:
            print("Exception ignored", file=sys.stderr)
            code = 120
        os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
NOBODY = 65534


@dataclass
class Process:
    """A command line at work. ``stdout`` and ``stderr`` are files."""

    pid: int
    server: subprocess.Popen[str]
    stdout: Path
    stderr: Path
    ended: bool = False

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> tuple[int, str, str]:
        """Exit code, data and talk."""
        assert self.server.stdout is not None
        code, self.ended = int(self.server.stdout.readline()), True
        return code, _text(self.stdout), _text(self.stderr)

    def kill(self) -> None:
        """End what a test that failed has left at work, so that it fails alone."""
        if not self.ended:
            with suppress(ProcessLookupError):
                self.send(signal.SIGKILL)
            self.wait()

    def until(self, sign: str, seconds: float = 60) -> None:
        """Wait for a text in what it says."""
        end = time.monotonic() + seconds
        while sign not in _text(self.stderr):
            assert time.monotonic() < end, _text(self.stderr)
            time.sleep(0.01)


def _text(path: Path) -> str:
    return path.read_text("utf-8", "backslashreplace") if path.exists() else ""


@dataclass
class Forks:
    """Starts command lines, one at a time."""

    server: subprocess.Popen[str]
    room: Path
    made: int = field(default=0)
    last: Process | None = None

    def start(
        self,
        *args: str,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        before: str = "",
        closed: Sequence[int] = (),
        full: bool = False,
        user: int = 0,
    ) -> Process:
        """Begin a command line.

        Args:
            before: Python code that it runs first.
            closed: streams (0, 1, 2) that it does not have.
            full: standard output is a full disk.
            user: the number of the user that it runs as, where this process may choose.
        """
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        if self.last is not None:
            self.last.kill()
        self.made += 1
        out, err = (self.room / f"{self.made}.{n}" for n in ("out", "err"))
        for path in (out, err):
            path.touch()
            path.chmod(0o666)
        streams: list[str | None] = ["/dev/null", "/dev/full" if full else str(out), str(err)]
        for number in closed:
            streams[number] = None
        order = {
            "args": args,
            "cwd": str(cwd),
            "env": dict(env or {}),
            "before": before,
            "streams": streams,
            "user": user,
        }
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        self.last = Process(int(self.server.stdout.readline()), self.server, out, err)
        return self.last

    def run(self, *args: str, **more) -> tuple[int, str, str]:
        """A command line from its start to its end: exit code, data and talk."""
        return self.start(*args, **more).wait()


@contextmanager
def forks(room: Path) -> Iterator[Forks]:
    """The process that forks, for the length of a block."""
    env = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    while server.stdout.readline() not in ("\n", ""):  # what the first training says
        pass
    started = Forks(server, room)
    try:
        yield started
    finally:
        if started.last is not None:
            started.last.kill()
        server.communicate(timeout=60)
