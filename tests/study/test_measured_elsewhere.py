"""Arms on other test or validation images than the reference are named: their Δ is of the data, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.report.notes import notes
from archdsl.study.results.outcomes import told
from archdsl.study.results.results import results
from archdsl.words.data.folders import Folder

BASE = "base: |\n  net conv(4) gap linear(10)\n  data fashion-mini valid(10%)\n  train sgd(0.1) epochs(1)\nseeds: 2\n"


@pytest.mark.parametrize(
    ("factor", "metric", "said"),
    [
        ("set: [fashion-mini, mnist]", "test_accuracy", "`set=mnist` is measured on another test set than `base`"),
        ("data.subset: [none, 100]", "test_accuracy", ""),
        (
            "data.subset: [none, 100]",
            "valid_accuracy",
            "`subset=100` is measured on other validation images than `base`",
        ),
        ("data.valid: [10%, 20%]", "valid_loss", "`valid=20%` is measured on other validation images than `base`"),
        ("data.valid: [10%, 20%]", "test_loss", ""),
        ("flip: [none, flip]", "valid_accuracy", ""),
        ("set: [fashion-mini, mnist]", "seconds", ""),
    ],
)
def test_arms_on_other_images_are_named(factor: str, metric: str, said: str) -> None:
    study = study_of(f"{BASE}factors:\n  {factor}\n")
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = {
        c.key: Found("finished", {metric: 0.5 + 0.1 * c.arm + 0.01 * c.seed, "train_accuracy": 0.9}, {}) for c in every
    }
    texts = list(notes(results("t", metric, arms, study.seeds, every, found)))
    assert [text.partition(":")[0] for text in texts if "is measured on" in text] == ([said] if said else [])


def test_a_training_part_of_another_name_leaves_the_test_part() -> None:
    one, two = (Folder("p", 8, train=name, test="t") for name in "ab")
    assert told(one, "test") == told(two, "test") != told(replace(two, test="u"), "test")
    assert told(one, "valid") != told(two, "valid")
    assert told(replace(one, test=None), "test") != told(replace(two, test=None), "test")
