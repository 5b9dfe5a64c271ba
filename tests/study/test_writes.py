"""A call that writes fails once in every process of a study: no finished run is lost, and the same command goes on to
the table of a study that nothing happened to.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.conftest import Cli

from .conftest import WHOLE, Whole

FAULTS = Path(__file__).parent / "faults"
STUDY = (*WHOLE, "--retry", "0", "--jobs", "1")
pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names open files by /proc")


@pytest.mark.parametrize(
    "fault",
    [
        f"write 1 {errno.ENOSPC}",
        f"open 15 {errno.EDQUOT}",
        pytest.param(f"write 9 {errno.ENOSPC}", marks=pytest.mark.slow),
        pytest.param(f"replace 6 {errno.EIO}", marks=pytest.mark.slow),
        pytest.param(f"fsync 12 {errno.EIO}", marks=pytest.mark.slow),
    ],
)
def test_a_write_fails_once_in_every_process(
    place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, whole: Whole, fault: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(FAULTS), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("FAULT", fault)
        done = cli(*STUDY, cwd=place)
    assert done.returncode in (3, 4), done.stderr
    assert os.strerror(int(fault.split()[2])) in done.stderr
    assert "Traceback" not in done.stderr
    finished = {p.parent.name: p.stat().st_mtime_ns for p in place.glob("runs/*/result.json")}
    again = cli(*STUDY, cwd=place)
    assert (again.returncode, again.stdout) == (0, whole.stdout), again.stderr
    now = {p.parent.name: p.stat().st_mtime_ns for p in place.glob("runs/*/result.json")}
    assert len(now) == 4
    assert {name: now[name] for name in finished} == finished
    assert not list(place.glob("runs/**/.tmp-*"))
