"""Ends a process that hangs: the loop asks for its time limit between steps, a step that never ends does not."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

GRACE = 30.0  # seconds after the limit in which the loop may still end by itself
HUNG = 3  # the exit code of a run that failed
PAUSE = 600.0  # seconds that a batch of an evaluation may take, which no limit counts
LOOK = 1.0  # seconds between two looks at the clock


class Watchdog:
    """Kills this process once there has been no sign of life for what is left of the ``limit``, and ``grace`` seconds more; None
    for no limit. The last checkpoint stays. What is no training, such as a validation, may so take as long as it does.
    """

    def __init__(self, limit: float | None = None, grace: float = GRACE) -> None:
        self._limit, self._grace = limit, grace
        self._ended = threading.Event()
        self.beat(limit or 0.0)

    def beat(self, left: float | None = None) -> None:
        """A sign of life, with the seconds of training that are left; None before what is not training."""
        self._deadline = time.monotonic() + (PAUSE if left is None else max(left, 0.0)) + self._grace

    def rest(self) -> None:
        """No sign of life is expected until the next one."""
        self._deadline = math.inf

    def start(self) -> None:
        """Watch from now on, if there is a limit."""
        if self._limit is not None:
            threading.Thread(target=self._watch, args=(self._limit,), name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()

    def _watch(self, limit: float) -> None:
        while not self._ended.wait(min(max(self._deadline - time.monotonic(), 0.0), LOOK)):
            if time.monotonic() >= self._deadline:
                _end(limit)


@contextmanager
def watchdog(limit: float | None, grace: float = GRACE) -> Iterator[Watchdog]:
    """Kill this process if there is no sign of life within the block for ``grace`` seconds more than what is left of its
    ``limit``; the last checkpoint stays.
    """
    found = Watchdog(limit, grace)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def _end(limit: float) -> None:
    with suppress(OSError, ValueError, AttributeError):  # nobody may be listening
        print(
            f"error: the run hangs: its time limit of {limit:g} s is long over\n"
            "help: the same command resumes from the last checkpoint",
            file=sys.__stderr__,
            flush=True,
        )
    os._exit(HUNG)
