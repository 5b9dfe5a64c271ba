"""Several metrics of a study, and the outcome of runs that did not train."""

from __future__ import annotations

import json
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import Any

import pytest

from archdsl.errors import ArchError
from archdsl.study.execute.select import SelectionOptions, folder_of, select
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of, written
from archdsl.study.plan.plan import Found
from archdsl.study.report import tables
from archdsl.study.report.figures import heat
from archdsl.study.report.figures.heat import _spread as spread
from archdsl.study.results.results import Results, results
from archdsl.study.results.run_figures import UNTRAINED, RunFigures, tail
from archdsl.study.results.unit import unit
from tests.conftest import Cli
from tests.study.conftest import Whole, metrics_as_written

BASE = """base: |
  net conv(4, s=4) relu gap linear(10)
  data fashion-mini subset(64)
  train {lr: sgd(0.1) | sgd(1e-9)} epochs(2) batch(32)
seeds: 3
"""
GOOD = {"test_accuracy": 0.5, "train_accuracy": 0.6, "test_loss": 1.0, "test_ece": 0.02, "seconds": 2.0, "step": 4}


def made(text: str, figures: list[list[dict[str, Any]]], images: Path | None = None) -> Results:
    """The results of a study whose runs have these figures, by arm and seed."""
    study = study_of(text)
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = {c.key: Found("finished", figures[c.arm][c.seed], {}, images) for c in every}
    return results("t", study.metric, arms, study.seeds, every, found, more=study.more)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A run folder whose log says that the test part has 1000 images."""
    (tmp_path / "events.jsonl").write_text(json.dumps({"event": "started", "test_images": 1000}) + "\n")
    return tmp_path


def test_a_study_file_names_metrics(place: Path) -> None:
    text = BASE + "metrics: [test_loss, ece(test), steps_to(94%)]\n"
    study = study_of(text)
    assert (study.metric, study.more) == ("test_loss", ("test_ece", "steps_to(94%)"))
    again = study_of(written(study, (study.base[0][1],)))
    assert (again.metric, again.more) == (study.metric, study.more)
    plain = study_of(BASE)
    assert (plain.metric, plain.more) == ("test_accuracy", ())
    assert folder_of(study, place) == folder_of(plain, place), "another metric is another look at the same runs"
    (place / "s.yaml").write_text(text)
    given = select("s.yaml", SelectionOptions(metric=("gap", "test_nll")))
    assert (given.metric, given.more) == ("gap", ("test_nll",))
    assert select("s.yaml", SelectionOptions()).more == study.more


def test_the_first_decides_and_the_others_are_shown() -> None:
    text = BASE + "metrics: [test_loss, test_ece, seconds]\n"
    better = [{**GOOD, "test_loss": 1.0 + s / 10, "test_ece": 0.02 + s / 100} for s in range(3)]
    worse = [{k: v for k, v in {**GOOD, "test_loss": 2.0 + s / 10}.items() if k != "test_ece"} for s in range(3)]
    shown = made(text, [better, worse])
    table = tables.table(shown)
    at = {c.id: n for n, c in enumerate(table.columns)}
    assert [r[at["mean"]] for r in table.rows] == pytest.approx([1.1, 2.1])
    assert table.rows[0][at["test_ece"]] == pytest.approx(0.03)
    assert table.rows[1][at["test_ece"]] is None, "missing, and never wrong"
    assert any("test ECE: 3 finished runs have no figure" in n and "3 of `lr" in n for n in table.notes)
    assert table.columns[at["test_ece"]].kind == "percent"
    each = tables.each(shown)
    assert {"test_ece", "seconds", "test_loss"} <= {c.id for c in each.columns}
    assert len(each.rows) == 6
    assert unit(shown).mark == ""
    assert unit(replace(shown, metric="test_ece")).mark == " %"
    assert not replace(shown, metric="test_ece").higher_is_better


def test_a_run_without_the_metric_is_finished_and_left_out() -> None:
    shown = made(BASE + "metric: test_ece\n", [[GOOD] * 3, [GOOD, GOOD, {**GOOD, "test_ece": None}]])
    arm = shown.arms[1]
    assert (len(arm.values), arm.states["finished"]) == (2, 3)
    assert [r[3] for r in tables.each(shown).rows] == ["finished"] * 6


def test_figures_that_are_no_numbers_are_named() -> None:
    """A run's file has null for NaN; a figure that is not defined is not in it."""
    lost = {**GOOD, "test_ece": None}
    lacks = {k: v for k, v in GOOD.items() if k != "test_ece"}
    shown = made(BASE + "metric: test_ece\n", [[lost] * 3, [GOOD, lacks, lost]])
    notes = " ".join(tables.table(shown).notes)
    first, second = (arm.name for arm in shown.arms)
    said = f"`{first}`, seeds 0, 1, 2; `{second}`, seed 2"
    assert f"test ECE: the figure is not a number (NaN or infinite) in these runs, which are left out: {said}" in notes
    assert "test ECE: 1 finished runs have no figure" in notes


