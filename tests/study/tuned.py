"""A small study that tunes its arms, for tests."""

from __future__ import annotations

from archdsl.study.plan.file import StudyFile, study_of
from archdsl.study.plan.plan import planned
from archdsl.study.plan.tuning import TuningPlan, tuning_plan

BASE = """\
base: |
  let rate = 0.05
  net conv(4, s=4) {norm: bn | } relu gap linear(10)
  data fashion-mini subset(200) valid(50%)
  train sgd(rate) epochs(1) batch(50)
"""
TUNED = BASE + "seeds: 2\ntune:\n  runs: 3\n  rate: log(1e-3..1)\n  train.wd: [none, 1e-4]\n"


def study(text: str) -> StudyFile:
    return study_of(text, "s.yaml")


def plan_of(text: str) -> TuningPlan:
    chosen = study(text)
    arms, every = planned(chosen)
    assert chosen.tune is not None
    return tuning_plan(chosen, chosen.tune, arms, every)
