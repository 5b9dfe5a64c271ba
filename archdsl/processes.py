"""How a process starts others, what they start, and their end. Linux lists processes in /proc; elsewhere only groups can be
ended.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ADOPTS = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
PATIENCE = 5.0  # seconds in which processes that were killed have to be gone
INSTALLED = ("site-packages", "dist-packages")  # folders in which Python itself looks


def python(*arguments: str) -> list[str]:
    """The command of another Python that, as this one's console script, does not import from the working directory: a file there
    may have the name of any module.
    """
    return [sys.executable, "-P", *arguments]


def environment(**more: str) -> dict[str, str]:
    """The variables of another Python, with which it finds this very package, also where that is not installed."""
    found, own = {**os.environ, **more}, Path(__file__).resolve().parents[1]
    if own.name not in INSTALLED:
        found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(own), found.get("PYTHONPATH")]))
    return found


def parents() -> dict[int, int]:
    """The parent of every process that can be seen; empty where the system does not list them so."""
    found: dict[int, int] = {}
    with suppress(OSError):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError, IndexError, ValueError):
                    # The name of the program is in brackets and may hold anything.
                    fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                    if fields[0] not in ("Z", "X"):
                        found[int(entry.name)] = int(fields[1])
    return found


def descendants(pid: int) -> list[int]:
    """Every process that ``pid`` or one of its descendants has started, as long as the ones between them live."""
    tree = parents()
    found, fresh = [], [pid]
    while fresh:
        fresh = [child for child, parent in tree.items() if parent in fresh and child not in found]
        found += fresh
    return found


def kill(pids: Iterable[int], number: int = signal.SIGTERM) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_tree(pid: int) -> None:
    """Kill a process that leads a group, with its group and all that it started, those that left the group included. Where
    processes cannot be listed, the group alone.
    """
    started = descendants(pid)
    with suppress(ProcessLookupError, PermissionError, AttributeError):
        os.killpg(pid, signal.SIGKILL)
    kill(started, getattr(signal, "SIGKILL", signal.SIGTERM))


@contextmanager
def adopting() -> Iterator[None]:
    """While entered, processes whose parent has ended become children of this one (Linux); when left, all that came in this
    way, and their descendants, are killed. For a process that starts nothing else meanwhile.
    """
    before = set(descendants(os.getpid()))
    adopts = _adopt(True)
    try:
        yield
    finally:
        if adopts:
            _end_strays(before)
            _adopt(False)


def _end_strays(before: set[int]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        strays = [pid for pid in descendants(os.getpid()) if pid not in before]
        if not strays:
            return
        kill(strays, signal.SIGKILL)
        for pid in strays:
            with suppress(ChildProcessError, OSError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.005)


def _adopt(on: bool) -> bool:
    """Become the parent of orphans among the descendants, or stop being it; whether the system has that."""
    import ctypes

    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(ADOPTS, int(on), 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
