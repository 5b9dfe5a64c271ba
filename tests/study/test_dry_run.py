"""A dry run says what the command without it would train, and what it would leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl.study.execute.execution import ExecutionOptions, sequential_run
from archdsl.study.execute.runner import StudyRunner
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from tests.conftest import Cli

from .conftest import Whole

DRY = ("ablate", "tiny.arch", "--seeds", "2", "--dry-run")


def first(runs: Path) -> Path:
    return min(runs.glob("tiny-*-s1"))


def test_a_damaged_run_is_trained_with_again_alone(place: Path, whole: Whole, here: Cli) -> None:
    name = first(whole.into(place))
    (name / "result.json").write_text("{bad")
    kept, redone = (here(*DRY, *more, cwd=place).stdout for more in ((), ("--again",)))
    assert "0 of 4 runs are missing; nothing is left to run" in kept
    assert f"not trained without --again: the run {name.relative_to(place)} is damaged" in kept
    assert "1 of 4 runs is missing; about" in redone
    assert "is damaged" not in redone


def test_runs_under_other_conditions_are_trained_with_again_alone(place: Path, whole: Whole, here: Cli) -> None:
    name = first(whole.into(place)) / "versions.json"
    versions = json.loads(name.read_text())
    name.write_text(json.dumps({**versions, "torch": "1.0"}))
    kept, redone = (here(*DRY, *more, cwd=place).stdout for more in ((), ("--again",)))
    assert "0 of 4 runs are missing; nothing is left to run" in kept
    assert f"1 run is not reused: torch 1.0 instead of {versions['torch']}; --again trains them again" in kept
    assert "1 of 4 runs is missing; about" in redone
    assert "not reused" not in redone


def test_a_command_that_would_be_refused_is_named(place: Path, whole: Whole, here: Cli) -> None:
    whole.into(place)
    done = here(*DRY, "--precision", "plain", cwd=place)
    assert done.returncode == 0
    assert "without --dry-run the command is refused: --precision plain conflicts with 4 of the 4" in done.stdout
    again = here(*DRY, "--precision", "plain", "--again", cwd=place).stdout
    assert "4 of 4 runs are missing; about" in again
    assert "refused" not in again


def test_arms_that_are_one_experiment_are_trained_once(place: Path, here: Cli) -> None:
    text = (place / "tiny.arch").read_text()
    (place / "tiny.arch").write_text(text.replace("relu", "{x: relu | relu id}"))
    shown = here(*DRY, cwd=place).stdout
    assert "are the same experiment" in shown
    assert "4 of 4 runs are missing" in shown


@pytest.mark.parametrize(
    "option", [("--register",), ("--html", "page.html"), ("--watch",), ("--watch", "--port", "9000")]
)
def test_what_a_dry_run_does_not_do_is_said(place: Path, here: Cli, option: tuple[str, ...]) -> None:
    done = here(*DRY, *option, cwd=place)
    assert done.returncode == 0
    assert f"note: {option[0]}: without effect in a dry run" in done.stderr


@pytest.mark.parametrize(("apart", "left"), [(0.2, 0), (0.0, 20)])
def test_runs_of_decided_arms_are_not_left(apart: float, left: int) -> None:
    """Ten of twenty seeds are there: a decided study takes no more, an open one the other ten of both arms."""
    study = study_of("base: 'net conv(4) {norm: bn | } gap linear(10)'\ndata: fashion-mini\n")
    arms = arms_of(study)
    runner = StudyRunner(arms, cells(arms, study.seeds), Path("none"))
    for cell in runner.every:
        if cell.seed < 10:
            value = 0.5 + 0.01 * cell.seed + cell.arm * (apart or 0.01 * (-1) ** cell.seed)
            runner.found[cell.key] = Found("finished", {"test_accuracy": value}, {})
    assert len(sequential_run(study, runner, ExecutionOptions()).left) == left