def test_an_unknown_column_lists_the_known_ones() -> None:
    shown = made(BASE, [[GOOD] * 3, [GOOD] * 3])
    with pytest.raises(ArchError, match="unknown column `test_brier`") as refused:
        tables.table(shown, columns=["test_brier"])
    assert refused.value.help.startswith("`--metric test_brier` adds a column for a metric; the columns are arm, ")
    with pytest.raises(ArchError) as refused:
        tables.table(shown, columns=["verdic"])
    assert refused.value.help == "did you mean `verdict`?"


def test_did_not_train_is_an_outcome_by_name(log: Path) -> None:
    chance = {**GOOD, "test_accuracy": 0.1, "train_accuracy": 0.11}
    shown = made(BASE, [[GOOD] * 3, [chance, chance, {**chance, "train_accuracy": 1.0}]], log)
    assert shown.arms[1].untrained == (0, 1), "a net that memorises random labels has trained"
    assert shown.arms[1].outcomes == {"finished": 3, UNTRAINED: 2}
    assert shown.arms[1].summary.mean == pytest.approx(0.1), "its figures count like any other"
    table = tables.table(shown)
    assert (table.columns[-1].name, table.rows[1][-1]) == ("others", "2 did not train")
    assert any("99 % binomial interval" in note for note in table.notes)
    assert [r[3] for r in tables.each(shown).rows] == ["finished"] * 3 + [UNTRAINED] * 2 + ["finished"]


def test_grids_name_cells_that_did_not_train(log: Path) -> None:
    text = BASE.replace("conv(4, s=4)", "conv({w: 4 | 8}, s=4)")
    chance = {**GOOD, "test_accuracy": 0.1, "train_accuracy": 0.11}
    shown = made(text, [[GOOD] * 3, [chance] * 3, [GOOD] * 3, [chance] * 3], log)
    below = [spread(arm, unit(shown)) for arm in shown.arms]
    assert below.count("± 0.00") == 2
    assert below.count(f"± 0.00\n{UNTRAINED}") == 2
    drawn = heat(shown)
    assert drawn is not None
    assert drawn.startswith("<svg")


def test_the_rule_of_chance(log: Path) -> None:
    def trained(accuracy: float, **more: Any) -> bool:
        return RunFigures({"test_accuracy": accuracy, "train_accuracy": 0.0, **more}, {}, log).trained(10)

    assert not trained(0.0)
    assert not trained(0.1)
    assert not trained(0.125)
    assert trained(0.126)
    assert tail(126, 1000, 0.1) < 0.005 < tail(125, 1000, 0.1)
    assert not trained(0.2, test_chance=0.2), "always the same answer"
    assert RunFigures({"test_accuracy": 0.11}, {}, None).trained(10), "without the number of images nothing is said"
    for hits, images, chance in ((0, 5, 0.3), (3, 5, 0.3), (5, 5, 0.3), (40, 60, 0.5)):
        exact = sum(comb(images, k) * chance**k * (1 - chance) ** (images - k) for k in range(hits, images + 1))
        assert tail(hits, images, chance) == pytest.approx(exact, rel=1e-6)


def test_the_command_line_takes_several(whole: Whole, place: Path, here: Cli) -> None:
    whole.into(place)
    done = here(
        "report",
        "tiny.arch",
        "--seeds",
        "2",
        "--format",
        "json",
        "--metric",
        "test_nll",
        "--metric",
        "weight_norm",
        "--metric",
        "speed",
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["metric"] == "test_nll"
    assert all(arm["weight_norm"] > 0 and arm["speed"] > 0 for arm in found["arms"])
    wrong = here("report", "tiny.arch", "--metric", "test_nl", cwd=place)
    assert wrong.returncode == 2
    assert "unknown metric `test_nl`" in wrong.stderr
    assert "test_nll" in wrong.stderr


@pytest.mark.parametrize("name", [name for name in metrics_as_written() if name != "test_accuracy"])
def test_every_metric_fits_beside_another(name: str) -> None:
    """A metric that every table has anyway, such as `params`, was a second column of its name."""
    shown = made(BASE + f'metrics: [test_accuracy, "{name}"]\n', [[GOOD] * 3] * 2)
    for table in (
        tables.table(shown),
        tables.table(shown, people=False),
        tables.each(shown),
        tables.each(shown, people=False),
    ):
        assert [c.id for c in table.columns].count(shown.more[0]) == 1 or shown.more[0] not in tables.SIZES
