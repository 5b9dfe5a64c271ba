"""Claims of equality: the margin of a study, and what it decides."""

from __future__ import annotations

import pytest

from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.file import study_of
from archdsl.study.report.claim_table import table
from archdsl.study.report.claim_text import sentences
from archdsl.study.results.projection import pairs_to_same
from archdsl.study.stats.sequential import half_width
from tests.study.test_claims import TEXT, made


def test_the_seeds_of_an_interval_that_is_narrow_enough() -> None:
    n = pairs_to_same(0.01, 0.02, 0.05)
    assert n is not None
    assert (half_width(n, 0.02, 0.05) or 1) <= 0.01 < (half_width(n - 1, 0.02, 0.05) or 1)
    assert pairs_to_same(0.0, 0.02, 0.05) is None


@pytest.mark.parametrize("design", ["seeds: 12\n", "max_seeds: 20\n"])
@pytest.mark.parametrize(
    ("effect", "spread", "holds"),
    [
        (0.004, 0.0005, True),  # clearly better, and within the margin
        (0.05, 0.002, False),  # beyond the margin
        (0.01, 0.0005, None),  # the margin itself: the interval lies on both sides of it
    ],
)
def test_a_claim_of_same_goes_by_the_size_of_the_difference(
    design: str, effect: float, spread: float, holds: bool | None
) -> None:
    names = [a.name for a in arms_of(study_of(TEXT)).arms]
    found = made(f"{design}same: 1%\nclaims: ['{names[1]} same as base']\n", {names[1]: effect}, spread)
    (claim,) = found.claims
    assert claim.holds is holds
    assert claim.verdict is not None
    if design.startswith("seeds"):
        assert claim.verdict.decision == "better"


def test_the_seeds_of_a_claim_are_those_of_its_interval() -> None:
    """The sign is decided early; the claim is about the size, and goes on."""
    names = [a.name for a in arms_of(study_of(TEXT)).arms]
    found = made(f"max_seeds: 20\nsame: 1%\nclaims: ['{names[1]} same as base']\n", {names[1]: 0.01}, 0.0005)
    (claim,) = found.claims
    assert claim.verdict is not None
    assert claim.verdict.decided is not None
    assert claim.verdict.decided < claim.verdict.evidence.n == 20
    assert "20 seeds" in next(iter(sentences(found)))
    at = [column.id for column in table(found).columns].index("seeds")
    assert table(found).rows[0][at] == 20


@pytest.mark.parametrize("design", ["seeds: 12\n", "max_seeds: 20\n"])
def test_the_margin_of_the_studys_metric_decides_no_claim_in_another_one(design: str) -> None:
    """A difference of the loss of less than 0.01 was `same` by `same: 1%` of the accuracy."""
    names = [a.name for a in arms_of(study_of(TEXT)).arms]
    text = f"{design}same: 1%\nclaims: ['base better than {names[1]} in test_loss', '{names[1]} better than base']\n"
    loss, accuracy = made(text, {}, 0.001).claims
    assert loss.holds is None
    assert accuracy.verdict is not None
    assert accuracy.verdict.decision == "same"
