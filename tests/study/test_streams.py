"""A study whose listeners leave, whose terminal is closed, or whose disk takes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archdsl.cli.main import main

DEFAULT = """
import signal  # who runs the tests may ignore it
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from archdsl.cli.main import run
run()
"""
RUN = [sys.executable, "-m", "archdsl"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither such pipes nor SIGHUP")


def finished(runs: Path) -> list[Path]:
    return list(runs.glob("*/result.json"))


def test_a_study_that_nobody_hears_is_finished_and_its_table_printed(place: Path) -> None:
    gone, end = os.pipe()
    os.close(gone)
    try:
        done = subprocess.run(
            [*RUN, "ablate", "tiny.arch", "--seeds", "1", "--jobs", "1", "--precision", "fp32", "--format", "json"],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=end,
            text=True,
            check=False,
        )
    finally:
        os.close(end)
    assert done.returncode == 0
    assert [(r["finished"], r["runs"]) for r in json.loads(done.stdout)["arms"]] == [(1, 1), (1, 1)]
    assert len(finished(place / "runs")) == 2


def test_a_study_whose_terminal_is_closed_ends_as_by_sigterm(place: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DEFAULT, "ablate", "tiny.arch", "--seeds", "60", "--jobs", "1", "--format", "tsv"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 90
    while not finished(place / "runs") and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (129, ""), err
    assert "interrupted: " in err
    assert "to resume: archdsl ablate tiny.arch" in err


def test_the_names_of_before_are_understood_and_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "bn.arch").write_text(
        "net conv(4) bn relu gap linear(10)\ndata fashion-mini subset(64)\ntrain sgd(0.1) epochs(1)\n"
    )
    new = ["--without", "bn", "--dry-run", "--format", "json"]
    assert main(["ablate", "bn.arch", *new]) == 0
    expected, err = capsys.readouterr()
    assert "note" not in err
    assert main(["ablate", "bn.arch", "--out", *new[1:]]) == 0
    out, err = capsys.readouterr()
    assert out == expected
    assert "note: --out is called --without now" in err
    assert main(["ablate", "bn.arch", "--in", "mixup(0.2)", "--dry-run"]) == 0
    assert "note: --in is called --with now" in capsys.readouterr().err
    assert main(["ablate", "bn.arch", "--out", "other-folder", "--dry-run"]) == 2
    assert "--runs names the folder of runs" in capsys.readouterr().err
    for command in ("train", "runs", "plot", "ablate", "report"):
        assert main([command, "--help"]) == 0
        shown = capsys.readouterr().out
        assert "--runs" in shown, command
        assert "--in " not in shown


def test_what_a_closed_disk_advises_is_an_option_of_the_command(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "runs").write_text("in the place of the folder")
    for args, help in (
        (["ablate", "tiny.arch", "--seeds", "1"], "name another folder of runs with --runs"),
        (["train", "net gap linear(classes)\ndata fashion-mini"], "name another folder of runs with --runs"),
        (["report", "tiny.arch", "--html", "runs/r.html"], "name a place that can be written"),
    ):
        assert main(args) == 4
        err = capsys.readouterr().err
        assert "cannot write runs" in err, err
        assert help in err.splitlines()[-1]
        assert "--out" not in err
