"""``check`` and the dry run of a study refuse what `train` refuses of data of one's own, once it has been counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from .conftest import Run

TEXT = "net flatten linear(4) relu linear(classes)\ndata {data}\ntrain sgd(0.1) epochs(1) batch(4)\n"


@pytest.fixture(params=["csv", "folder"])
def spec(request: pytest.FixtureRequest, tmp_path: Path, run: Run) -> str:
    """A text on 20 rows or pictures, of which 16 train."""
    if request.param == "csv":
        rows = "".join(f"{n}.5,{n % 7},{'yn'[n % 2]}\n" for n in range(20))
        (tmp_path / "t.csv").write_text(f"a,b,label\n{rows}")
        word = 'csv("t.csv")'
    else:
        for n in range(20):
            (tmp_path / "p" / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (n, 2 * n, 200 - n)).save(tmp_path / "p" / "ab"[n % 2] / f"{n}.png")
        word = 'folder("p", size=4)'
    (tmp_path / "s.arch").write_text(TEXT.format(data=word))
    return "s.arch"


def test_counts_are_checked_before_a_run(spec: str, run: Run) -> None:
    for wrong in ("data.subset=90000", "data.valid=90000", "data.valid=16"):
        said = [
            run(*command, "--set", wrong)
            for command in (("check", spec), ("ablate", spec, "--dry-run"), ("train", spec))
        ]
        assert [done.code for done in said] == [2, 2, 2], wrong
        messages = {
            line for done in said for line in (done.out + done.err).splitlines() if "error" in line and "A224" in line
        }
        assert len({m.partition("A224]: ")[2] for m in messages}) == 1, messages
    for right in ("data.subset=16", "data.valid=15"):
        assert run("check", spec, "--set", right).code == 0
