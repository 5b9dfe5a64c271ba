"""Evidence of two samples without pairs, held to quadrature and minimisation by scipy, and to simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from archdsl.study.stats.sequential import PRIOR
from archdsl.study.stats.unpaired import Sample, evidence_against, half_width, runs_to_decide, sample, unpaired

VALUES = st.lists(st.floats(-50, 50, allow_subnormal=False), min_size=2, max_size=9)


def one_sample(values: list[float], mean: float) -> float:
    """Wang & Ramdas 2023 for one sample, by quadrature of the noncentral t."""
    n = len(values)
    t = float(stats.ttest_1samp(values, mean).statistic)

    def weighted(effect: float) -> float:
        return float(stats.nct.pdf(t, n - 1, effect * math.sqrt(n)) * stats.norm.pdf(effect, scale=math.sqrt(PRIOR)))

    mixed, _ = integrate.quad(weighted, -30, 30, points=[0.0, t / math.sqrt(n)], limit=400)
    return math.log(mixed / stats.t.pdf(t, n - 1))


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (1.0, 0.3), (3.0, 4.0)])
def test_evidence_is_the_least_product_over_the_unknown_mean(shift: float, scale: float) -> None:
    draw = np.random.default_rng(11)
    x, y = list(draw.normal(shift, scale, 6)), list(draw.normal(0, 1, 9))

    def product(mean: float) -> float:
        return one_sample(x, mean) + one_sample(y, mean)

    ends = sorted((float(np.mean(x)), float(np.mean(y))))
    grid = np.linspace(*ends, 15)
    best = min(grid, key=product)
    step = grid[1] - grid[0]
    found = optimize.minimize_scalar(
        product, bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-7}
    )
    expected = min(float(found.fun), product(ends[0]), product(ends[1]))
    assert evidence_against(sample(x), sample(y)) == pytest.approx(expected, abs=1e-4)


def test_mean_and_spread_are_those_of_scipy() -> None:
    values = list(np.random.default_rng(2).normal(0.9, 0.01, 17))
    assert sample(values) == Sample(17, pytest.approx(np.mean(values)), pytest.approx(stats.tstd(values)))


@given(VALUES, VALUES)
def test_an_interval_ends_where_the_evidence_reaches_the_level(x: list[float], y: list[float]) -> None:
    one, other = sample(x), sample(y)
    half = half_width(one, other, 0.05)
    spread = math.hypot(one.sd or 0.0, other.sd or 0.0)
    if half is not None and spread > 1e-6:
        delta = one.mean - other.mean
        assert evidence_against(one, other, delta + half) == pytest.approx(-math.log(0.05), abs=1e-6)
        assert evidence_against(one, other, delta - 1.01 * half) >= -math.log(0.05)


@given(VALUES, VALUES, st.permutations(range(9)), st.sampled_from([0.01, 100.0]))
def test_neither_order_nor_unit_nor_side_matters(x: list[float], y: list[float], order: list[int], unit: float) -> None:
    one, other = sample(x), sample(y)
    moved = sample([x[n] for n in order if n < len(x)])
    if min(one.sd or 0.0, other.sd or 0.0) < 1e-3:
        return
    here = evidence_against(one, other)
    assert evidence_against(moved, other) == pytest.approx(here, abs=1e-6)
    assert evidence_against(other, one) == pytest.approx(here, abs=1e-3)
    scaled = evidence_against(sample([unit * v for v in x]), sample([unit * v for v in y]))
    assert scaled == pytest.approx(here, abs=1e-6)


def test_many_runs_come_near_to_welch() -> None:
    """The interval is that of Welch, times the price of looking at any time."""
    draw = np.random.default_rng(3)
    x, y = draw.normal(0.5, 3, 400), draw.normal(0, 1, 100)
    half = half_width(sample(list(x)), sample(list(y)), 0.05)
    low, high = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.95)
    assert half is not None
    assert 1.0 < 2 * half / (high - low) < 2.5


def test_few_runs_and_constants_stay_open() -> None:
    assert unpaired({"new": [1.0]}, [0.0, 0.1, 0.2])["new"].decision == "open"
    assert half_width(sample([1.0]), sample([0.0, 1.0]), 0.05) is None
    constant = unpaired({"new": [0.5] * 9}, [0.5] * 9)["new"]
    assert (constant.decision, constant.p) == ("open", 1.0)
    assert unpaired({"new": [0.6] * 9}, [0.5] * 9)["new"].decision == "better"


@given(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), VALUES, st.sampled_from([None, 30.0]))
def test_interval_p_and_verdict_agree(family: dict[str, list[float]], base: list[float], same: float | None) -> None:
    for verdict in unpaired(family, base, same=same).values():
        assert (verdict.decision in ("better", "worse")) == (verdict.p <= 0.05)
        if verdict.low is not None and verdict.high is not None and verdict.low < 0 < verdict.high:
            assert verdict.p > 0.05


def test_the_projection_is_where_the_evidence_arrives() -> None:
    x, y = Sample(3, 1.0, 0.7), Sample(5, 0.0, 0.4)
    runs = runs_to_decide(x, y, 0.05, 1000)
    assert runs is not None
    assert evidence_against(Sample(runs, 1.0, 0.7), Sample(runs, 0.0, 0.4)) >= math.log(20)
    assert evidence_against(Sample(runs - 1, 1.0, 0.7), Sample(runs - 1, 0.0, 0.4)) < math.log(20)


@pytest.mark.parametrize("ratio", [1.0, 5.0])
@pytest.mark.parametrize("chasing", [False, True])
def test_wrong_decisions_with_a_look_after_each_run_stay_below_alpha(ratio: float, chasing: bool) -> None:
    """Two equal arms of unequal spread. ``chasing`` breaks what is assumed: the arm that is behind gets the next run."""
    draw = np.random.default_rng(4)
    wrong, families = 0, 120
    for _ in range(families):
        x, y = list(draw.normal(0, 1, 2)), list(draw.normal(0, ratio, 2))
        for _ in range(25):
            first = np.mean(x) < np.mean(y) if chasing else len(x) <= len(y)
            (x if first else y).append(draw.normal(0, 1 if first else ratio))
            if evidence_against(sample(x), sample(y)) >= math.log(20):
                wrong += 1
                break
    assert wrong / families <= 0.05


@pytest.mark.parametrize(("most", "known"), [(10_000, True), (8_392, True), (8_391, False)])
def test_a_number_of_runs_is_known_up_to_the_most(most: int, known: bool) -> None:
    runs = runs_to_decide(Sample(5, 0.08, 1.0), Sample(5, 0.0, 1.0), 0.05, most)
    assert runs == (8_392 if known else None)
