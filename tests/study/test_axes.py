"""Factors whose levels are numbers: ranges, names, order, no arbitrary reference, and the figure along them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from archdsl.errors import ArchError
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.factors import factor
from archdsl.study.plan.file import study_of
from archdsl.study.plan.levels import geometric, number, numbers, written_out
from archdsl.study.plan.plan import Found
from archdsl.study.report import tables
from archdsl.study.report.figures import axis, heat
from archdsl.study.report.figures.axis import lines_of
from archdsl.study.report.html import html
from archdsl.study.report.verdict import verdict
from archdsl.study.results.results import Results, results

BASE = """base: |
  let width = 8
  net conv(width) relu gap linear(10)
  data fashion-mini subset(64)
  train sgd(0.1) epochs(2) batch(32)
seeds: 2
"""


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("4..7", ("4", "5", "6", "7")),
        ("log(1e-4..1e-1, 4)", ("1e-4", "1e-3", "0.01", "1e-1")),
        ("log(1e-4..1e-3, 3)", ("1e-4", "3.16e-4", "1e-3")),
        ("log(4..64, 5)", ("4", "8", "16", "32", "64")),
        ("lin(0..1, 3)", ("0", "0.5", "1")),
        ("lin(10%..30%, 3)", ("10%", "20%", "30%")),
        ("4", None),
        ("a..b", None),
        ("log(1..2)", None),
        ("sgd(0.1)", None),
        ("1..2, 3)", None),
    ],
)
def test_ranges(text: str, levels: tuple[str, ...] | None) -> None:
    assert written_out(text) == levels


@pytest.mark.parametrize(
    "text", ["8..4", "log(0..1, 3)", "0.1..0.2", "log(4..6, 5)", "1%..2", "lin(0..1, 1)", "1..999999999"]
)
def test_ranges_without_levels_are_refused(text: str) -> None:
    with pytest.raises(ArchError, match="range"):
        factor("x", (text,))


def test_numbers() -> None:
    assert [number(t) for t in ("4", "1e-4", "10%", "+3", "x", "", "1e", "nan")] == [
        4,
        1e-4,
        0.1,
        3,
        None,
        None,
        None,
        None,
    ]
    assert numbers(("conv(8)", "conv(16)")) == (8, 16)
    assert numbers(("train sgd(0.1)", "train sgd(1)")) == (0.1, 1)
    assert numbers(("conv(8)", "linear(16)")) is None
    assert numbers(("", "1e-4")) is None
    assert numbers(("0.1", "0.10")) is None
    assert geometric((4, 8, 16))
    assert geometric((1, 3, 100))
    assert not geometric((1, 2, 3, 4))
    assert not geometric((0, 1, 10, 100))


@pytest.mark.parametrize(
    ("factors", "names"),
    [
        ("{width: 4..6}", ["width=4", "width=5", "width=6"]),
        ("{let.width: [16, 4, 8]}", ["width=4", "width=8", "width=16"]),
        ("{train.wd: [1e-3, 1e-4, 0]}", ["wd=0", "wd=1e-4", "wd=1e-3"]),
        ("{train.sgd: [0.1, 0.01]}", ["base", "sgd=0.01"]),
        ("{lr: ['train sgd(1)', 'train sgd(0.1)', 'train sgd(0.01)']}", ["lr=0.01", "lr=0.1", "lr=1"]),
        ("{opt: ['train sgd(1)', train adam]}", ["base", "opt=adam"]),
        (
            "{mix: mixup(0.2), train.epochs: 1..3}\ndesign: full",
            ["epochs=1", "epochs=2", "epochs=3", "−mix, epochs=1", "−mix, epochs=2", "−mix, epochs=3"],
        ),
        ("{width: [8, 4, 16], train.epochs: [2, 1]}", ["base", "width=4", "width=16", "epochs=1"]),
    ],
)
def test_arms_have_readable_names_in_order(factors: str, names: list[str]) -> None:
    assert [a.name for a in arms_of(study_of(f"{BASE}factors: {factors}\n")).arms] == names


def test_zero_is_the_absence_of_what_says_so() -> None:
    arms = arms_of(study_of(BASE + "factors: {data.mixup: [0, 0.2, 1]}\n")).arms
    assert ["mixup" in a.spec.canonical for a in arms] == [False, True, True]
    assert arms[0].choice == {"data.mixup": "0"}
    with pytest.raises(ArchError, match="at least 1"):
        arms_of(study_of(BASE + "factors: {train.epochs: [0, 1, 2]}\n"))


def test_holes_without_names_are_called_by_their_places_everywhere() -> None:
    text = (
        BASE.replace("conv(width) relu", "vgg[4x{1..3}^{1..2}]")
        .replace("  let width = 8\n", "")
        .replace("gap linear(10)", "")
    )
    study = study_of(text)
    shown = made(text, lambda arm, seed: 0.1 * (arm + 1))
    assert [a.name for a in arms_of(study).arms][:2] == ["repeats=1, stages=1", "repeats=1, stages=2"]
    for table in (tables.table(shown), tables.each(shown, people=False)):
        assert not any("{" in column.id + column.name for column in table.columns)


def made(text: str, value: Any) -> Results:
    study = study_of(text)
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = {
        c.key: Found(
            "finished", {"test_accuracy": (v := value(c.arm, c.seed)), "train_accuracy": v + 0.1, "seconds": 1.0}, {}
        )
        for c in every
    }
    return results("t", study.metric, arms, study.seeds, every, found)


def test_a_grid_over_numbers_has_no_reference_unless_asked() -> None:
    text = BASE + "factors: {width: 4..7}\n"
    shown = made(text, lambda arm, seed: 0.3 + 0.1 * arm)
    table = tables.table(shown)
    assert [c.id for c in table.columns][:3] == ["arm", "factor width", "mean"]
    assert not {c.id for c in table.columns} & set(tables.COMPARED)
    assert "has no reference" in table.notes[0]
    assert "The best mean is that of “width=7”" in verdict(shown)
    page = html(shown, "archdsl ablate")
    assert "Along each axis" in page
    assert "P(better)" not in page
    asked = made(text + "baseline: {width: 5}\n", lambda arm, seed: 0.3 + 0.1 * arm)
    assert [a.name for a in asked.arms] == ["width=5", "width=4", "width=6", "width=7"]
    assert {c.id for c in tables.table(asked, columns=["all"]).columns} >= {*tables.COMPARED} - {"p_symmetric"}


def test_levels_keep_their_type_for_machines() -> None:
    assert [tables.level(t, False) for t in ("4", "1e-4", "10%", "", "true", "+bn", "-3", "0")] == [
        4,
        1e-4,
        0.1,
        "none",
        True,
        "+bn",
        -3,
        0,
    ]
    assert isinstance(tables.level("4", False), int)


def test_the_figure_has_every_seed_and_the_training_images() -> None:
    shown = made(BASE + "factors: {width: [16, 4, 8]}\n", lambda arm, seed: 0.2 + 0.1 * arm + 0.01 * seed)
    (line,) = lines_of(shown, shown.factors[0])
    assert {x: list(v) for x, v in line.test.items()} == {
        4.0: pytest.approx([0.2, 0.21]),
        8.0: pytest.approx([0.3, 0.31]),
        16.0: pytest.approx([0.4, 0.41]),
    }
    assert list(line.train[4.0]) == pytest.approx([0.3, 0.31])
    drawn = axis(shown)
    assert drawn is not None
    assert re.search(r'aria-label="test accuracy against width"', drawn)
    assert axis(made(BASE + "factors: {width: [16, 4]}\n", lambda arm, seed: 0.5)) is None


def test_the_loss_of_a_head_has_no_training_loss_of_the_whole_net_beside_it() -> None:
    shown = made(BASE + "factors: {width: [16, 4, 8]}\n", lambda arm, seed: 0.2 + 0.1 * arm)
    figures = {"test_kind_loss": 0.4, "train_kind_loss": 0.3, "train_loss": 2.5}
    arms = tuple(replace(a, figures=dict.fromkeys(a.figures, figures)) for a in shown.arms)
    (line,) = lines_of(replace(shown, arms=arms, metric="test_kind_loss"), shown.factors[0])
    assert line.test
    assert not line.train
    (line,) = lines_of(replace(shown, arms=arms, metric="test_loss"), shown.factors[0])
    assert list(line.train[4.0]) == [2.5, 2.5]


def test_two_axes_are_lines_and_a_heat_map_in_order() -> None:
    text = BASE + "factors: {width: [16, 4, 8], train.epochs: [3, 1, 2]}\ndesign: grid\n"
    shown = made(text, lambda arm, seed: 0.2 + 0.01 * arm)
    assert [line.name for line in lines_of(shown, shown.factors[0])] == ["epochs=1", "epochs=2", "epochs=3"]
    assert axis(shown) is not None
    assert heat(shown) is not None
