"""Every figure of the table against scipy, and by simulation."""

from __future__ import annotations

import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as peer

from archdsl.study.stats import (
    SEEDS_CAP,
    compare,
    detectable,
    holm,
    power,
    seeds_needed,
    seeds_to_reject,
    signflip,
    summary,
)
from archdsl.study.stats.power import _power_by_quadrature as by_quadrature
from archdsl.study.stats.signflip import exact_ps

VALUE = st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 6))
PAIRS = st.lists(st.tuples(VALUE, VALUE), min_size=2, max_size=9)


def drawn(n: int, seed: int = 0) -> tuple[dict[int, float], dict[int, float]]:
    chance = np.random.default_rng(seed)
    common = chance.normal(size=n)
    a, b = common + chance.normal(0.3, 0.5, n), common + chance.normal(0, 0.5, n)
    return dict(enumerate(a.tolist())), dict(enumerate(b.tolist()))


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30])
def test_summary_and_interval_are_scipys(n: int) -> None:
    values = list(drawn(n)[0].values())
    found = summary(values)
    low, high = peer.t.interval(0.95, n - 1, np.mean(values), peer.sem(values))
    assert found.mean == pytest.approx(np.mean(values))
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize("n", [3, 5, 8, 12])
def test_a_comparison_is_scipys_paired_test(n: int) -> None:
    a, b = drawn(n, n)
    x, y = list(a.values()), list(b.values())
    found, theirs = compare(a, b), peer.ttest_rel(x, y)
    interval = theirs.confidence_interval(0.95)
    assert found.delta == pytest.approx(np.mean(np.subtract(x, y)))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.r == pytest.approx(peer.pearsonr(x, y).statistic)
    assert found.superiority == pytest.approx(peer.mannwhitneyu(x, y).statistic / n**2)
    exact = peer.permutation_test((np.subtract(x, y),), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert found.p == pytest.approx(exact.pvalue)
    assert found.why == ()


def test_beyond_twenty_seeds_the_signs_are_drawn_and_close_to_exact() -> None:
    deltas = np.random.default_rng(1).normal(0.35, 1, 22)
    exact = float(exact_ps(np.abs(deltas)[None], np.abs(deltas.sum())[None])[0])
    assert signflip(deltas.tolist()) == pytest.approx(exact, abs=4 * math.sqrt(exact / 100_000))


@pytest.mark.parametrize(("n", "smallest"), [(1, 1.0), (2, 0.5), (5, 0.0625), (8, 2 / 256)])
def test_the_smallest_p_of_so_many_seeds(n: int, smallest: float) -> None:
    assert signflip([1.0 + k for k in range(n)]) == smallest


def test_seeds_to_reject_are_those_of_the_contract() -> None:
    assert [seeds_to_reject(m) for m in (1, 3, 5, 10)] == [6, 7, 8, 9]
    for m in (1, 3, 5, 10):
        n = seeds_to_reject(m)
        assert m * signflip([1.0] * n) <= 0.05 < m * signflip([1.0] * (n - 1))


def test_holm_by_hand_and_against_its_definition() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.2))
def test_holm_rejects_what_the_step_down_procedure_rejects(ps: list[float], alpha: float) -> None:
    rejected = set()
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        if ps[place] * (len(ps) - rank) > alpha:
            break
        rejected.add(place)
    assert {n for n, p in enumerate(holm(list(ps))) if p is not None and p <= alpha} == rejected


@pytest.mark.parametrize(("n", "effect"), [(3, 1.0), (5, 0.5), (10, 1.2), (30, 0.4)])
def test_power_is_that_of_the_noncentral_t(n: int, effect: float) -> None:
    critical, shift = peer.t.ppf(0.975, n - 1), effect * math.sqrt(n)
    theirs = peer.nct.sf(critical, n - 1, shift) + peer.nct.cdf(-critical, n - 1, shift)
    assert power(n, effect) == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 50])
