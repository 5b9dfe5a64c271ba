"""The live table of a study, and the lines where there is no terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from archdsl.cli.views.study_progress import Watching
from archdsl.study.execute.messages import Ready, RunProgress, RunResult
from archdsl.study.execute.runner import StudyRunner
from archdsl.study.execute.sequential import SequentialRun
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.results.decide import DecisionOptions

STUDY = """base: |
  net conv(4, s=4) {norm: bn | ln | gn(2) | } relu {a: drop(0.1) | drop(0.2) | drop(0.3) | } gap linear(10)
  data fashion-mini subset(64)
  train sgd(0.05) epochs(1)
design: full
"""


def watched(place: Path, more: str, stream: io.StringIO, *, sequential: bool) -> Watching:
    study = study_of(STUDY + more)
    arms = arms_of(study)
    runner = StudyRunner(arms, cells(arms, study.seeds), place)
    options = DecisionOptions(True)
    run = SequentialRun(arms, runner.every, runner.found, study.metric, options) if sequential else None
    return Watching(stream, runner, runner.missing, study.metric, 2, False, run)


def play(watching: Watching, blocks: int) -> None:
    watching(Ready(0, {"device": "cpu"}))
    runner = watching.runner
    for cell in sorted(runner.every, key=lambda c: (c.seed, c.arm)):
        if cell.seed >= blocks:
            continue
        value = 0.5 + 0.1 * (cell.arm == 3) - 0.2 * (cell.arm == 5) + 0.001 * ((cell.seed * (3 + cell.arm)) % 7)
        figures = {"test_accuracy": value, "seconds": 1.0}
        runner.found[cell.key] = Found("finished", figures, {})
        if watching.sequential is not None:
            watching.sequential.ended(cell.key)
        watching(RunProgress(cell.key, 0, 1, 0.5))
        watching(RunResult(cell.key, "finished", "", "", figures))


@pytest.mark.parametrize(("width", "height"), [(60, 14), (80, 24), (200, 60)])
@pytest.mark.parametrize("sequential", [True, False])
def test_the_live_table_fits_the_terminal(width: int, height: int, sequential: bool, tmp_path: Path) -> None:
    more = "max_seeds: 8\n" if sequential else "seeds: 8\n"
    watching = watched(tmp_path, more, io.StringIO(), sequential=sequential)
    watching.console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    play(watching, 6)
    shown = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    shown.print(watching._drawn())
    lines = shown.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert "running" in lines[0] and "verdict" in lines[0]  # noqa: PT018
    if height < 20:
        assert "more arms" in lines[-2]
    if sequential:
        assert "arms decided at seed 6" in lines[-1]
        assert "left at most" in lines[-1] or width == 60
    else:
        assert lines[-1].startswith("96/128 runs, about ")
    if sequential and height > 24:
        assert sum("better" in line or "worse" in line for line in lines) >= 2


def test_each_decision_is_one_line_where_there_is_no_terminal(tmp_path: Path) -> None:
    stream = io.StringIO()
    watching = watched(tmp_path, "max_seeds: 8\n", stream, sequential=True)
    play(watching, 6)
    said = stream.getvalue()
    names = [arm.name for arm in watching.runner.arms.arms]
    assert said.count("decided: ") == 2
    assert f"decided: {names[3]} is better than {names[0]} (+10." in said
    assert " points after " in said
    assert f"decided: {names[5]} is worse than {names[0]} (-20." in said
    assert "13 of 15 arms open" in said


def test_an_interrupted_study_counts_the_runs_that_were_there(tmp_path: Path) -> None:
    stream = io.StringIO()
    watching = watched(tmp_path, "seeds: 8\n", stream, sequential=False)
    play(watching, 4)
    resumed = Watching(stream, watching.runner, watching.runner.missing, "test_accuracy", 2, False)
    resumed.stopped("archdsl ablate S")
    assert "interrupted: 64 of 128 runs are done, 0 of them now; to resume: archdsl ablate S" in stream.getvalue()


def test_the_time_left_is_one_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    watching = watched(tmp_path, "seeds: 8\n", stream, sequential=False)
    watching.console = Console(file=stream, width=80, height=24)
    watching.began -= 100
    play(watching, 4)
    left = watching._remaining()
    assert stream.getvalue().rstrip().endswith(f"({left} left)")
    assert watching._summary() == f"64/128 runs, about {left} left"


def test_equal_conditions_of_several_workers_are_one_line(tmp_path: Path) -> None:
    stream = io.StringIO()
    with watched(tmp_path, "seeds: 2\n", stream, sequential=False) as watching:
        for worker in range(2):
            watching(Ready(worker, {"torch": "2.13.0", "device": "cpu"}))
    assert stream.getvalue().count("torch 2.13.0, device cpu") == 1
