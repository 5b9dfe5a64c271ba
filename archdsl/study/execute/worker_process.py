"""A process that carries out runs: what it is asked, and what it printed."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from archdsl.atomic import open_own, writing
from archdsl.study.execute.messages import RunRequest


@dataclass
class WorkerProcess:
    """A worker: its process, the request that it has, and since when nothing was heard of it."""

    number: int
    process: subprocess.Popen[str]
    log: IO[bytes]
    begun: int = 0  # bytes that the log had before it
    request: RunRequest | None = None
    ready: bool = False
    since: float = 0.0
    trains: bool = False  # whether progress of its request was heard
    done: int = 0
    reader: threading.Thread | None = None

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):  # it has died: its end is noticed elsewhere
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()

    def leave(self) -> None:
        """Let it end when it is idle."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()

    def last_words(self, logs: Path) -> str:
        """The last line that it has printed; its log has those of earlier ones, too."""
        try:
            said = log_of(logs, self.number).read_bytes()[self.begun :]
        except OSError:
            return ""
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def log_of(logs: Path, number: int) -> Path:
    """The file that a worker prints to."""
    return logs / f"worker-{number}.log"


def opened(path: Path) -> IO[bytes]:
    """The log of a worker, to be continued."""
    with writing(path):
        return os.fdopen(open_own(path, os.O_CREAT | os.O_APPEND), "ab")
