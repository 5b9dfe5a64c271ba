"""The seeds that would decide an open comparison, by the thresholds that Holm's procedure will use."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev

import pytest

from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.claimed import claimed_pairs
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.report.claim_text import sentences
from archdsl.study.report.notes import outcome
from archdsl.study.report.sections.answers import answers
from archdsl.study.report.verdict import verdict
from archdsl.study.results.decide import DecisionOptions
from archdsl.study.results.projection import pairs_from, pairs_to_decide, projected, seeds_to_decide
from archdsl.study.results.results import Results, results
from archdsl.study.stats import power
from archdsl.study.stats.sequential import SURE, evidence
from archdsl.study.stats.verdicts import Verdict, fixed_verdicts, verdicts

ALPHA = 0.05


def family(*effects: float, seeds: int = 6) -> dict[str, Verdict]:
    """Arms with these mean differences and equal spreads."""
    noise = (-1.0, 1.0, -0.5, 0.5, 0.25, -0.25)
    return verdicts({f"arm {n}": [e + noise[i % 6] for i in range(seeds)] for n, e in enumerate(effects)})


def of(known: dict[str, Verdict], same: float | None = None) -> dict[str, int]:
    def takes(name: str, level: float) -> int | None:
        e = known[name].evidence
        return pairs_to_decide(e.delta, e.sd or 0.0, level)

    return projected(known, ALPHA, len(known), takes, same)


def alone(verdict: Verdict, level: float) -> int | None:
    return pairs_to_decide(verdict.evidence.delta, verdict.evidence.sd or 0.0, level)


def test_rejected_arms_lower_the_threshold_of_an_open_one() -> None:
    known = family(20.0, -20.0, 0.8)
    assert [v.decision for v in known.values()] == ["better", "worse", "open"]
    assert of(known) == {"arm 2": alone(known["arm 2"], ALPHA)}


def test_open_arms_follow_each_other() -> None:
    known = family(0.9, 0.6, 0.4)
    seeds = of(known)
    assert list(seeds) == ["arm 0", "arm 1", "arm 2"]
    assert list(seeds.values()) == [alone(v, ALPHA / (3 - n)) for n, v in enumerate(known.values())]


def test_a_projection_comes_true() -> None:
    """With the same mean and spread, a verdict falls where it was projected."""
    known = family(0.9, 0.6)
    for name, n in of(known).items():
        decided = family(0.9, 0.6, seeds=n + 6)[name].decided
        assert decided is not None
        assert abs(decided - n) <= 4


def test_an_arm_may_end_within_the_margin_before() -> None:
    known = family(0.05, 20.0)
    assert of(known, same=0.7)["arm 0"] < (of(known).get("arm 0") or 10_001)


def test_of_a_fixed_design_it_is_the_number_for_a_power_of_80_percent() -> None:
    known = fixed_verdicts({"arm": [0.4, -0.2, 0.3, -0.1, 0.35, 0.0]}, alpha=ALPHA)
    n = seeds_to_decide(known, DecisionOptions(), 1)["arm"]
    evidence = known["arm"].evidence
    effect = evidence.delta / (evidence.sd or 0.0)
    assert power(n - 1, effect) < 0.8 <= power(n, effect)


@pytest.mark.parametrize(("effect", "n"), [(0.05, 3142), (0.01, None)])
def test_of_a_small_effect_in_a_fixed_design_it_is_the_number_itself_or_nothing(effect: float, n: int | None) -> None:
    """By hand (1.96 + 0.8416)² / effect² pairs: 3,140, and 78,489, which is beyond what a projection says."""
    noise = [-1.0, 1.0] * 10
    sd = stdev(noise)
    known = fixed_verdicts({"arm": [effect * sd + one for one in noise]}, alpha=ALPHA)
    found = seeds_to_decide(known, DecisionOptions(), 1).get("arm")
    assert found == (None if n is None else pytest.approx(n, abs=2))
    if found is not None:
        assert power(found - 1, effect) < 0.8 <= power(found, effect)


def made(values: Sequence[float], design: str = "seeds: 6") -> Results:
    """Two arms, one of which has an accuracy of a half, and a claim about them."""
    text = f"base: 'net conv(4) {{norm: bn | }} gap linear(10)'\ndata: fashion-mini\n{design}\n"
    study = study_of(text + "claims: [-norm better than base]\n")
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    of_arm = {0: [0.5] * 6, 1: values}
    found = {c.key: Found("finished", {"test_accuracy": of_arm[c.arm][c.seed]}, {}, None, "") for c in every}
    options = DecisionOptions(sequential=study.sequential)
    pairs = claimed_pairs(study, arms)
    return results("t", "test_accuracy", arms, study.seeds, every, found, options=options, claims=pairs)


@pytest.mark.parametrize(("value", "more"), [(0.501, True), (0.5001, False)])
def test_a_claim_of_a_small_effect_likewise(value: float, more: bool) -> None:
    (claim,) = made([value + 0.02 * (-1) ** n for n in range(6)]).claims
    assert (claim.more is not None) is more
    assert claim.more is None or claim.more > 1000


@pytest.mark.parametrize(("design", "chance"), [("seeds: 6", " with a power of 80 %"), ("max_seeds: 6", "")])
def test_the_text_says_that_power(design: str, chance: str) -> None:
    seen = made([0.54, 0.48, 0.53, 0.49, 0.535, 0.5], design)
    needed = seen.needed["−norm"]
    assert f"about {needed} seeds would decide it{chance} if the difference stays as it is" in "".join(outcome(seen))
    assert f"takes about {needed} seeds{chance}." in verdict(seen)
    assert f"about {needed} would decide it{chance}<" in "".join(answers(seen))
    assert next(iter(sentences(seen))).endswith(f"{needed - 6} more seeds would decide it{chance}")


def test_a_number_of_pairs_is_known_up_to_the_farthest() -> None:
    assert pairs_to_decide(0.042, 1.0, ALPHA) == 9375
    assert pairs_to_decide(0.04, 1.0, ALPHA) is None


def test_an_arm_of_uneven_spread_needs_the_symmetry_test_too() -> None:
    """A family of eight, five seeds, an effect of four standard deviations: p symmetric of nine equal differences is 0.058."""
    deltas = [4 + x for x in (-1.2, 1.2, -0.6, 0.6, 0.0)]
    free, held = (verdicts({"a": deltas}, size=8, uneven={"a": [flag] * 5})["a"].evidence for flag in (False, True))
    level = ALPHA / 8
    assert not free.held
    assert held.held
    alone = pairs_from(free, level)
    assert alone is not None
    assert alone < 10
    assert pairs_from(held, level) == 10
    assert 8 * evidence([1.0] * 9)[-1].p_symmetric > ALPHA >= 8 * evidence([1.0] * 10)[-1].p_symmetric
    late = evidence([*deltas, 4.0, 4.0, -30.0, *[4.0] * 4], uneven=[True] * 12)[-1]
    assert (pairs_from(late, level) or 0) >= SURE  # more pairs than it took, and not decided: the rule ends at 20
    seeds = seeds_to_decide(
        verdicts({"a": deltas}, size=8, uneven={"a": [True] * 5}), DecisionOptions(sequential=True), 8
    )
    assert seeds == {"a": 10}
