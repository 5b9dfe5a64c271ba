"""Verdicts on many differences by numpy, held to those that are computed one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.study.stats import long, sequential, verdicts


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.lists(st.integers(-3, 5).map(lambda n: n / 8), max_size=15), min_size=1
    ),
    st.sampled_from([None, 0.3]),
)
def test_small_families_have_the_same_verdicts(family: dict[str, list[float]], same: float | None) -> None:
    plain, fast = verdicts.verdicts(family, same=same), long.verdicts(family, same=same)
    assert list(plain) == list(fast)
    for name, one in plain.items():
        other = fast[name]
        assert (other.decision, other.decided) == (one.decision, one.decided)
        for key in ("p", "p_symmetric", "low", "high"):
            value = getattr(one, key)
            assert getattr(other, key) == (None if value is None else pytest.approx(value, rel=1e-7, abs=1e-9))
        assert other.evidence.log_e == pytest.approx(one.evidence.log_e, rel=1e-7, abs=1e-9)
        assert other.evidence.n == one.evidence.n


@pytest.mark.parametrize("offset", [0.0, 0.004])
def test_long_families_have_the_same_verdicts(offset: float) -> None:
    draw = np.random.default_rng(8)
    family = {str(n): list(draw.normal(offset * (n - 3), 0.02, 3000 - 300 * n)) for n in range(8)}
    plain, fast = verdicts.verdicts(family, same=0.002), long.verdicts(family, same=0.002)
    assert len({verdict.decision for verdict in plain.values()}) > 1
    for name, one in plain.items():
        other = fast[name]
        assert (other.decision, other.decided) == (one.decision, one.decided)
        assert (other.low, other.high) == (pytest.approx(one.low, rel=1e-6), pytest.approx(one.high, rel=1e-6))
        assert (other.p, other.p_symmetric) == (
            pytest.approx(one.p, rel=1e-6),
            pytest.approx(one.p_symmetric, rel=1e-6),
        )


def test_differences_far_from_0_keep_their_spread() -> None:
    draw = random.Random(1)
    deltas = [1e6 + draw.gauss(0, 1e-3) for _ in range(500)]
    assert long.trail(deltas).sd[-1] == pytest.approx(np.std(deltas, ddof=1), rel=1e-6)
    assert long.trail([0.25] * 50).sd[-1] == 0.0


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="nan"):
        long.verdicts({"a": [1.0, float("nan")]})
    with pytest.raises(ValueError, match="alpha"):
        long.verdicts({"a": [1.0]}, alpha=2)
    assert long.verdicts({"a": []}) == {}


def test_small_effects_lose_the_bets_on_signs_whatever_the_number_of_differences() -> None:
    """Bets are on effects of 0.25 standard deviations or more: below half of that they lose. docs/statistics.md says so."""
    draw = np.random.default_rng(0)
    small, medium = (list(draw.normal(effect, 1, 20_000)) for effect in (0.1, 0.15))
    for deltas, confirmed in ((small, False), (medium, True)):
        plain, fast = sequential.evidence(deltas)[-1], long.trail(deltas).at(len(deltas))
        assert plain.p < 1e-6
        assert (plain.p_symmetric < 0.05) == confirmed
        assert fast.p_symmetric == pytest.approx(plain.p_symmetric, rel=1e-6)


@pytest.mark.parametrize(("n", "least"), [(4, 0.19), (5, 0.10), (6, 0.052), (8, 0.014), (10, 0.0037)])
def test_p_symmetric_of_few_equal_differences_is_as_documented(n: int, least: float) -> None:
    assert sequential.evidence([1.0] * n)[-1].p_symmetric == pytest.approx(least, rel=0.03)
    assert sequential.evidence([2.0**k for k in range(n)])[-1].p_symmetric >= 2 / 2**n
