"""A study's two claims, from the bits in the folders of its runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archdsl.runs.correct import CORRECT, correct, packed
from archdsl.runs.run import load_run
from archdsl.study.report.sections.populations import populations
from archdsl.study.results.populations import FEW, LACKING, NO_BITS, OF_CHANCE, new_images, notes, two_populations
from archdsl.study.results.results import ArmResult, Results
from archdsl.study.results.unit import unit
from archdsl.study.stats.images import anytime_bounds, image_difference
from archdsl.study.stats.sequential import half_width
from tests.cli.folders import finished
from tests.cli.folders import made as folder

from .conftest import Whole
from .test_html import made

IMAGES, ARMS, SEEDS = 40, 4, 3


def stored(out: Path, arm: int, seed: int, images: int = IMAGES) -> tuple[float, Path]:
    """A run folder with the bits of an arm and a seed, and its accuracy."""
    hits = np.random.default_rng((arm, seed)).random(images) < 0.5 + 0.1 * arm
    accuracy = float(hits.mean())
    place = folder(out, f"net-{arm}-s{seed}-{images}", result=finished(accuracy, test_images=images))
    (place / CORRECT).write_bytes(packed(hits))
    return accuracy, place


@pytest.fixture
def study(tmp_path: Path) -> Results:
    found = made(value=lambda arm, seed: stored(tmp_path, arm, seed)[0])
    arms = tuple(
        replace(a, folders={s: tmp_path / f"net-{n}-s{s}-{IMAGES}" for s in range(SEEDS)})
        for n, a in enumerate(found.arms)
    )
    return replace(found, arms=arms)


def bits(arm: ArmResult) -> np.ndarray:
    found = [correct(load_run(arm.folders[s])) for s in range(SEEDS)]
    return np.stack([f for f in found if f is not None])


def test_each_arm_is_compared_with_the_reference_image_by_image(study: Results) -> None:
    rows = two_populations(study)
    assert [r.arm for r in rows] == [a.name for a in study.compared]
    for row, arm in zip(rows, study.compared, strict=True):
        found = image_difference(bits(arm), bits(study.reference), 0.05 / len(study.compared))
        assert row.difference is not None
        assert arm.verdict is not None
        assert (row.difference.low, row.difference.high) == (arm.verdict.low, arm.verdict.high)
        assert (row.difference.delta, row.difference.low) == pytest.approx((found.delta, found.low))
        assert (row.difference.new_low, row.difference.new_high) == (found.new_low, found.new_high)
        assert (row.without, row.why) == (0, "")


def test_a_sequential_study_has_no_interval_of_a_fixed_number_of_seeds(study: Results) -> None:
    """One interval of the seeds alone: that of the verdict; and one on new images that is valid at any look."""
    first, *others = study.compared
    assert first.verdict is not None
    e = replace(first.verdict.evidence, n=20)
    decided = replace(
        first, decision=replace(first.decision, verdict=replace(first.verdict, evidence=e, low=0.0, high=0.0311))
    )
    found = replace(study, arms=(study.reference, decided, *others), options=replace(study.options, sequential=True))
    row = two_populations(found)[0].difference
    assert row is not None
    assert (row.low, row.high) == (0.0, 0.0311)
    level = 0.05 / len(study.compared)
    assert (row.new_low, row.new_high) == anytime_bounds(20, e.delta, e.sd, row.sd_images, level)
    half = half_width(20, e.sd or 0.0, level)
    assert half is not None
    assert row.new_low is not None
    assert row.new_low < e.delta - half
    wide = replace(
        decided, decision=replace(decided.decision, verdict=replace(first.verdict, evidence=e, low=-2.0, high=3.0))
    )
    row = two_populations(replace(found, arms=(study.reference, wide, *others)))[0].difference
    assert row is not None
    assert (row.new_low, row.new_high) == (-2.0, 3.0)  # an interval that is widened to 0 is inside of the other one
    text = "".join(populations(found))
    assert "at any look" in text
    assert "[0.00, +3.11]" in text
    assert "for one look" in "".join(populations(study))


def test_the_column_and_its_notes(study: Results) -> None:
    rows = two_populations(study)
    column, cells = new_images(rows, unit(study))
    assert column.name == "on new images"
    assert set(cells) == {a.name for a in study.compared}
    assert all(text.startswith("[") for text in cells.values())
    (note,) = notes(rows)
    assert "crossed random effects" in note


def test_runs_without_bits_are_counted_and_named(study: Results) -> None:
    first, second, third = study.compared
    (first.folders[0] / CORRECT).unlink()
    for seed in range(SEEDS):
        (second.folders[seed] / CORRECT).unlink()
    for seed in (0, 1):
        (third.folders[seed] / CORRECT).write_bytes(b"damaged")
    assert [(r.without, r.why) for r in two_populations(study)] == [(1, LACKING), (3, NO_BITS), (2, FEW)]
    assert not any(r.difference for r in two_populations(study))
    assert LACKING in "".join(populations(study))
    rows = two_populations(replace(study, options=replace(study.options, sequential=True)))
    assert [(r.without, r.why) for r in rows] == [(1, ""), (3, NO_BITS), (2, FEW)]
    assert [r.difference.seeds if r.difference else None for r in rows] == [2, None, None]
    assert new_images(rows, unit(study))[1][second.name] == "–"
    assert [n.split(":")[0] for n in notes(rows)[1:]] == [f"`{a.name}`" for a in (first, second, third)]


def test_other_test_images_are_not_compared(study: Results, tmp_path: Path) -> None:
    changed = study.arms[1]
    others = {s: stored(tmp_path, 1, s, IMAGES + 1)[1] for s in range(SEEDS)}
    found = replace(study, arms=(study.arms[0], replace(changed, folders=others), *study.arms[2:]))
    row = two_populations(found)[0]
    assert (row.difference, row.why) == (None, f"other test images than those of `{study.reference.name}`")


def diverged(study: Results, number: int, seed: int) -> Results:
    """The study with a run of an arm that counts as chance."""
    arm = study.arms[number]
    decision = replace(arm.decision, substituted={seed: "diverged"})
    figures = {s: own for s, own in arm.figures.items() if s != seed}
    arms = (*study.arms[:number], replace(arm, decision=decision, figures=figures), *study.arms[number + 1 :])
    return replace(study, arms=arms)


def test_a_run_that_counts_as_chance_has_no_interval_of_other_runs(study: Results) -> None:
    """In a fixed design the interval is of the runs with a record, and Δ of all runs."""
    rows = two_populations(diverged(study, 2, 1))
    assert [row.difference is None for row in rows] == [False, True, False]
    assert rows[1].why == OF_CHANCE
    assert any(OF_CHANCE in note for note in notes(rows))
    assert {row.why for row in two_populations(diverged(study, 0, 1))} == {OF_CHANCE}
    open_ended = replace(diverged(study, 2, 1), options=replace(study.options, sequential=True))
    row = two_populations(open_ended)[1].difference
    assert row is not None
    assert row.delta == study.arms[2].verdict.evidence.delta  # type: ignore[union-attr]


def test_a_study_without_any_bits_has_no_notes(study: Results) -> None:
    bare = replace(study, arms=tuple(replace(a, folders={}) for a in study.arms))
    rows = two_populations(bare)
    assert {r.why for r in rows} == {NO_BITS}
    assert notes(rows) == ()


def test_runs_of_a_study_have_bits(whole: Whole) -> None:
    runs = [load_run(p.parent) for p in whole.runs.glob("*/result.json")]
    assert len(runs) == 4
    for run in runs:
        hits = correct(run)
        assert hits is not None
        assert run.result is not None
        assert hits.mean() == run.result["test_accuracy"]
