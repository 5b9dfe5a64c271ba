"""Names in figures have room, and what a figure cannot show is said beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from archdsl.study.report.figures import canvas
from archdsl.study.report.figures.canvas import clean, labels
from archdsl.study.report.figures.evidence import NAMED, Course, evidence, unnamed
from archdsl.study.report.figures.fit import fit
from archdsl.study.report.figures.strips import strips
from archdsl.study.report.figures.verdict_forest import Compared, verdict_forest
from archdsl.study.report.fit_table import table as fit_table
from archdsl.study.report.html import html
from archdsl.study.report.notes import notes
from archdsl.study.report.sections.answers import forests
from archdsl.study.results.curves import Point
from archdsl.study.results.results import Results
from tests.study.large_study import courses, large
from tests.study.test_axes import BASE
from tests.study.test_axes import made as along
from tests.study.test_figures_whole import drawn
from tests.study.test_fits import TEXT
from tests.study.test_fits import made as fitted

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what matplotlib imports
PANELS = BASE + (
    "factors: {width: [4, 8, 16], train.adam: [1e-3, 1e-2, 1e-1], train.wd: [1e-5, 1e-4, 1e-3]}\ndesign: grid\n"
)
TWO = "fit: [logistic(log w -> test_loss), logistic(w -> test_loss)]\ndesign: grid\n"


def whole(figure: Any) -> None:
    """Each panel is wide, and no legend leaves the figure or runs into another one."""
    boxes = [axes.get_legend().get_window_extent() for axes in figure.axes]
    assert all(axes.get_position().width * figure.get_figwidth() > 1.3 for axes in figure.axes)
    assert all(axes.get_position().height * figure.get_figheight() > 1.5 for axes in figure.axes)
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert all(not a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures have their words as letters and not as paths."""
    monkeypatch.setitem(canvas._STYLE, "svg.fonttype", "none")


def test_panels_of_three_axes_keep_their_width(monkeypatch: pytest.MonkeyPatch) -> None:
    whole(drawn("axis", along(PANELS, lambda arm, seed: 0.2 + 0.01 * arm), monkeypatch))


