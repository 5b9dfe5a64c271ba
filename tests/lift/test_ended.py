"""A file that is imported ends with all that it started, also what left its session."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archdsl import processes
from archdsl.errors import ArchError
from archdsl.importer.sources import named
from archdsl.importer.worker import in_process

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
FILE = """
import os, subprocess, sys, time
def net():
    for program in (
        "import os, time; os.setsid(); open({place!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(300)",
        "import os, time\\nif os.fork(): os._exit(0)\\nos.setsid()\\nif os.fork(): os._exit(0)\\n"
        "open({place!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(300)",
    ):
        subprocess.Popen([sys.executable, "-c", program], env={{}}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(open({place!r}).read().split()) < 2:
        time.sleep(0.01)
    {then}
"""


def over_when(sign: Callable[[], bool]) -> Callable[..., Any]:
    """A wait for a process whose time is over soon after a sign, however fast or slow this machine is."""
    real = subprocess.Popen.communicate

    def communicate(self: subprocess.Popen[str], input: str, timeout: float) -> Any:
        end, given = time.monotonic() + timeout, [input]
        while True:
            last = sign() or time.monotonic() > end
            try:
                return real(self, given.pop() if given else None, timeout=1.0 if last else 0.1)
            except subprocess.TimeoutExpired:
                if last:
                    raise

    return communicate


@pytest.mark.parametrize(
    ("then", "said"), [("time.sleep(300)", "did not end within"), ("os._exit(7)", "ended with code 7")]
)
def test_what_a_file_started_does_not_outlive_it(
    then: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "pids"
    place.touch()
    monkeypatch.setattr(subprocess.Popen, "communicate", over_when(lambda: len(place.read_text().split()) == 2))
    (tmp_path / "n.py").write_text(FILE.format(place=str(place), then=then))
    with pytest.raises(ArchError, match=said):
        in_process(named(f"{tmp_path / 'n.py'}:net()"), (3, 8, 8), False, 100.0)
    pids = [int(p) for p in place.read_text().split()]
    assert len(pids) == 2
    end = time.monotonic() + 5
    while any(p in processes.parents() for p in pids):
        assert time.monotonic() < end, "one has outlived the import"
        time.sleep(0.01)


def test_processes_of_others_are_left_alone() -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with processes.adopting():
            assert other.pid in processes.descendants(os.getpid())
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
