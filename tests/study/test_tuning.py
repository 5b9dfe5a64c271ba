"""What tuning selects, and the curves with their bands."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from math import fsum
from typing import Any

import pytest

from archdsl.study.plan.plan import Found
from archdsl.study.plan.tune import FIRST_SEED
from archdsl.study.plan.tuning import TuningPlan
from archdsl.study.report.tuning_table import every, table
from archdsl.study.report.tuning_text import _lead as lead
from archdsl.study.results.results import results
from archdsl.study.results.scale import scale_of
from archdsl.study.results.tuning import Tuning, tuning_of
from archdsl.study.stats.tuning_curve import band, envelopes, expected_best, joint

from .tuned import TUNED, plan_of


@pytest.fixture(scope="module")
def plan() -> TuningPlan:
    return plan_of(TUNED.replace("runs: 3", "runs: 5"))


class Blind(Mapping[str, Any]):
    """Figures of a run that nobody may read the test figures of."""

    def __init__(self, **figures: float) -> None:
        self.figures = figures

    def __getitem__(self, key: str) -> Any:
        assert not key.startswith("test"), f"{key} was read"
        return self.figures[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.figures)

    def __len__(self) -> int:
        return len(self.figures)


def found_of(plan: TuningPlan, score: Callable[[int, int], float | str]) -> dict[str, Found]:
    """What the store would have: the validation accuracy of each arm's setting, or how its run ended."""
    numbers = [(arm, n) for arm, own in enumerate(plan.settings) for n in range(len(own))]
    found = {}
    for cell in plan.cells:
        value = score(*numbers[cell.arm])
        found[cell.key] = (
            Found(value, {}, {}, own=value in ("diverged", "failed"))  # type: ignore[arg-type]
            if isinstance(value, str)
            else Found("finished", Blind(valid_accuracy=value, train_accuracy=value, test_accuracy=1 - value), {})
        )
    return found


def selected(plan: TuningPlan, score: Callable[[int, int], float | str]) -> Tuning:
    return tuning_of(plan, found_of(plan, score))


def test_the_best_is_selected_and_the_earlier_of_equal_ones(plan: TuningPlan) -> None:
    scores = ((0.5, 0.7, 0.7, 0.6, 0.2), (0.8, 0.7, 0.6, 0.5, 0.8))
    outcome = selected(plan, lambda arm, n: scores[arm][n])
    assert outcome.picks == (1, 0)
    assert [t.score for t in outcome.arms[0].trials] == list(scores[0])


def test_settings_that_diverge_or_do_not_train_lose(plan: TuningPlan) -> None:
    scores = (("diverged", 0.05, "failed", 0.4, "oom"), ("diverged", "failed", 0.05, 0.08, "timeout"))
    outcome = selected(plan, lambda arm, n: scores[arm][n])
    assert outcome.picks == (3, 3)
    assert outcome.arms[0].lost == {"diverged": 1, "did not train": 1, "failed": 1, "oom": 1}
    assert [t.loses for t in outcome.arms[0].trials] == [True, True, True, False, True]
    assert outcome.arms[0].trials[1].score == 0.05
    assert [t.loses for t in outcome.arms[1].trials] == [True, True, False, False, True]
    assert selected(plan, lambda arm, n: "diverged").picks == (0, 0)


@pytest.mark.parametrize(
    ("own", "tuned", "said"),
    [((0.5, 0.4), (0.6, 0.7), True), ((0.5, 0.5), (0.6, 0.7), False), ((0.5, 0.4), (0.7, 0.7), False)],
)
def test_arms_that_are_equal_lead_together(
    plan: TuningPlan, own: tuple[float, ...], tuned: tuple[float, ...], said: bool
) -> None:
    outcome = selected(plan, lambda arm, n: tuned[arm] if n == 1 else own[arm])
    assert any("leads with its own setting" in text for text in lead(outcome)) is said


@pytest.mark.parametrize("status", ["missing", "interrupted", "running", "foreign", "damaged"])
def test_nothing_is_selected_before_every_run_has_ended(plan: TuningPlan, status: str) -> None:
    outcome = selected(plan, lambda arm, n: status if (arm, n) == (1, 4) else 0.5)
    assert outcome.picks is None
    assert (outcome.ended, outcome.planned) == (9, 10)
    assert all(arm.pick is None and not arm.curve for arm in outcome.arms)


def test_a_score_is_the_mean_over_the_tuning_seeds() -> None:
    plan = plan_of(TUNED.replace("runs: 3", "runs: 2\n  seeds: 2"))
    assert [c.seed for c in plan.cells[:2]] == [FIRST_SEED, FIRST_SEED + 1]
    found = found_of(plan, lambda arm, n: 0.5)
    by_seed = {FIRST_SEED: 0.9, FIRST_SEED + 1: 0.3}
    for cell in plan.cells[:2]:
        found[cell.key] = Found("finished", Blind(valid_accuracy=by_seed[cell.seed], train_accuracy=0.9), {})
    assert tuning_of(plan, found).arms[0].trials[0].score == pytest.approx(0.6)
    found[plan.cells[0].key] = Found("diverged", {}, {}, own=True)
    assert tuning_of(plan, found).picks == (1, 0)


