"""Fractions of the training images as an axis, and the time of a study from runs that are there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from archdsl.cli.main import main
from archdsl.errors import ArchError, SpecError
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.estimate import OVERHEAD, RATE, time_left
from archdsl.study.plan.file import study_of
from archdsl.study.plan.fitted import images_of
from archdsl.study.plan.levels import geometric, numbers
from archdsl.study.plan.plan import Found, planned
from archdsl.words.data.parts import Subset
from tests.study.conftest import Whole

TEXT = """base: |
  net conv(4, s=4) bn relu gap linear(10)
  data fashion-mini subset(64)
  train sgd(0.05) epochs(2) batch(32)
factors: {data.subset: [100%, 1%, 10%]}
seeds: 2
"""


def test_a_fraction_is_a_count_of_the_set() -> None:
    assert [Subset(0.1).of(n) for n in (8000, 10005, 3)] == [800, 1000, 1]
    assert Subset(500).of(8000) == 500
    assert repr(Subset(500)) == "Subset(count=500)"  # it names runs
    for amount, words in ((0, "keeps no images"), (0.0, "keeps no images"), (1.5, "more than all")):
        with pytest.raises(ArchError, match=words):
            Subset(amount)


def test_fractions_are_an_axis_in_order() -> None:
    study = study_of(TEXT)
    arms, every = planned(study)
    assert [a.name for a in arms.arms] == ["subset=1%", "subset=10%", "subset=100%"]
    assert [images_of(c.experiment) for c in every if c.seed == 0] == [80, 800, 8000]
    assert len({c.key for c in every}) == 6
    costs = [c.cost for c in every if c.seed == 0]
    assert costs[2] == 10 * costs[1]
    assert "subset(10%)" in arms.arms[1].spec.canonical
    with pytest.raises(SpecError, match="100%"):
        arms_of(study_of(TEXT.replace("100%", "120%")))


def test_axes_of_more_than_a_decade_are_logarithmic() -> None:
    assert geometric([100, 500, 2000])
    assert geometric([0.01, 0.1, 1])
    assert not geometric([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    assert not geometric([0, 10, 1000])
    assert not geometric([100, 300, 900, 1000])
    assert numbers(("10%", "100")) is None
    assert numbers(("0", "10%")) == (0.0, 0.1)


def test_the_time_is_taken_from_the_study_then_from_the_store(
    whole: Whole, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = whole.into(place)
    (place / "s.yaml").write_text(TEXT)
    assert main(["ablate", "s.yaml", "--dry-run", "--format", "json", "--jobs", "1"]) == 0
    note = json.loads(capsys.readouterr().out)["notes"][0]
    assert "by 4 runs of this store on " in note
    assert note.endswith(", scaled by steps and MACs)")
    assert main(["ablate", "tiny.arch", "--seeds", "3", "--dry-run", "--format", "json"]) == 0
    assert "by 4 runs of this study" in json.loads(capsys.readouterr().out)["notes"][0]
    for versions in runs.glob("*/versions.json"):
        versions.write_text(json.dumps({**json.loads(versions.read_text()), "platform": "elsewhere"}))
    assert main(["ablate", "s.yaml", "--dry-run", "--format", "json"]) == 0
    assert "an assumption: no finished run of this machine" in json.loads(capsys.readouterr().out)["notes"][0]


def test_the_estimate_scales_by_macs() -> None:
    _, every = planned(study_of(TEXT))
    found = {c.key: Found("missing", {}, {}) for c in every}
    first = every[0]
    found[first.key] = Found("finished", {"seconds": first.cost / 1e6}, {"processor": "this one"})
    missing = [c for c in every if c is not first]
    told = time_left(every, missing, found, 1)
    assert told.seconds == pytest.approx(sum(OVERHEAD + c.cost / 1e6 for c in missing))
    assert told.basis == "by 1 run of this study on this one, scaled by steps and MACs"
    none = time_left(every, missing, {k: replace(f, status="missing") for k, f in found.items()}, 1)
    assert none.seconds == pytest.approx(sum(OVERHEAD + c.cost / RATE for c in missing))
    assert "assumption" in none.basis
