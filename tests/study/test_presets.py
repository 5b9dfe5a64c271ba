"""Presets: another form of a study in the same file, by keys that take the place of the file's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.api import experiment_of
from archdsl.cli.main import main
from archdsl.errors import ArchError
from archdsl.study.execute.select import SelectionOptions, folder_of, select, standalone
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.file import read_study, study_of
from archdsl.words.train.stepped import Milestones
from tests.conftest import REPO

TEXT = """study: which norm?
base: |
  net conv(4, s=4) {norm: bn | } relu gap linear(10)
  data fashion-mini subset(64)
  train sgd(0.05) epochs(2) batch(32)
max_seeds: 6
budget: 30min
metric: test_loss
set: {train.epochs: 1, train.batch: 16}
presets:
  full:
    data: mnist
    seeds: 3
    metrics: [test_accuracy, test_ece]
    set: {train.epochs: 182}
  long: {max_seeds: 40}
"""


def test_a_preset_replaces_keys_and_merges_settings() -> None:
    plain, full, long = (study_of(TEXT, preset=p) for p in (None, "full", "long"))
    assert (plain.preset, plain.presets, plain.title) == ("", ("full", "long"), "which norm?")
    assert (plain.data, plain.metric, plain.set) == (None, "test_loss", ("train.epochs=1", "train.batch=16"))
    assert (full.data, full.seeds, full.sequential, full.budget) == ("mnist", (0, 1, 2), False, "")
    assert (full.metric, full.more) == ("test_accuracy", ("test_ece",))
    assert sorted(full.set) == ["train.batch=16", "train.epochs=182"]
    assert (len(long.seeds), long.sequential, long.budget, long.metric) == (40, True, "30min", "test_loss")
    assert (full.name, full.title) == ("study-full", "which norm? (full)")
    assert study_of(TEXT.replace("study: which norm?\n", ""), preset="full").title == "study (full)"
    assert folder_of(full, Path("runs")).name.startswith("study-full-")
    again = study_of(standalone(full))
    assert (again.title, again.presets, again.seeds, again.base) == (full.title, (), full.seeds, again.base)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("    seeds: 3", "    seeds: many", "13:12", "`seeds` is a number"),
        ("    data: mnist", "    dat: mnist", "12:5", "unknown key `dat`"),
        ("    data: mnist", "    presets: {}", "12:5", "no presets of its own"),
        ("  full:", "  a b:", "11:3", "not a name of a preset"),
        ("  long: {max_seeds: 40}", "  long: 40", "16:9", "`key: value` lines"),
        ("  long: {max_seeds: 40}", "  long: {set: 1}", "16:15", "`key: value` lines"),
    ],
)
def test_an_error_of_a_preset_has_its_place_whichever_form_is_read(old: str, new: str, place: str, words: str) -> None:
    for preset in (None, "long"):
        with pytest.raises(ArchError) as error:
            study_of(TEXT.replace(old, new), preset=preset)
        assert f"<study>:{place}" in str(error.value)
        assert words in str(error.value)


def test_an_unknown_preset_names_those_there_are(place: Path) -> None:
    (place / "s.yaml").write_text(TEXT)
    with pytest.raises(ArchError, match="has no preset `ful`") as error:
        select("s.yaml", SelectionOptions(preset="ful"))
    assert error.value.help == "did you mean `full`?"
    with pytest.raises(ArchError, match="has no preset `zzz`") as error:
        select("s.yaml", SelectionOptions(preset="zzz"))
    assert "presets: full, long" in error.value.help
    with pytest.raises(ArchError, match="is of study files"):
        select("tiny.arch", SelectionOptions(preset="full"))
    with pytest.raises(ArchError, match="has no presets"):
        study_of("base: lenet5", preset="full")


def test_check_looks_at_each_preset(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "s.yaml").write_text(TEXT.replace("  long: {max_seeds: 40}", "  long: {metrics: [valid_loss]}"))
    assert main(["check", "s.yaml"]) == 2
    out = capsys.readouterr().out
    assert "the metric valid_loss needs validation images" in out
    (place / "s.yaml").write_text(
        TEXT.replace("data: mnist", 'set: {data.subset: "90000"}').replace("set: {train.epochs: 182}", "")
    )
    assert main(["check", "s.yaml"]) == 2
    assert "in the preset `full`" in capsys.readouterr().out
    (place / "s.yaml").write_text(TEXT)
    assert main(["check", "s.yaml"]) == 0


def test_a_dry_run_shows_the_preset(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "s.yaml").write_text(TEXT.replace("data: mnist", "data: fashion-mini"))
    assert main(["ablate", "s.yaml", "--preset", "full", "--dry-run"]) == 0
    assert "which norm? (full)" in capsys.readouterr().out


def test_the_rate_of_the_residual_nets_falls_where_the_paper_says() -> None:
    """He et al. 2015, section 4.2: after 32,000 and 48,000 of 64,000 steps, of 128 of 45,000 images each."""
    (arm, *_) = arms_of(read_study(REPO / "specs/studies/02-plain-residual.yaml", preset="full")).arms
    train = experiment_of(arm.spec, checked=False).train
    epoch = 45_000 / 128
    assert train.epochs == round(64_000 / epoch)
    assert train.schedule == Milestones((round(32_000 / epoch), round(48_000 / epoch)))
