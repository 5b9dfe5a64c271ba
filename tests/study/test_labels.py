"""Labels of a study: figures show them; names, claims and runs stay."""

from __future__ import annotations

from typing import Any

import pytest

from archdsl.errors import ArchError
from archdsl.study.execute.select import standalone
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.fitted import fit_lines
from archdsl.study.plan.plan import Found
from archdsl.study.report.figures import canvas
from archdsl.study.report.figures.axis import Line, axis, colours_of, lines_of
from archdsl.study.report.figures.curves import curves, steep
from archdsl.study.report.figures.heat import heat
from archdsl.study.report.figures.pareto import pareto
from archdsl.study.report.figures.strips import strips
from archdsl.study.report.sections.answers import forests
from archdsl.study.results.curves import Point
from archdsl.study.results.results import Results, results

HERE = {"torch": "2.13.0", "numerics": "3", "device": "cpu", "precision": "fp32"}
BASE = """\
base: |
  net conv({width: 4 | 8 | 16}) {shortcut: bn | } gap linear(classes)
  data fashion-mini subset(100)
  train adam(1e-3) epochs(1)
design: grid
seeds: 3
"""
LABELS = """\
labels:
  width: channels of the first layer
  shortcut=bn: normalised
  shortcut=: as it is
"""
PRESETS = """\
presets:
  wide:
    base: |
      net conv(16) {shortcut: bn | } gap linear(classes)
      data fashion-mini subset(100)
      train adam(1e-3) epochs(1)
    labels: {shortcut=none: plain}
"""


def made(text: str = BASE + LABELS) -> Results:
    study = study_of(text)
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = {
        c.key: Found("finished", {"test_accuracy": 0.5 + 0.1 * c.arm + 0.01 * c.seed, "seconds": 1.0 + c.arm}, HERE)
        for c in every
    }
    return results("a study", "test_accuracy", arms, study.seeds, every, found)


def written(monkeypatch: pytest.MonkeyPatch, draw: Any) -> str:
    """The words of a figure, as letters and not as paths."""
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(canvas._STYLE, "svg.fonttype", "none")
    found: str = draw()
    return found


def test_names_stay_and_figures_have_labels() -> None:
    plain, shown = arms_of(study_of(BASE)), arms_of(study_of(BASE + LABELS))
    assert [a.name for a in shown.arms] == [a.name for a in plain.arms]
    assert [a.spec.hash for a in shown.arms] == [a.spec.hash for a in plain.arms]
    assert {a.label for a in plain.arms} == {""}
    assert [a.label for a in shown.arms][:3] == ["width=4, normalised", "width=4, as it is", "width=8, normalised"]
    assert [f.axis for f in shown.factors] == ["channels of the first layer", "shortcut"]
    results = made()
    assert [line.name for line in lines_of(results, results.factors[0])] == ["normalised", "as it is"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what matplotlib imports
def test_each_figure_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    results = made()
    points = {a.name: {s: (Point(1, 10, 2.0, 0.2), Point(2, 20, 1.0, 0.4)) for s in range(3)} for a in results.arms}
    drawings: dict[str, tuple[Any, tuple[str, ...]]] = {
        "axis": (lambda: axis(results), ("channels of the first layer", "normalised", "as it is")),
        "heat": (lambda: heat(results), ("channels of the first layer", "normalised", "as it is")),
        "strips": (lambda: strips(results), ("width=8, normalised", "the same seed of width=4, normalised")),
        "forest": (lambda: next(forests(results)), ("width=16, as it is", "against width=4, normalised")),
        "curves": (lambda: curves(results, points), ("width=8, as it is", "mean curve of width=4, normalised")),
        "pareto": (lambda: pareto(results), ("parameters",)),
    }
    for draw, words in drawings.values():
        text = written(monkeypatch, draw)
        for word in words:
            assert word in text


def test_what_all_arms_share_is_not_said() -> None:
    net = "net conv({width: 4 | 8}) relu gap linear(10)\n    data fashion-mini\n    train adam"
    bases = f"base:\n  a: |\n    {net}\n  b: |\n    {net.replace('relu', 'gelu')}\n"
    study = bases + "design: grid\nlabels:\n  base=a: first net\n  width=4: narrow\n"
    assert [a.label for a in arms_of(study_of(study)).arms] == [
        "first net, narrow",
        "first net, width=8",
        "b, narrow",
        "",
    ]
    alone = arms_of(study_of(study + "where: base = a\n"))
    assert [a.label for a in alone.arms] == ["narrow", "width=8"]
    assert [a.name for a in alone.arms] == ["a", "a, width=8"]


def test_what_is_added_keeps_its_colour_without_the_bare_line() -> None:
    points = {1.0: [0.5]}
    bare, one, two = Line("", points, {}, bare=True), Line("one", points, {}), Line("two", points, {})
    assert colours_of([bare, one, two])[1:] == colours_of([one, two])
    assert colours_of([bare]) == colours_of([one])
    assert len(set(colours_of([bare, one, two]))) == 3


def test_losses_that_fall_far_are_on_a_logarithmic_axis() -> None:
    assert steep([[2.0, 0.5], [1.0, 0.01]])
    assert not steep([[2.0, 0.5], [1.0, 0.03]])
    assert not steep([[2.0, 0.0]])
    assert not steep([])


def test_fits_have_them() -> None:
    study = study_of(BASE + LABELS + "fit: linear(width -> test_loss)\n")
    arms = arms_of(study)
    lines = fit_lines(study, arms, cells(arms, study.seeds))
    assert [(line.name, line.label) for line in lines] == [("shortcut=bn", "normalised"), ("shortcut=none", "as it is")]
    assert {line.title for line in lines} == {"channels of the first layer"}


def test_a_preset_adds_to_them_and_may_lack_their_factors() -> None:
    wide = arms_of(study_of(BASE + LABELS + PRESETS, preset="wide"))
    assert [a.label for a in wide.arms] == ["normalised", "plain"]
    assert [a.label for a in arms_of(study_of(BASE + LABELS + PRESETS)).arms][:2] == [
        "width=4, normalised",
        "width=4, as it is",
    ]


def test_a_study_stands_alone_with_its_labels() -> None:
    for preset, labels in ((None, ["width=4, normalised", "width=4, as it is"]), ("wide", ["normalised", "plain"])):
        study = study_of(standalone(study_of(BASE + LABELS + PRESETS, preset=preset)))
        assert [a.label for a in arms_of(study).arms][:2] == labels


@pytest.mark.parametrize(
    ("labels", "message", "help"),
    [
        ("widht: channels", "`widht` is of no factor", "width"),
        ("base: channels", "`base` is of no factor", "width, shortcut"),
        ("width=5: five", "the factor `width` has no level `5`", "4, 8, 16"),
        ("shortcut=res: five", "the factor `shortcut` has no level `res`", "bn, none"),
        ("width: ''", "the label of `width` has no text", "shorten"),
        (f"width: {'x' * 61}", "more than 60 letters", "shorten"),
        ("width: [a, b]", "one value is expected", "quotes"),
    ],
)
def test_bad_labels_are_refused(labels: str, message: str, help: str) -> None:
    with pytest.raises(ArchError) as caught:
        arms_of(study_of(f"{BASE}labels:\n  {labels}\n"))
    assert message in str(caught.value)
    assert help in (caught.value.help or "")


def test_a_preset_is_as_strict_about_its_own() -> None:
    text = BASE + LABELS + PRESETS.replace("shortcut=none", "width=4")
    with pytest.raises(ArchError, match="`width=4` is of no factor"):
        arms_of(study_of(text, preset="wide"))
