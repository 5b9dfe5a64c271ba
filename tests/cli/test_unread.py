"""Output that nobody takes, whichever way a command ends: a full disk, a reader that has left, a process of torchrun; and a
stream that does not have its characters.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from archdsl.cli.output import put_json
from tests.conftest import REPO

ENV = {**{k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}, "PYTHONPATH": str(REPO)}
START = [sys.executable, "-m", "archdsl"]
BAD = ("check", "conv(8) rellu", "--input", "3x8x8", "--classes", "10")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither such pipes nor /dev/full")


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe whose reader has left."""
    gone, end = os.pipe()
    os.close(gone)
    yield end
    os.close(end)


@pytest.mark.parametrize("args", [BAD, ("params", "conv(8)", "nothing.arch", *BAD[2:])], ids=lambda a: a[0])
def test_a_full_disk_is_the_environment_also_where_a_command_finds_faults(args: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*START, *args], stdout=full, stderr=subprocess.PIPE, env=ENV, text=True)
    assert done.returncode == 4
    assert "No space left" in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    "args", [("params", "conv(8)"), ("words", "--format", "json"), ("ablate", "--help"), BAD], ids=lambda a: a[0]
)
def test_a_reader_that_has_left_is_no_fault_of_a_command(unread: int, args: tuple[str, ...]) -> None:
    """However much it prints, and however it ends."""
    done = subprocess.run([*START, *args], stdout=unread, stderr=subprocess.PIPE, env=ENV, text=True)
    assert done.returncode == 141
    assert "error" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_process_of_torchrun_writes_what_it_says_before_it_ends() -> None:
    code = (
        "import sys\nsys.modules['torch.distributed'] = sys\n"  # it ends as one that has joined a group
        "from archdsl.cli.main import run\nrun()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *BAD], capture_output=True, env={**ENV, "RANK": "0"}, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "A201" in done.stdout


def test_json_is_whole_on_a_stream_that_does_not_have_its_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, "ascii"))
    put_json({"arm": "−res"})
    sys.stdout.flush()
    assert json.loads(raw.getvalue()) == {"arm": "−res"}
