"""The cost to reach a target: censored runs, held to scipy and to hand-made curves."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from scipy import stats

from archdsl.errors import ArchError
from archdsl.study.answer.answer import answer
from archdsl.study.answer.measurements import Columns, Sheet
from archdsl.study.answer.measurements.mlflow import MLFLOW
from archdsl.study.answer.measurements.sheet import of_records
from archdsl.study.answer.rows import Question
from archdsl.study.answer.target import Costs, parse_target, reached

COLUMNS = Columns("model", "seed", "acc")


def curve(arm: str, seed: int, values: Sequence[float], **more: object) -> Iterator[dict[str, Any]]:
    """A run's rows: a value at the steps 10, 20, …"""
    for n, value in enumerate(values, 1):
        yield {"model": arm, "seed": seed, "step": 10 * n, "acc": value, **more}


def table(*runs: Iterator[dict[str, Any]]) -> Sheet:
    return of_records("rows", [row for run in runs for row in run])


@pytest.mark.parametrize(
    ("text", "metric", "value", "met"),
    [
        ("acc >= 94%", "acc", 0.94, 0.94),
        ("loss<=0.3", "loss", 0.3, 0.3),
        ("test acc > 1e-1", "test acc", 0.1, 0.2),
        ("eval/loss < 94 %", "eval/loss", 0.94, 0.5),
    ],
)
def test_a_target_is_read(text: str, metric: str, value: float, met: float) -> None:
    target = parse_target(text)
    assert (target.metric, target.value) == (metric, pytest.approx(value))
    assert target.met(met)
    assert not target.met(10.0 if "<" in target.sign else -10.0)


