"""`archdsl verdict` on the exported rows of a study gives the verdicts on the study's own numbers."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from archdsl.report.text import csv_text
from archdsl.study.report import tables
from archdsl.study.stats.sequential import uneven
from archdsl.study.stats.verdicts import verdicts
from tests.cli.conftest import Run, run
from tests.study.test_html import made

__all__ = ["run"]


def value(arm: int, seed: int) -> float:
    return 0.5 + 0.03 * arm + 0.004 * random.Random(f"{arm} {seed}").gauss(0, 1)


def test_the_verdicts_are_those_on_the_numbers_of_the_study(run: Run, tmp_path: Path) -> None:
    results = made("seeds: 9\n", value)
    (tmp_path / "each.csv").write_text(csv_text(tables.each(results, people=False)))
    base = results.arms[0]
    done = run(
        "verdict",
        "each.csv",
        "--arm",
        "arm",
        "--pair",
        "seed",
        "--metric",
        "test_accuracy",
        "--reference",
        base.name,
        "--same",
        "0.005",
        "--format",
        "json",
    )
    assert done.code == 0, done.err
    found = json.loads(done.out)
    deltas = {
        arm.name: [arm.values[seed] - base.values[seed] for seed in sorted(base.values)] for arm in results.arms[1:]
    }
    seeds = sorted(base.values)
    flags = {a.name: uneven([a.values[s] for s in seeds], [base.values[s] for s in seeds]) for a in results.arms[1:]}
    for arm, (name, verdict) in zip(found["arms"], verdicts(deltas, same=0.005, uneven=flags).items(), strict=True):
        assert (arm["arm"], arm["verdict"], arm["decided_after"]) == (name, verdict.decision, verdict.decided)
        assert (arm["p"], arm["low"], arm["high"]) == (verdict.p, verdict.low, verdict.high)
    assert "runs of archdsl (csv)" in "".join(found["notes"])


def test_a_run_that_diverged_is_refused_or_counted(run: Run, tmp_path: Path) -> None:
    results = made("seeds: 9\n", lambda arm, seed: None if (arm, seed) == (1, 4) else value(arm, seed))
    (tmp_path / "each.csv").write_text(csv_text(tables.each(results, people=False)))
    asked = (
        "verdict",
        "each.csv",
        "--arm",
        "arm",
        "--pair",
        "seed",
        "--metric",
        "test_accuracy",
        "--reference",
        results.arms[0].name,
    )
    done = run(*asked)
    assert done.code == 2
    assert "1 run failed: row " in done.err
    assert "(diverged)" in done.err
    assert run(*asked, "--failed", "10%").code == 0
    assert "has no row for pair" in run(*asked, "--failed", "drop").err
    assert run(*asked, "--failed", "drop", "--missing", "drop").code == 0


@pytest.mark.parametrize("state", ["running", "missing", "damaged"])
def test_runs_under_way_are_left_out_by_name(run: Run, tmp_path: Path, state: str) -> None:
    results = made("seeds: 9\n", value)
    lines = csv_text(tables.each(results, people=False)).splitlines()
    lines[-1] = lines[-1].replace("finished", state)
    (tmp_path / "each.csv").write_text("\n".join(lines) + "\n")
    done = run(
        "verdict",
        "each.csv",
        "--arm",
        "arm",
        "--pair",
        "seed",
        "--metric",
        "test_accuracy",
        "--reference",
        results.arms[0].name,
    )
    assert done.code == 0, done.err
    assert f"1 run not finished, left out: row {len(lines) - 1} ({state})" in done.out
