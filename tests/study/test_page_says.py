"""What the page of a study says beside its verdicts: the metric, the margin, constant arms, runs that did not train."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from archdsl.study.report.html import html
from archdsl.study.report.notes import STEP, constant, undefined
from archdsl.study.stats.paired import ALL_EQUAL
from tests.study.large_study import large
from tests.study.test_html import made

pytest.importorskip("matplotlib")


def test_the_headline_and_the_provenance_name_metric_and_margin() -> None:
    page = html(large(), "archdsl ablate")
    assert "8 arms are compared with “base” by test accuracy:" in page
    assert "<dt>metric</dt><dd>test accuracy</dd>" in page
    assert "<dt>same within</dt><dd>±0.40 points</dd>" in page
    assert not re.search(r"\b1 runs\b", page)


def test_runs_that_did_not_train_are_explained() -> None:
    results = large()
    arms = tuple(replace(arm, untrained=(0,)) if n == 2 else arm for n, arm in enumerate(results.arms))
    assert "1 run did not train: neither test accuracy nor training accuracy" in html(replace(results, arms=arms), "c")


def test_an_arm_without_spread_is_named() -> None:
    results = made("seeds: 4\n", lambda arm, seed: 0.5 if arm == 1 else 0.4 + 0.01 * arm + 0.001 * seed)
    name = results.arms[1].name
    assert [text.partition(" have ")[0] for text in constant(results)] == [f"all runs of `{name}`"]
    assert f"All runs of “{name}” have exactly the same test accuracy" in html(results, "c")
    assert not list(constant(large()))


def test_equal_differences_have_the_interval_of_the_metric_or_none() -> None:
    """Never both an interval in the table and a note that there is none."""
    results = made("seeds: 4\n", lambda arm, seed: 0.4 + 0.01 * seed)
    arm = results.arms[1]
    assert arm.comparison is not None
    assert arm.verdict is not None
    texts = {text for text, _ in undefined(results)}
    assert (arm.verdict.low is None) == (ALL_EQUAL in texts)
    assert (arm.verdict.low is not None) == (STEP in texts)


def test_a_run_that_diverged_is_said_to_count_as_it_does() -> None:
    results = made(value=lambda arm, seed: None if (arm, seed) == (1, 2) else 0.5 + 0.1 * arm + 0.01 * seed)
    assert "1 run diverged; it counts as chance or the worst value." in html(results, "c")
    lost = replace(
        results.arms[1], decision=replace(results.arms[1].decision, substituted={}, left_out={2: "diverged"})
    )
    page = html(replace(results, arms=(results.arms[0], lost, *results.arms[2:])), "c")
    assert "1 run diverged; it is left out, as neither chance nor a worst value is known." in page
    assert "it counts as chance" not in page
