"""A study that tunes its arms, as a shell and a machine see it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archdsl.cli.support.watch import drawing
from archdsl.study.execute.execution import Execution, ExecutionOptions
from archdsl.study.execute.stages import prepared
from archdsl.study.plan.plan import Found
from archdsl.study.plan.tune import FIRST_SEED
from tests.conftest import Cli

from .tuned import BASE, TUNED, study

COMMAND = ("ablate", "s.yaml", "--jobs", "1", "--format", "json")


@pytest.fixture
def tuned(place: Path) -> Path:
    (place / "s.yaml").write_text(TUNED)
    return place


@pytest.mark.slow
def test_a_study_that_is_killed_while_it_tunes_ends_as_one_that_was_not(cli: Cli, here: Cli, tuned: Path) -> None:
    before = here("ablate", "s.yaml", "--dry-run", cwd=tuned)
    assert "6 of 6 tuning runs are missing; about" in before.stdout
    assert not (tuned / "runs").exists()
    process = subprocess.Popen(
        [sys.executable, "-m", "archdsl", *COMMAND, "--register"],
        cwd=tuned,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(list(tuned.glob("runs/*/result.json"))) < 2 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {p: p.stat().st_mtime_ns for p in tuned.glob("runs/*/result.json")}
    assert 2 <= len(kept) < 6
    half = json.loads(here("report", "s.yaml", "--format", "json", cwd=tuned).stdout)
    assert f"tuning: {len(kept)} of 6 runs have ended; the arms are compared once all have" in half["notes"]
    resumed = cli(*COMMAND, cwd=tuned)
    assert resumed.returncode == 0, resumed.stderr
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    whole = cli(*COMMAND, "--runs", "other", cwd=tuned)
    one, other = (json.loads(done.stdout) for done in (resumed, whole))
    assert any(n.startswith("registered on") and n.endswith("without departures") for n in one["notes"])
    assert [n for n in one.pop("notes") if not n.startswith("registered")] == other.pop("notes")
    assert one == other
    assert [row["tuning_settings"] for row in one["arms"]] == [3, 3]
    results = list(tuned.glob("runs/*/result.json"))
    assert len(results) == 10

    # A report trains nothing, and reads no test figure of a tuning run.
    tables = here("report", "s.yaml", "--tuning", "--format", "csv", cwd=tuned).stdout
    for path in results:
        run = json.loads(path.read_text())
        if json.loads((path.parent / "settings.json").read_text())["train"]["seed"] >= FIRST_SEED:
            path.write_text(json.dumps({**run, "test_accuracy": 0.001, "test_loss": 99.0}))
    again = here("report", "s.yaml", "--tuning", "--format", "csv", cwd=tuned)
    assert again.stdout == tables
    assert "<h2>Tuning</h2>" in next(tuned.glob("runs/studies/*/report.html")).read_text()
    assert "6 of 6" not in here("ablate", "s.yaml", "--dry-run", cwd=tuned).stdout
    with_words = here("report", "s.yaml", cwd=tuned).stdout
    assert "selected by valid accuracy, and compared with other seeds" in with_words
    # With more runs the first ones are found again.
    (tuned / "s.yaml").write_text(TUNED.replace("runs: 3", "runs: 4"))
    assert "2 of 8 tuning runs are missing" in here("ablate", "s.yaml", "--dry-run", cwd=tuned).stdout


def test_runs_that_a_machine_lost_are_named_and_waited_for(tmp_path: Path) -> None:
    chosen, runner = prepared(study(TUNED), tmp_path)
    assert runner.tuning is not None
    assert runner.waits
    first = runner.tuning.plan.cells[0]
    lost = Found("failed", {}, {}, message="no space left\non the disk")
    after = runner.tuning.after({first.key: lost})
    assert after.tuning is not None
    assert after.tuning.outcome.notes == ("tuning run `base: own setting, seed 1000000`: failed: no space left",)
    execution = Execution(chosen, after, ExecutionOptions())
    assert execution.todo
    assert not execution.needed
    assert runner.again().tuning == runner.tuning


def test_the_page_before_anything_is_selected(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    chosen, runner = prepared(study(TUNED), tmp_path)
    drawn = drawing(chosen, runner, None)(False)
    assert drawn is not None
    assert "Tuning: 0 of 6 runs have ended; the arms are compared once all have." in drawn
    assert "Tuning curves" not in drawn


def test_a_study_without_it_has_no_such_table(here: Cli, place: Path) -> None:
    (place / "s.yaml").write_text(BASE + "seeds: 2\n")
    refused = here("report", "s.yaml", "--tuning", cwd=place)
    assert refused.returncode == 2
    assert "the study tunes nothing" in refused.stderr
