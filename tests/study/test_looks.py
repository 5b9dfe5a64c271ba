"""What counts as a look at a fixed design, and as a run before its plan: runs that failed do, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl.runs.run import OUTCOME, RESULT
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.report.tables import each
from archdsl.study.results.results import results
from tests.conftest import Cli

from .conftest import Whole

FIXED = ("tiny.arch", "--seeds", "2")


def ended(runs: Path, status: str) -> Path:
    """One of the runs, as one that ended without a result."""
    run = min(runs.glob("tiny-*-s1"))
    (run / RESULT).unlink()
    if status:
        (run / OUTCOME).write_text(json.dumps({"status": status, "message": "it did not"}))
    return run


@pytest.mark.parametrize(("status", "looks"), [("failed", 1), ("oom", 1), ("", 0)])
def test_a_look_at_runs_that_failed_is_one(place: Path, whole: Whole, here: Cli, status: str, looks: int) -> None:
    """One at runs that are not all made is none: the study is not at its number of seeds."""
    runs = whole.into(place)
    ended(runs, status)
    kept = next((runs / "studies").iterdir()) / "looks.json"
    kept.unlink()
    shown = here("report", *FIXED, cwd=place)
    assert f"1 {status or 'interrupted'}" in shown.stdout
    assert len(json.loads(kept.read_text()) if kept.exists() else ()) == looks


@pytest.mark.parametrize("status", ["failed", "timeout", ""])
def test_a_plan_is_registered_before_a_run_that_failed_or_was_begun(
    place: Path, whole: Whole, here: Cli, status: str
) -> None:
    runs = whole.into(place)
    kept = ended(runs, status)
    for run in runs.glob("tiny-*"):
        if run != kept:
            (run / "settings.json").rename(run / "no settings")
            run.rename(place / run.name)
    refused = here("ablate", *FIXED, "--register", cwd=place)
    assert refused.returncode == 2
    assert "1 run of the study is there already, and a plan is registered before the first one" in refused.stderr


def test_a_run_that_lacks_its_evaluation_is_not_running() -> None:
    text = (
        "base: |\n  net conv(4) drop(0.2) gap linear(10)\n  data fashion-mini\n  evaluate {mc(3) | mc(5)}\nseeds: 1\n"
    )
    arms = arms_of(study_of(text))
    every = cells(arms, range(1))
    found = {c.key: Found("missing", {}, {}, Path("runs/net-s0")) for c in every}
    shown = each(results("t", "test_accuracy", arms, range(1), every, found), people=False)
    at = [column.id for column in shown.columns].index("status")
    assert [row[at] for row in shown.rows] == ["missing", "missing"]
