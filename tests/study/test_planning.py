"""What so many seeds can show, at the level of the study."""

from __future__ import annotations

import pytest

from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.report.notes import limits
from archdsl.study.report.planning import detect
from archdsl.study.report.tables import preview
from archdsl.study.results.decide import DecisionOptions
from archdsl.study.results.results import Results, results
from archdsl.study.stats import detectable, power, seeds_needed, seeds_to_reject

NET = "net conv(4) {norm: bn | } {act: relu | } {more: bn | } gap linear(10)"
TEXT = f"base: '{NET}'\ndata: fashion-mini\nseeds: 8\ndesign: one-out\n"


def made(alpha: float, text: str = TEXT) -> Results:
    """Three arms whose differences to the base have a spread."""
    study = study_of(text)
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = {
        c.key: Found("finished", {"test_accuracy": 0.5 + 0.01 * c.arm * (-1) ** c.seed + 0.001 * c.seed}, {}, None, "")
        for c in every
    }
    return results("t", "test_accuracy", arms, study.seeds, every, found, options=DecisionOptions(alpha=alpha))


@pytest.mark.parametrize(("alpha", "level"), [(0.05, "5 %"), (0.01, "1 %")])
def test_a_plan_has_the_level_of_the_study(alpha: float, level: str) -> None:
    found = made(alpha)
    sd = max(a.comparison.sd or 0.0 for a in found.compared if a.comparison is not None)
    n = seeds_needed(0.03, sd, alpha)
    assert n is not None
    assert power(n - 1, 0.03 / sd, alpha) < 0.8 <= power(n, 0.03 / sd, alpha)
    said = detect(found, 0.03)
    assert f"(power 0.8, a single paired t test at {level}) it takes {n} seeds" in said
    assert f"takes {seeds_to_reject(3, alpha)} at least" in said
    for arm in found.compared:
        assert arm.comparison is not None
        assert arm.comparison.detectable == detectable(8, arm.comparison.sd or 0.0, alpha)
    sds = [a.comparison.sd or 0.0 for a in found.compared if a.comparison is not None]
    shown = 100 * (detectable(8, sum(sds) / len(sds), alpha) or 0.0)
    notes = preview(found, [], 0.0, "", 1).notes
    assert any(f"a single paired t test at {level}): {shown:.2f} points" in note for note in notes)


def test_the_plan_and_the_note_of_the_same_table_agree() -> None:
    found = made(0.01)
    assert "takes 10 at least" in detect(found, 0.03)
    assert any("from 10 seeds on it can confirm a verdict" in note for note in limits(found))


def test_a_plan_for_one_net_alone_has_no_difference_to_detect() -> None:
    alone = made(0.05, TEXT.replace("{norm: bn | } {act: relu | } {more: bn | } ", "").replace("design: one-out\n", ""))
    assert len(alone.arms) == 1
    assert not any("can detect" in note for note in preview(alone, [], 0.0, "", 1).notes)