def test_the_expectation_is_the_mean_over_all_sets_of_draws() -> None:
    scores = [0.3, 0.1, 0.7, 0.7, 0.5, 0.2]
    for k, value in enumerate(expected_best(scores), 1):
        best = [max(some) for some in combinations(scores, k)]
        assert value == pytest.approx(fsum(best) / len(best), rel=1e-12)


def test_the_curve_of_an_arm_begins_with_its_own_setting(plan: TuningPlan) -> None:
    scores = (0.4, 0.6, 0.2, "diverged", 0.5)
    outcome = selected(plan, lambda arm, n: scores[n])
    curve = outcome.arms[0].curve
    assert [p.runs for p in curve] == [1, 2, 3, 4, 5]
    assert (curve[0].expected, curve[0].low, curve[0].high) == (0.4, 0.4, 0.4)
    draws = [0.6, 0.2, 0.1, 0.5]  # a run that diverged counts as chance
    for point in curve[1:]:
        best = [max(0.4, *some) for some in combinations(draws, point.runs - 1)]
        assert point.expected == pytest.approx(fsum(best) / len(best))
        assert point.low is not None
        assert point.high is not None
        assert 0.4 <= point.low <= point.expected <= point.high <= 1
    assert curve[-1].expected == 0.6


def test_a_curve_over_every_setting_has_no_band() -> None:
    plan = plan_of(TUNED.replace("rate: log(1e-3..1)", "rate: [0.05, 0.1]").replace("runs: 3", "runs: 12"))
    curve = selected(plan, lambda arm, n: 0.2 + 0.1 * n).arms[0].curve
    assert [p.low for p in curve] == [pytest.approx(0.2), None, None, None]
    assert curve[-1].expected == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["arm", "run", "status", "score", "selected", "expected", "low", "high"])
def test_a_value_that_is_tuned_may_be_called_like_a_column(name: str) -> None:
    plan = plan_of(TUNED.replace("rate", name))
    outcome = selected(plan, lambda arm, n: 0.2 + 0.1 * n)
    empty = {cell.key: Found("missing", {}, {}) for cell in plan.every}
    found = replace(results("t", "test_accuracy", plan.untuned, (0, 1), plan.every, empty), tuning=outcome)
    ids = [column.id for column in every(found).columns]
    assert ids[:4] == ["arm", "run", f"tuned {name}", "train.wd"]
    assert ids[4:] == ["status", "score", "selected", "expected", "low", "high"]
    assert table(found).columns


def test_without_a_score_and_without_chance_there_is_no_curve(
    plan: TuningPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A diverged loss of unknown chance is not 0, which would be the best one."""
    monkeypatch.setattr("archdsl.study.results.tuning.scale_of", lambda *of: replace(scale_of(*of), chance=None))
    outcome = selected(plan, lambda arm, n: "diverged")
    assert outcome.picks == (0, 0)
    assert not any(arm.curve for arm in outcome.arms)


def test_the_joint_level_is_that_of_simulated_draws() -> None:
    low, high = (0.05, 0.1, 0.3, 0.5), (0.5, 0.75, 0.9, 0.97)
    random_ = random.Random(1)

    def inside() -> bool:
        draws = sorted(random_.random() for _ in low)
        return all(a <= u <= b for a, u, b in zip(low, draws, high, strict=True))

    assert joint(low, high) == pytest.approx(sum(inside() for _ in range(20_000)) / 20_000, abs=0.015)
    assert joint((0.0, 0.0), (1 - 1e-12, 1 - 1e-12)) == pytest.approx(1)
    assert joint((0.5,), (0.75,)) == pytest.approx(0.25)
    assert joint((0.2, 0.6), (0.1, 0.7)) == 0
    for n in (1, 2, 7):
        assert 0.95 <= joint(*envelopes(n)) < 0.951


@pytest.mark.parametrize("power", [0.3, 1.0, 4.0])
def test_the_band_holds_the_whole_curve_as_often_as_it_says(power: float) -> None:
    """Scores U^power, of which the largest of k has the mean k / (k + power)."""
    random_, n, times = random.Random(7), 11, 600
    truth = [k / (k + power) for k in range(1, n + 1)]

    def holds() -> bool:
        ends = band([random_.random() ** power for _ in range(n)], 0.0, 1.0)
        return all(low <= value <= high for (low, high), value in zip(ends, truth, strict=True))

    held = sum(holds() for _ in range(times)) / times
    assert held >= 0.95 - 3 * (0.95 * 0.05 / times) ** 0.5
