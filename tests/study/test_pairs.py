"""Pairs that one side lacks, or both, in a table of several arms."""

from __future__ import annotations

import pytest

from archdsl.errors import ArchError
from archdsl.study.answer.measurements import Columns, Measurements, measure, paired
from archdsl.study.answer.measurements.sheet import of_records


def table(**arms: list[int]) -> Measurements:
    """Arms with a value at each of these seeds."""
    rows = [{"model": arm, "seed": seed, "acc": 0.5 + 0.01 * seed} for arm, seeds in arms.items() for seed in seeds]
    return measure(of_records("rows", rows), Columns("model", "seed", "acc"))


def test_a_pair_that_both_sides_lack_is_none_of_theirs() -> None:
    found = table(base=[1, 3], new=[1, 3], more=[1, 2, 3])
    with pytest.raises(ArchError, match="`base` has no row for pair `2`"):
        paired(found, "base")
    deltas, notes = paired(found, "base", drop=True)
    assert [len(deltas["new"]), len(deltas["more"])] == [2, 2]
    assert notes == ("`more`: pairs 2 are left out, as one side lacks them",)


def test_pairs_of_other_arms_are_not_asked_of_two_that_are_complete() -> None:
    deltas, notes = paired(table(base=[1, 2, 3, 5], new=[1, 2, 3, 5], short=[1, 2, 3]), "base")
    assert len(deltas["new"]) == 4
    assert notes == ("`short`: compared over its first 3 pairs; 1 later one is on one side only",)
    late = table(base=[1, 3, 4], new=[1, 3], more=[1, 2, 3])
    _, notes = paired(late, "base", drop=True)
    assert "`new`: compared over its first 2 pairs; 1 later one is on one side only" in notes
    ended = table(base=[1, 2, 3, 5], new=[1, 2, 3, 5], short=[1, 2, 3, 4])
    assert len(paired(ended, "base")[0]["new"]) == 4
