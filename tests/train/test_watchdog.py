"""A process that hangs ends at its time limit; one that does not is left alone."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from archdsl.train.watchdog import GRACE, HUNG, Watchdog, watchdog
from tests.train.test_resume import go

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


ALIVE = """
import time
from archdsl.train.watchdog import watchdog
with watchdog(0.1, 1.0) as dog:
    for _ in range(8):
        time.sleep(0.2)
        dog.beat(0.0)
    {then}
    time.sleep({sleep})
print("left")
"""


@pytest.mark.parametrize(
    ("then", "sleep", "code"), [("dog.rest()", 2.5, 0), ("dog.beat()", 2.5, 0), ("dog.rest(); dog.beat(0.0)", 30, HUNG)]
)
def test_signs_of_life_put_the_end_off(then: str, sleep: float, code: int) -> None:
    text = ALIVE.format(then=then, sleep=sleep)
    ended = subprocess.run([sys.executable, "-c", text], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (code, "" if code else "left\n"), ended.stderr


def test_what_is_no_training_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """s: a step, with what is left of the limit; b: a batch of an evaluation; r: a rest, as what happened is written."""
    heard: list[str] = []

    class Heard(Watchdog):
        def beat(self, left: float | None = None) -> None:
            heard.append("b" if left is None else "s")
            assert left is None or 0 < left <= 1000

        def rest(self) -> None:
            heard.append("r")

    @contextmanager
    def watching(limit: float | None) -> Iterator[Watchdog]:
        assert limit == 1000
        heard.clear()
        yield Heard(limit)

    monkeypatch.setattr("archdsl.train.fit.watchdog", watching)
    text = "net gap linear(classes)\ndata fashion-mini subset(60) valid(20)\ntrain sgd(0.1) epochs(2) batch(20) evalbatch(5)\n"
    go(text, tmp_path, limit=1000.0)
    # After the constructor's own: two epochs, the end of training, the test and the validation images, the result.
    assert re.fullmatch("s(ssbbbbr){2}rb{9,}r", "".join(heard)), "".join(heard)


def test_the_watch_ends_with_the_block() -> None:
    before = threading.active_count()
    with watchdog(GRACE):
        assert threading.active_count() == before + 1
    for thread in threading.enumerate():
        if thread.name == "watchdog":
            thread.join(5)
    assert threading.active_count() == before