def test_what_is_detectable_has_a_power_of_four_fifths(n: int) -> None:
    least = detectable(n, 0.02)
    assert least is not None
    assert power(n, least / 0.02) == pytest.approx(0.8, abs=1e-9)
    if n > 2:  # and needs as many seeds as there are
        assert seeds_needed(least * 1.0001, 0.02) == n
    assert seeds_needed(1e-9, 1.0) == SEEDS_CAP
    assert detectable(1, 0.1) is None
    assert seeds_needed(0.0, 0.1) is None


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_the_seeds_changes_no_bit(pairs: list[tuple[float, float]], chance: random.Random) -> None:
    a = {n: x for n, (x, _) in enumerate(pairs)}
    b = {n: y for n, (_, y) in enumerate(pairs)}
    order = list(a)
    chance.shuffle(order)
    assert compare({n: a[n] for n in order}, {n: b[n] for n in reversed(order)}) == compare(a, b)
    assert summary([a[n] for n in order]) == summary(list(a.values()))


@given(PAIRS)
def test_the_other_way_round(pairs: list[tuple[float, float]]) -> None:
    a = {n: x for n, (x, _) in enumerate(pairs)}
    b = {n: y for n, (_, y) in enumerate(pairs)}
    one, other = compare(a, b), compare(b, a)
    assert one.p == other.p
    assert one.delta == -other.delta if one.delta is not None and other.delta is not None else False
    assert one.superiority is not None
    assert one.superiority + (other.superiority or 0) == pytest.approx(1)


def test_what_is_undefined_is_said_in_words() -> None:
    assert compare({}, {1: 1.0}).why == ("seed 1 is missing in `A`", "no seed is shared: no comparison")
    single = compare({3: 1.0}, {3: 0.5})
    assert (single.delta, single.low, single.p) == (0.5, None, 1.0)
    assert single.why == ("one pair: no interval, no correlation",)
    equal = compare({1: 2.0, 2: 3.0, 3: 4.0}, {1: 1.0, 2: 2.0, 3: 3.0})
    assert (equal.delta, equal.sd, equal.low) == (1.0, 0.0, None)
    assert "the differences are all equal: no interval" in equal.why
    assert summary([]).mean is None
    assert summary([0.5]).sd is None


def test_a_diverged_run_cannot_come_in() -> None:
    with pytest.raises(ValueError, match="counted, not averaged"):
        summary([0.5, float("nan")])


def test_intervals_cover_and_families_err_as_promised() -> None:
    """A small simulation; bench/stats_coverage.py is the large one."""
    chance = np.random.default_rng(5)
    draws = chance.normal(size=(20_000, 5))
    mean, sd = draws.mean(1), draws.std(1, ddof=1)
    half = np.array([summary(row).high for row in draws[:1].tolist()])[0] - statistics.mean(draws[0].tolist())
    scale = half / sd[0]  # the half width of five values is this many standard deviations
    covered = float((np.abs(mean) <= scale * sd).mean())
    assert abs(covered - 0.95) < 0.01
    errors = 0
    for _ in range(1500):
        family = chance.normal(size=(3, 8))
        ps = exact_ps(np.sort(np.abs(family)), np.abs(family.sum(1)))
        errors += min(p for p in holm(ps.tolist()) if p is not None) <= 0.05
    assert errors / 1500 <= 0.055 + 2 * math.sqrt(0.05 * 0.95 / 1500)


@pytest.mark.parametrize(("n", "effect", "alpha"), [(2, 1.0, 0.05), (3, 2.0, 0.01), (10, 1.2, 0.05), (30, 0.4, 1e-4)])
def test_power_by_quadrature_is_that_of_the_noncentral_f(n: int, effect: float, alpha: float) -> None:
    critical = peer.t.ppf(1 - alpha / 2, n - 1)
    assert by_quadrature(n - 1, effect * math.sqrt(n), critical) == pytest.approx(power(n, effect, alpha), abs=1e-9)


def test_power_is_known_where_scipy_has_none() -> None:
    """For two pairs at a level of 1e-6 the search ended at an eighth of the difference, where the noncentral F is NaN."""
    least = detectable(2, 1.0, 1e-6)
    assert least == pytest.approx(
        636_619.8 * 1.2815516 / math.sqrt(2), rel=1e-4
    )  # both quantiles are of one normal value
    assert power(2, least, 1e-6) == pytest.approx(0.8, abs=1e-9)
    assert power(2, 1e5, 1e-4) == pytest.approx(1.0)
