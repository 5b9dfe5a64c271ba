"""A process that hangs ends at its time limit; one that does not is left alone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from archdsl.train.watchdog import GRACE, HUNG, watchdog

HANGS = """
import time
from archdsl.train.watchdog import watchdog
with watchdog({limit}, {grace}):
    time.sleep({sleep})
print("left")
"""


def ran(limit: float | None, grace: float, sleep: float) -> subprocess.CompletedProcess[str]:
    text = HANGS.format(limit=limit, grace=grace, sleep=sleep)
    return subprocess.run([sys.executable, "-c", text], check=False, capture_output=True, text=True, timeout=60)


def test_a_step_that_never_ends_is_ended() -> None:
    began = time.monotonic()
    ended = ran(0.2, 0.3, 50)
    assert time.monotonic() - began < 30
    assert ended.returncode == HUNG
    assert ended.stdout == ""
    assert "hangs" in ended.stderr
    assert "0.2 s" in ended.stderr
    assert "the same command resumes" in ended.stderr


@pytest.mark.parametrize(("limit", "grace", "sleep"), [(None, 0.0, 0.1), (0.5, 5.0, 0.6)])
def test_one_that_ends_within_the_grace_is_left_alone(limit: float | None, grace: float, sleep: float) -> None:
    ended = ran(limit, grace, sleep)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "left\n", "")


def test_the_timer_ends_with_the_block() -> None:
    before = threading.active_count()
    with watchdog(GRACE):
        assert threading.active_count() == before + 1
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(5)
    assert threading.active_count() == before
