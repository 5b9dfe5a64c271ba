"""The seeds that would decide an open comparison, by the thresholds that Holm's procedure will use."""

from __future__ import annotations

from archdsl.study.results.projection import pairs_to_decide, projected
from archdsl.study.stats.verdicts import Verdict, verdicts

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
