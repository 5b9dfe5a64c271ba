"""Ends a process that hangs: the loop asks for its time limit between steps, a step that never ends does not."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

GRACE = 30.0  # seconds after the limit in which the loop may still end by itself
HUNG = 3  # the exit code of a run that failed


@contextmanager
def watchdog(limit: float | None, grace: float = GRACE) -> Iterator[None]:
    """Kill this process if the block is not left ``grace`` seconds after its ``limit``; the last checkpoint
    stays.
    """
    if limit is None:
        yield
        return
    timer = threading.Timer(limit + grace, _end, (limit,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(limit: float) -> None:
    with suppress(OSError, ValueError, AttributeError):  # nobody may be listening
        print(
            f"error: the run hangs: its time limit of {limit:g} s is long over\n"
            "help: the same command resumes from the last checkpoint",
            file=sys.__stderr__,
            flush=True,
        )
    os._exit(HUNG)