@pytest.mark.parametrize("count", [1, 2])
def test_long_names_of_lines_leave_the_axes_their_width(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PANELS.replace(", train.wd: [1e-5, 1e-4, 1e-3]", "" if count == 2 else ", train.wd: [1e-5, 1e-4]")
    text = text.replace("[1e-3, 1e-2, 1e-1]", "[1e-3, 1e-2]") if count == 1 else text
    named = f"labels:\n  adam=1e-3: {'a' * 60}\n  adam=1e-2: {'b' * 60}\n  width=4: {'c' * 60}\n"
    figure = drawn("axis", along(text + named, lambda arm, seed: 0.2 + 0.01 * arm), monkeypatch)
    assert len(figure.axes) == count
    whole(figure)


def test_panels_of_fits_keep_their_width_beside_long_names(monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEXT.replace("conv(w, s=4) bn", "conv(w, s=4) {norm: bn | }")
    more = TWO + f"labels:\n  norm=bn: {'with it ' * 6}\n  norm=: {'without ' * 6}\n"
    whole(drawn("fit", fitted(more, lambda n, seed: 0.2 + 1 / n, text), monkeypatch))


def test_the_number_of_a_shortened_name_is_that_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    letters(monkeypatch)
    found = large()
    long = [f"{'a' * 40} {n} {'b' * 40}" for n in range(len(found.arms))]
    arms = tuple(replace(a, arm=replace(a.arm, label=name)) for a, name in zip(found.arms, long, strict=True))
    found = replace(found, arms=arms)
    names = labels([a.label for a in arms])
    for svg in (strips(found), next(forests(found))):
        assert svg is not None
        assert [name for name in names[1:] if name not in svg] == []


def test_what_is_below_the_differences_is_inside_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.study.report.figures import verdict_forest as module

    inside: list[bool] = []

    def render(size: tuple[float, float], draw: Any, *_: str) -> str:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        with canvas_style():
            draw(figure)
            figure.draw_without_rendering()
        box = figure.axes[0].xaxis.label.get_window_extent()
        inside.append(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0)
        return ""

    monkeypatch.setattr(module, "render", render)
    arms = [Compared("n" * 40, 0.1, 0.05, 0.15, "better"), Compared("m", 0.1, 0.05, 0.15, "open")]
    for slim in (False, True):
        axis = "Δ training accuracy after the epoch (points)"
        verdict_forest(arms, reference="r" * 60, axis=axis, same=0.0025, factor=100.0, slim=slim)
    assert inside == [True, True]


def canvas_style() -> Any:
    import matplotlib

    return matplotlib.rc_context(canvas._STYLE)


def test_the_legend_of_slim_strips_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    found = large()
    first = replace(found.arms[0], arm=replace(found.arms[0].arm, label="width=64, norm=bn, act=gelu, drop=0.1, x"))
    figure = drawn("strips", replace(found, arms=(first, *found.arms[1:])), monkeypatch, True)
    assert figure.axes[0].get_legend().get_window_extent().x0 >= 0
    assert figure.axes[0].get_position().x0 < 0.1


def test_the_title_of_a_figure_holds_no_control_characters() -> None:
    text = clean("<svg width='1'></svg>", "k", "b\x1b\u202e<x>\ny")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count(r"b\x1b\u202e&lt;x&gt; y") == 2


def points(found: Results, **more: float) -> Mapping[str, Any]:
    return {a.name: {0: (Point(1, 10, 2.0, 0.2, **more), Point(2, 20, 1.0, 0.4, **more))} for a in found.arms}


def test_sentences_on_training_figures_are_there_where_these_are_drawn() -> None:
    every = large()
    few = replace(every, arms=(every.arms[0], *every.arms[-2:]))
    means, others = "Training figures are means over an epoch", "train on others than the reference"
    page = html(few, "c", points(few))
    assert means in page
    assert others in page
    for found, how in ((few, {"train_eval_loss": 1.0, "test_accuracy": 0.5}), (every, {"test_accuracy": 0.5})):
        page = html(found, "c", points(found, **how))
        assert "Learning curves" in page
        assert means not in page
        assert others not in page
    assert means not in html(every, "c", courses(every))  # panels of validation accuracy


@pytest.mark.parametrize("columns", [4, 9, 17])
def test_the_caption_of_a_grid_says_what_its_cells_show(columns: int) -> None:
    text = BASE + f"factors: {{train.epochs: 10..12, width: 1..{columns}}}\ndesign: grid\n"
    found = along(text, lambda arm, seed: 0.2 + 0.01 * arm)
    first = replace(found.arms[0], planned=3, untrained=(0,))
    page = html(replace(found, arms=(first, *found.arms[1:])), "c")
    assert ("The number is the mean, with the standard deviation below it." in page) == (columns <= 4)
    assert ("with more than 8 columns the standard deviations are in the table alone" in page) == (columns == 9)
    assert ("ells show no mean with more than 16 columns" in page) == (columns == 17)
    assert (f"Not all runs are finished in the cells “{first.name}” (2/3)." in page) == (columns > 4)
    assert (f"Some runs did not train in the cells “{first.name}”." in page) == (columns > 4)


def test_lines_with_too_few_sizes_are_said() -> None:
    text = TEXT.replace("conv(w, s=4) bn", "conv(w, s=4) {norm: bn | }") + (
        "design: grid\nwhere: not (norm = none and (w = 16 or w = 32 or w = 64))\n"
    )
    found = fitted("fit: power(w -> test_loss)\nholdout: largest\n", lambda n, seed: 5 * n**-0.3 + 0.01 * seed, text)
    words = "fit power(w -> test_loss) (norm=none): there is 1 size beside the one that is held out, and 4 are needed"
    assert words in list(notes(found))
    assert [(row[1], row[8]) for row in fit_table(found).rows if row[1] == "norm=none"] == [
        ("norm=none", words.partition(": ")[2])
    ]
    page = html(found, "c")
    assert "Lines of the axis w with results at fewer than 3 levels are not drawn: “no norm”." in page


def test_a_prediction_without_an_interval_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    letters(monkeypatch)
    text = TEXT.replace("seeds: 4", "seeds: 1")
    found = fitted("fit: linear(w -> test_loss)\nholdout: largest\n", lambda n, seed: 5 * n**-0.3, text)
    (one,) = found.fitted
    assert one.fitted is not None
    assert one.fitted.held is not None
    assert one.fitted.held.low is None
    svg = fit(found) or ""
    assert "prediction of the held-out mean<" in svg


def test_of_many_curves_of_evidence_those_with_the_most_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    letters(monkeypatch)
    many = [Course(f"arm{n:03}", (0.0, 0.01 * n), "open", None) for n in range(NAMED + 5)]
    svg = evidence(many, alpha=0.05, family=len(many)) or ""
    assert re.findall(r"arm\d+", re.sub(r"<!--.*?-->", "", svg)).count("arm004") == 0
    assert "arm005" in svg
    assert f"arm{NAMED + 4:03}" in svg
    assert list(unnamed(many)) == [
        f"of the {NAMED + 5} curves the {NAMED} that end with the most evidence have their names"
    ]
    assert not list(unnamed(many[:NAMED]))


def test_an_arm_without_cost_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    found = along(BASE + "factors: {width: [4, 8, 16]}\n", lambda arm, seed: 0.2 + 0.01 * arm)
    counted = found.arms[0].arm
    cost = replace(counted.spec.cost, params=0, macs=0)
    bare = replace(found.arms[0], arm=replace(counted, spec=replace(counted.spec, cost=cost)))
    figure = drawn("pareto", replace(found, arms=(bare, *found.arms[1:])), monkeypatch)
    assert {axes.get_xscale() for axes in figure.axes} == {"linear"}
    assert min(line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 1) == 0
    lost = {seed: {**row, "seconds": None} for seed, row in found.arms[0].figures.items()}
    other = [
        replace(a, figures={s: {**r, "seconds": float(n)} for s, r in a.figures.items()})
        for n, a in enumerate(found.arms)
    ]
    page = html(replace(found, arms=(replace(found.arms[0], figures=lost), *other[1:])), "c")
    assert f"No seconds are known of “{found.arms[0].name}”, which the panel of seconds leaves out." in page