@pytest.mark.parametrize("text", ["acc", "acc >=", ">= 0.9", "acc = 0.9", "acc >= high", "acc >= nan"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ArchError, match="has another form"):
        parse_target(text)


def test_the_first_step_counts_and_others_are_censored() -> None:
    sheet = table(
        curve("base", 0, [0.1, 0.5, 0.95, 0.5, 0.97]),
        curve("base", 1, [0.1, 0.2, 0.3, 0.95]),
        curve("new", 0, [0.95, 0.5]),
        curve("new", 1, [0.1, 0.2, 0.3]),
    )
    found = reached(sheet, COLUMNS, parse_target("acc >= 0.94"), None)
    assert found.horizon == 30  # of the run that never got there
    assert found.costs["base"] == Costs((30.0, 40.0), ())
    assert found.costs["new"] == Costs((10.0,), (30.0,))
    assert found.measurements.arms == {"base": {"0": 30.0, "1": 30.0}, "new": {"0": 10.0, "1": 30.0}}
    assert any("1 of 4 runs did not reach the target" in note for note in found.measurements.notes)


def test_a_row_for_each_run_with_its_cost() -> None:
    rows = [
        {"model": arm, "seed": n, "acc": 0.95 if n else 0.5, "hours": 2.0 + n} for arm in ("a", "b") for n in range(3)
    ]
    found = reached(of_records("rows", rows), COLUMNS, parse_target("acc >= 0.9"), "hours")
    assert found.costs["a"] == Costs((3.0, 4.0), (2.0,))
    alone = reached(of_records("rows", rows), Columns("model", None, "acc"), parse_target("acc >= 0.9"), "hours")
    assert alone.costs == found.costs
    assert "each row is taken as a run" in alone.measurements.notes


def test_runs_of_an_arm_are_told_apart_by_their_column() -> None:
    rows = [row for n in range(4) for row in curve("ab"[n % 2], n, [0.1, 0.95], run=f"r{n}")]
    found = reached(of_records("rows", rows), Columns("model", None, "acc"), parse_target("acc >= 0.9"), None, "run")
    assert found.costs["a"] == Costs((20.0, 20.0), ())


def test_steps_without_a_name_of_their_run_are_refused() -> None:
    with pytest.raises(ArchError, match="which rows are of one run is not known"):
        reached(table(curve("a", 0, [0.1, 0.95])), Columns("model", None, "acc"), parse_target("acc >= 0.9"), None)


def test_two_runs_of_one_seed_are_not_mixed() -> None:
    rows = [row for name in ("r1", "r2") for row in curve("a", 0, [0.1, 0.95], run_id=name, status="FINISHED")]
    with pytest.raises(ArchError, match="the runs `r1` and `r2` both have model `a` and seed `0`"):
        reached(of_records("rows", rows, MLFLOW), COLUMNS, parse_target("acc >= 0.9"), None)
    alone = reached(of_records("rows", rows, MLFLOW), Columns("model", None, "acc"), parse_target("acc >= 0.9"), None)
    assert alone.costs["a"].runs == 2


def test_failed_runs_never_reach_it_and_running_ones_are_left_out() -> None:
    good = [curve(arm, n, [0.1, 0.95], status="FINISHED", run_name=f"{arm}{n}") for arm in ("a", "b") for n in range(2)]
    bad = curve("b", 2, [0.1], status="FAILED", run_name="crash")
    late = curve("a", 2, [0.1], status="RUNNING", run_name="late")
    sheet = of_records("rows", [row for run in (*good, bad, late) for row in run], MLFLOW)
    found = reached(sheet, COLUMNS, parse_target("acc >= 0.9"), None)
    assert found.horizon == 20
    assert found.measurements.arms["b"]["2"] == 20
    assert "2" not in found.measurements.arms["a"]
    notes = "\n".join(found.measurements.notes)
    assert "1 run failed before the target, counted as never reaching it: `crash` (FAILED)" in notes
    assert "1 run not finished, left out: `late` (RUNNING)" in notes


def test_steps_without_a_number_are_said() -> None:
    rows = [*curve("a", 0, [math.nan, 0.95]), *curve("b", 0, [0.1, 0.95])]
    found = reached(of_records("rows", rows), COLUMNS, parse_target("acc >= 0.9"), None)
    assert "rows without a number in `acc`: 1, first row 1; the target is not met there" in found.measurements.notes
    rows[0]["acc"] = "high"
    with pytest.raises(ArchError, match="row 1, column `acc`: `high`"):
        reached(of_records("rows", rows), COLUMNS, parse_target("acc >= 0.9"), None)


def test_a_target_in_percent_of_a_metric_in_percent_is_refused() -> None:
    with pytest.raises(ArchError, match=r"which means 0\.94, and row 1 has 93"):
        reached(table(curve("a", 0, [93.0])), COLUMNS, parse_target("acc >= 94%"), None)


def test_costs_are_known_up_to_the_steps_at_which_the_metric_was_logged() -> None:
    """Not up to those of rows in between, which an export has for other metrics."""
    logged = [row for arm in "ab" for seed in range(2) for row in curve(arm, seed, [0.1, 0.95])]
    between = [row | {"step": row["step"] - n, "acc": ""} for row in logged for n in (1, 2)]
    assert reached(of_records("rows", logged), COLUMNS, parse_target("acc >= 0.9"), None).grid == 10
    assert reached(of_records("rows", [*logged, *between]), COLUMNS, parse_target("acc >= 0.9"), None).grid == 10


@pytest.mark.parametrize("text", ["acc >= 94", "acc >= 0.94"])
def test_a_bare_target_of_a_metric_with_percent_signs_is_refused(text: str) -> None:
    """The cells are fractions: `err <= 5` would be reached by every run at its first row, and `acc >= 94` by none."""
    rows = [row | {"acc": "93%"} for row in curve("a", 0, [0.0])]
    with pytest.raises(ArchError, match=r"without a percent sign, and row 1 has 93%") as error:
        reached(of_records("rows", rows), COLUMNS, parse_target(text), None)
    assert "94%'" in (error.value.help or "")
    assert reached(of_records("rows", rows), COLUMNS, parse_target("acc >= 93%"), None).horizon is None


def test_the_median_is_that_of_kaplan_and_meier() -> None:
    """The leukaemia remissions of Freireich et al. 1963: a median of 23 weeks under 6-MP and 8 under placebo."""
    treated = Costs((6, 6, 6, 7, 10, 13, 16, 22, 23), (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35))
    placebo = Costs((1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23), ())
    assert treated.median() == (23.0, 13.0, None)
    assert placebo.median() == (8.0, 4.0, 11.0)
    p = treated.against(placebo)
    assert p is not None
    assert stats.chi2.isf(p, 1) == pytest.approx(16.79, abs=0.01)  # the published log-rank statistic
    assert Costs((), (5.0,)).median() == (None, None, None)
    assert Costs((), (5.0,)).against(Costs((), (6.0,))) is None


def costs(arms: Mapping[str, float], runs: int, budget: int) -> Sheet:
    """Runs that reach the target at a step drawn about a mean, unless the budget ends before."""
    draw, rows = random.Random(3), []
    for arm, mean in arms.items():
        for seed in range(runs):
            step = max(1, round(draw.gauss(mean, 8)))
            rows.append({"model": arm, "seed": seed, "step": min(step, budget), "acc": 0.95 if step <= budget else 0.5})
    return of_records("rows", rows)


@pytest.mark.parametrize("pair", ["seed", None])
def test_a_faster_arm_is_better_and_one_that_never_arrives_is_worse(pair: str | None) -> None:
    target = parse_target("acc >= 0.9")
    sheet = costs({"base": 100, "fast": 60, "never": 900, "equal": 100}, 12, 130)
    found = reached(sheet, Columns("model", pair, "acc"), target, "step")
    given = answer(found.measurements, Question("base", "step", lower=True, same=25.0), found, str(target))
    by = {row.name: row.verdict for row in given.rows}
    assert (by["fast"], by["never"]) == ("better", "worse")
    assert by["equal"] in ("same", "open")
    assert given.survival["never"].reached == 0
    assert given.survival["fast"].median == pytest.approx(60, abs=6)
    assert (given.survival["fast"].p_logrank or 1) < 0.01
    (fast,) = [row for row in given.rows if row.name == "fast"]
    assert fast.delta == pytest.approx(-40, abs=10)
