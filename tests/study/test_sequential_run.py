"""A sequential study while it is run, on workers that are played: it ends decided, wherever it was interrupted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from archdsl.study.execute.execution import results_of
from archdsl.study.execute.runner import StudyRunner
from archdsl.study.execute.sequential import SequentialRun
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.report.notes import outcome as outcome_of
from archdsl.study.results.decide import DecisionOptions
from archdsl.study.results.results import results

STUDY = """base: |
  net conv(4, s=4) {norm: bn | ln | } relu {drop: drop(0.2) | } gap linear(10)
  data fashion-mini subset(64)
  train sgd(0.05) epochs(1)
design: one-out
max_seeds: 12
"""


def outcome(arm: int, seed: int) -> Found:
    value = 0.5 + (0.0, 0.1, -0.2, 0.001)[arm] + 0.01 * random.Random(f"{arm} {seed}").gauss(0, 1)
    return Found("finished", {"test_accuracy": value, "seconds": 1.0}, {})


@pytest.mark.parametrize("stop", range(0, 48, 5))
@pytest.mark.parametrize("workers", [1, 3])
def test_a_study_that_goes_on_anywhere_ends_decided(stop: int, workers: int) -> None:
    study = study_of(STUDY)
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    options, tables = DecisionOptions(True), []
    for interrupted in (10**6, stop):
        found = {c.key: Found("missing", {}, {}) for c in every}
        left = interrupted
        while True:
            run = SequentialRun(arms, every, found, study.metric, options, group=lambda cells: [[c] for c in cells])
            if run.finished:
                break
            busy = run.next(workers)
            assert busy, "nothing is given out, and the study is not finished"
            while busy and left:
                (cell,) = busy.pop()
                found[cell.key] = outcome(cell.arm, cell.seed)
                run.ended(cell.key)
                busy += run.next(workers - len(busy))
                left -= 1
            for group in busy:  # under way when the command was stopped
                found[group[0].key] = Found("interrupted", {}, {})
            left = 10**6
        decided = results("t", study.metric, arms, study.seeds, every, found, options)
        assert all(a.verdict.decision != "open" or a.decision.why for a in decided.compared if a.verdict is not None)
        tables.append(repr([(a.name, a.decision) for a in decided.arms]))
    assert tables[0] == tables[1]


def test_a_budget_of_time_begins_no_run_that_would_end_later(tmp_path: Path) -> None:
    study = study_of(STUDY)
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    now = 0.0
    found = {c.key: Found("missing", {}, {}) for c in every}
    run = SequentialRun(arms, every, found, study.metric, DecisionOptions(True), seconds=10, clock=lambda: now)
    taken = 0
    while group := run.next(1):
        now += 1.0
        found[group[0][0].key] = outcome(group[0][0].arm, group[0][0].seed)
        run.ended(group[0][0].key)
        taken += 1
    assert 9 <= taken <= 10
    assert {d.why for d in run.deciding.decisions()[1:]} == {"the budget of 10 s is spent"}
    assert run.finished
    # The store does not know of the budget, and the table says it.
    runner = StudyRunner(arms, every, tmp_path)
    runner.found.update(found)
    for stopped, said in (("", False), (run.stopped, True)):
        shown = [*outcome_of(results_of(study, runner, look=False, stopped=stopped))]
        assert any("the budget of 10 s is spent" in text for text in shown) is said
