"""A worker process: it stays, takes requests from standard input, and answers on standard output, line by line.

`python -m archdsl.study.execute.worker NUMBER MODULE:FUNCTION`. When its input ends, its parent is gone: a run
that is under way makes a checkpoint, and the process leaves.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from archdsl.accelerate.threads import yield_cores
from archdsl.notices import taken
from archdsl.study.execute.messages import Ready, RunOptions, RunProgress, RunResult, line, request_of

PATIENCE = 4.0  # seconds for a checkpoint, when the parent is gone


def main(arguments: list[str]) -> int:
    """Work until the input ends."""
    number, (module, _, function) = int(arguments[0]), arguments[1].partition(":")
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:  # inherited; a study ends its workers by this signal
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    talk = _own_output()
    yield_cores()
    requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
    busy = threading.Event()
    threading.Thread(target=_read, args=(requests, busy), daemon=True).start()
    first = requests.get()
    if first is None:
        return 0
    options = RunOptions(**{**first, "again": tuple(first["again"])})
    room = importlib.import_module(module)
    work: Callable[..., RunResult] = getattr(room, function)
    # What was imported is never garbage: the collector is not to look at its 180,000 objects in each run, 0.1 s.
    gc.freeze()

    def say(kind: str, value: Any) -> None:
        talk.write(json.dumps(line(kind, value)) + "\n")
        talk.flush()

    conditions = room.conditions(options)
    say("ready", Ready(number, conditions, taken()))
    while (given := requests.get()) is not None:
        request = request_of(given)
        busy.set()
        try:
            result = work(
                request, options, lambda e, s, *w, key=request.key: say("progress", RunProgress(key, number, e, s, w))
            )
        except KeyboardInterrupt as stop:
            result = RunResult(request.key, "interrupted", str(stop))
        finally:
            busy.clear()
        say("result", result)
        if result.status == "interrupted":
            return 0
    return 0


def _own_output() -> TextIO:
    """Standard output for answers alone: whatever prints in this process goes to standard error."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "w", encoding="utf-8")


def _read(requests: queue.Queue[dict[str, Any] | None], busy: threading.Event) -> None:
    for text in sys.stdin:
        requests.put(json.loads(text))
    requests.put(None)
    if busy.is_set():  # the parent was killed
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Timer(PATIENCE, os._exit, (1,)).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
