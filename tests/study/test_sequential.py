"""Anytime-valid evidence, held to an integral by quadrature, to enumerations, and to simulations with a look at each seed."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from archdsl.study.plan.claims import Claim
from archdsl.study.results.claim_family import answer
from archdsl.study.stats import sequential
from archdsl.study.stats.sequential import PRIOR, evidence, half_width, log_evidence
from archdsl.study.stats.verdicts import verdicts

DELTAS = st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=2, max_size=12)


@pytest.mark.parametrize("n", [2, 3, 5, 12])
@pytest.mark.parametrize("t", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("prior", [0.5, 4.0])
def test_evidence_is_the_ratio_of_marginal_t_densities(n: int, t: float, prior: float) -> None:
    """Wang & Ramdas 2023: the noncentral t density, averaged over a normal effect, over the central one."""

    def weighted(effect: float) -> float:
        return float(stats.nct.pdf(t, n - 1, effect * math.sqrt(n)) * stats.norm.pdf(effect, scale=math.sqrt(prior)))

    mixed, _ = integrate.quad(weighted, -30, 30, points=[0.0, t / math.sqrt(n)], limit=400)
    expected = math.log(mixed / stats.t.pdf(t, n - 1))
    assert log_evidence(n, t / math.sqrt(n), 1.0, prior) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [6, 9, 20])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_an_interval_ends_where_the_evidence_against_it_reaches_the_level(n: int, alpha: float) -> None:
    half = half_width(n, 2.5, alpha)
    assert half is not None
    assert log_evidence(n, half, 2.5) == pytest.approx(-math.log(alpha), abs=1e-9)


def test_an_interval_is_unbounded_while_no_mean_could_be_rejected() -> None:
    assert half_width(1, 1.0, 0.05) is None
    assert half_width(2, 1.0, 0.05) is None  # sqrt(1 + 2 * 4) = 3 is the largest e-value of two differences


@given(DELTAS, st.floats(1e-3, 1e3))
def test_evidence_does_not_depend_on_the_unit_or_the_sign(deltas: list[float], scale: float) -> None:
    one, scaled, mirrored = (
        evidence(deltas)[-1],
        evidence([d * scale for d in deltas])[-1],
        evidence([-d for d in deltas])[-1],
    )
    if one.sd and one.sd > 1e-9 * max(map(abs, deltas)):
        assert scaled.log_e == pytest.approx(one.log_e, abs=1e-6, rel=1e-6)
    assert mirrored.log_e == one.log_e
    assert mirrored.p_symmetric == pytest.approx(one.p_symmetric, rel=1e-9)


@given(DELTAS)
def test_p_never_rises_and_a_longer_record_begins_like_a_shorter_one(deltas: list[float]) -> None:
    whole = evidence(deltas)
    assert all(b.p <= a.p and b.p_symmetric <= a.p_symmetric for a, b in itertools.pairwise(whole))
    assert evidence(deltas[:-1]) == whole[:-1]


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=7))
def test_the_symmetric_capital_is_one_in_expectation_over_all_signs(sizes: list[float]) -> None:
    capitals = []
    for signs in itertools.product((1.0, -1.0), repeat=len(sizes)):
        test = sequential._Symmetric()
        for sign, size in zip(signs, sizes, strict=True):
            test.add(sign * size)
        capitals.append(math.fsum(math.exp(c) for c in test.capital) / len(test.capital))
    assert math.fsum(capitals) / len(capitals) == pytest.approx(1.0, rel=1e-9)


def test_equal_differences_are_evidence_within_the_resolution_of_the_metric() -> None:
    exact, counted = evidence([0.001] * 4)[-1], evidence([0.001] * 4, resolution=0.001)[-1]
    assert exact.log_e == pytest.approx(1.5 * math.log(17))
    assert counted.log_e < exact.log_e
    assert evidence([0.0] * 30)[-1].p == 1.0


def test_a_difference_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="nan"):
        evidence([0.1, float("nan")])
    with pytest.raises(ValueError, match="alpha"):
        verdicts({"a": [1.0]}, alpha=0.0)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.lists(st.floats(-3, 3), max_size=9), max_size=6),
    st.sampled_from([None, 0.5]),
    st.integers(0, 9),
    st.booleans(),
)
def test_interval_p_and_verdict_agree(
    family: dict[str, list[float]], same: float | None, size: int, held: bool
) -> None:
    flags = {name: [held] * len(deltas) for name, deltas in family.items()}
    for name, verdict in verdicts(family, same=same, size=size, uneven=flags).items():
        decided = verdict.decision in ("better", "worse")
        assert decided == (verdict.p <= 0.05) or verdict.decision == "same"
        inside = verdict.low is not None and verdict.high is not None and verdict.low < 0 < verdict.high
        unbounded = verdict.low is None and verdict.high is None
        zero = verdict.low == verdict.high == 0.0
        if not unbounded and not zero:
            assert decided != inside or verdict.decision == "same" or verdict.low == 0.0 or verdict.high == 0.0
        if verdict.low is not None and verdict.high is not None and verdict.p > 0.05:
            assert verdict.low <= 0 <= verdict.high
        if decided:
            assert (evidence(family[name])[(verdict.decided or 0) - 1].delta > 0) == (verdict.decision == "better")
        if verdict.decision == "same":
            assert same is not None
            assert verdict.low is not None
            assert verdict.high is not None
            first = evidence(family[name])[(verdict.decided or 0) - 1]
            half = half_width(first.n, first.sd or 0.0, 0.05 / max(size, len(family)))
            assert half is not None
            assert abs(first.delta) + half <= same
        assert (verdict.decided is None) == (verdict.decision == "open")


def test_a_decision_stays_when_seeds_are_added_and_other_arms_go_on() -> None:
    draw = random.Random(7)
    family = {name: [draw.gauss(shift, 1) for _ in range(40)] for name, shift in (("up", 2), ("null", 0), ("down", -2))}
    before = {name: (v.decision, v.decided) for name, v in verdicts({k: d[:20] for k, d in family.items()}).items()}
    after = {name: (v.decision, v.decided) for name, v in verdicts(family).items()}
    assert before["up"][0] == "better"
    assert before["down"][0] == "worse"
    assert all(after[name] == found for name, found in before.items() if found[0] != "open")


def test_a_decision_of_one_arm_can_decide_another_that_ended_before() -> None:
    """Holm's step: once the other comparison is rejected, the first one is tested at alpha instead of alpha / 2."""
    short = [1.0, 1.35, 0.7, 1.2]
    p = evidence(short)[-1].p
    assert 0.025 < p <= 0.05
    alone, joined = verdicts({"a": short}, size=2)["a"], verdicts({"a": short, "b": [1.0, 1.1] * 6})["a"]
    assert (alone.decision, joined.decision, joined.decided) == ("open", "better", 4)


