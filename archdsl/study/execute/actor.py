"""What an actor of a Ray cluster does; a plain class, so that it can be tried without a cluster."""

from __future__ import annotations

import importlib
import os
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from archdsl.accelerate.threads import yield_cores
from archdsl.study.execute.bring import files_of
from archdsl.study.execute.messages import RunOptions, RunRequest, RunResult


class Actor:
    """Trains one run after the other. ``work`` runs beside ``progress`` and ``stop``, each in a thread of its own."""

    def __init__(self, options: RunOptions, work: str, token: str, collect: bool | None) -> None:
        yield_cores()
        Path(options.out).mkdir(parents=True, exist_ok=True)
        self._collect = not (Path(options.out) / token).is_file() if collect is None else collect
        module, _, function = work.partition(":")
        self._room = importlib.import_module(module)
        self._work = getattr(self._room, function)
        self._options = options
        self._progress: tuple[int, float, tuple[str, ...]] = (0, 0.0, ())
        self._stopped = threading.Event()

    def ready(self) -> dict[str, Any]:
        """Where it is, and under which conditions its runs are made."""
        return {"conditions": self._room.conditions(self._options), "host": socket.gethostname(), "pid": os.getpid()}

    def work(self, request: RunRequest) -> tuple[RunResult, dict[str, bytes] | None]:
        """Carry out a request; with the files of its run where the store is elsewhere."""
        self._progress = (0, 0.0, ())
        try:
            result: RunResult = self._work(request, self._options, self._tell, self._stopped.is_set)
        except KeyboardInterrupt as stop:
            result = RunResult(request.key, "interrupted", str(stop))
        folder = result.folder
        files = files_of(Path(folder)) if self._collect and folder else None
        return replace(result, figures=dict(result.figures)), files

    def progress(self) -> tuple[int, float, tuple[str, ...]]:
        """The epoch, the share that is done, and the warnings so far of the run under way."""
        return self._progress

    def stop(self) -> None:
        """Let the run under way make a checkpoint and end."""
        self._stopped.set()

    def _tell(self, epoch: int, share: float, *warnings: str) -> None:
        self._progress = (epoch, share, (*self._progress[2], *warnings))
