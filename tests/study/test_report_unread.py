"""A report whose reader leaves: the page is written, and the exit code says that nobody reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.study.conftest import Whole


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("args", [("report", "--curves", "--format", "csv"), ("ablate", "--quiet")], ids=lambda a: a[0])
def test_the_page_of_a_study_is_written_although_nobody_reads_the_table(
    place: Path, whole: Whole, args: tuple[str, ...]
) -> None:
    pytest.importorskip("matplotlib")
    (page,) = (whole.into(place) / "studies").glob("tiny-*/report.html")
    page.write_text("")
    gone, end = os.pipe()
    os.close(gone)
    try:
        name, *more = args
        done = subprocess.run(
            [sys.executable, "-m", "archdsl", name, "tiny.arch", "--seeds", "2", *more],
            cwd=place,
            env={**{k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}, "PYTHONPATH": str(REPO)},
            stdout=end,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(end)
    assert done.returncode == 141, done.stderr
    assert "</html>" in page.read_text()