def test_wrong_decisions_with_a_look_at_each_seed_stay_below_alpha() -> None:
    """Eight arms that equal their reference, with the reference's spread in all differences, up to 25 seeds."""
    chance = np.random.default_rng(3)
    families, wrong = 400, 0
    for _ in range(families):
        reference = chance.normal(size=25)
        family = {str(k): list(chance.normal(size=25) - reference) for k in range(8)}
        wrong += any(v.decision in ("better", "worse") for v in verdicts(family).values())
    assert wrong / families <= 0.05  # expected about 0.015


def test_sequences_hold_the_mean_at_all_times() -> None:
    chance = np.random.default_rng(5)
    missed = 0
    for _ in range(400):
        found = evidence(list(chance.normal(1.0, 1.0, 30)))
        halves = [None if e.sd is None else half_width(e.n, e.sd, 0.05, PRIOR) for e in found]
        missed += any(h is not None and abs(e.delta - 1.0) > h for e, h in zip(found, halves, strict=True))
    assert missed / 400 <= 0.05


@pytest.mark.parametrize("case", range(20))
def test_arms_of_uneven_spread_also_need_the_symmetry_test(case: int) -> None:
    random_ = np.random.default_rng(case)
    own, base = random_.normal(1.0, 0.1, 30), random_.normal(0.0, 0.1 * random_.choice([1.0, 6.0]), 30)
    deltas = list(own - base)
    flags = sequential.uneven(list(own), list(base))
    spreads = [(own[: n + 1].std(ddof=1), base[: n + 1].std(ddof=1)) for n in range(1, 30)]
    assert flags == [False, *(max(a, b) >= sequential.UNEVEN * min(a, b) for a, b in spreads)]
    plain, held = evidence(deltas), evidence(deltas, uneven=flags)
    peak = 0.0
    for e, same, flag in zip(plain, held, flags, strict=True):
        counts = min(e.log_e, -math.log(e.p_symmetric)) if flag and e.n < sequential.SURE else e.log_e
        peak = max(peak, counts)
        assert same.peak == pytest.approx(peak)
        assert (same.log_e, same.delta, same.p_symmetric) == (e.log_e, e.delta, e.p_symmetric)
    family = {"a": deltas}
    with_rule = verdicts(family, uneven={"a": flags})["a"]
    assert (with_rule.decided or 99) >= (verdicts(family)["a"].decided or 99)


def test_a_constant_arm_is_uneven_within_the_resolution_of_the_metric() -> None:
    assert sequential.uneven([0.1] * 4, [0.5, 0.51, 0.49, 0.5], 1 / 2000) == [False, True, True, True]
    assert sequential.uneven([0.1] * 3, [0.5] * 3, 1 / 2000) == [False, False, False]
    assert sequential.uneven([0.1] * 3, [0.5] * 3) == [False, False, False]  # no spread at all


def test_evidence_that_is_held_back_moves_no_interval_off_0() -> None:
    """The verdict was open with a p of 0.0997, and the interval began at 0.048."""
    base = [0.8 + 0.0001 * (n % 3) for n in range(5)]
    own = [value + 0.05 + 0.001 * (n % 4) for n, value in enumerate(base)]
    family, flags = {"a": [a - b for a, b in zip(own, base, strict=True)]}, sequential.uneven(own, base)
    assert flags[-1]
    free, held = verdicts(family)["a"], verdicts(family, uneven={"a": flags})["a"]
    assert (free.decision, held.decision) == ("better", "open")
    assert held.p > 0.05
    assert (held.low, held.high) == (0.0, free.high)
    assert free.low is not None
    assert free.low > 0.005
    claim = Claim("a", "same", "b")
    assert (answer(claim, free, 0.005), answer(claim, held, 0.005)) == (False, None)
