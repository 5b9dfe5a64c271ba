"""Runs that fail by an error of their own: the store says so, whenever it happens, and binds nobody to their conditions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl.runs.conditions import ConditionOptions
from archdsl.runs.run import load_run
from archdsl.study.execute import cell
from archdsl.study.execute.messages import RunOptions, RunResult
from archdsl.study.execute.runner import StudyRunner
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import StudyFile
from archdsl.study.plan.plan import look


def runner(place: Path) -> StudyRunner:
    arms = arms_of(StudyFile("tiny", "tiny", (("tiny", str(place / "tiny.arch")),)))
    return StudyRunner(arms, cells(arms, [0], place / "runs"), place / "runs")


@pytest.fixture
def options(place: Path) -> RunOptions:
    cell.plan_of.cache_clear()
    return RunOptions(str(place / "runs"), device="cpu", precision="fp32")


@pytest.mark.parametrize("at", [1, 2])
def test_an_error_of_a_run_is_recorded_also_after_a_checkpoint(place: Path, options: RunOptions, at: int) -> None:
    study = runner(place)
    one = study.missing[0]

    def tell(epoch: int, share: float, *warnings: str) -> None:
        if epoch == at:
            raise ValueError("no good")

    result = cell.train_cell(study.request(one), options, tell)
    assert (result.status, result.message, result.cause) == ("failed", "no good", "experiment")
    found = look(study.runs, one)
    assert (found.status, found.message, found.own) == ("failed", "no good", True)
    assert found.folder is not None
    assert bool(list(found.folder.glob("checkpoint-*"))) == (at == 2)
    assert load_run(found.folder).facts.input == (1, 28, 28)


def test_a_run_that_failed_before_a_step_has_its_conditions_and_binds_nobody(
    place: Path, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = runner(place)
    one = study.missing[0]
    cell._note(study.request(one), options, "it begins with weights that are not there")
    found = look(study.runs, one)
    assert found.status == "failed"
    assert found.conditions == cell.conditions(options)
    assert found.folder is not None
    about = json.loads((found.folder / "versions.json").read_text())
    for name in ("kernels", "processor"):  # as earlier versions have noted it
        about.pop(name)
    (found.folder / "versions.json").write_text(json.dumps(about))
    monkeypatch.setenv("ARCHDSL_NATIVE", "0")
    runner(place).check(ConditionOptions())
    runner(place).check(ConditionOptions("bf16"))


def test_a_result_that_was_to_be_replaced_stays(place: Path, options: RunOptions) -> None:
    study = runner(place)
    one = study.missing[0]
    done: RunResult = cell.train_cell(study.request(one), options, lambda epoch, share: None)
    folder = Path(done.folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    cell._note(study.request(one), options, "no good")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
