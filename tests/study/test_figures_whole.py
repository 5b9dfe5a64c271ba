"""Figures of a page that have much to show: panels keep their width, and what has no room is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest

from archdsl.report.text import plain_text
from archdsl.study.report.figures.canvas import _STYLE
from archdsl.study.report.fit_table import table
from archdsl.study.report.fit_text import prediction
from archdsl.study.report.html import html
from archdsl.study.report.sections.tuning import tuning
from archdsl.study.results.curves import Point
from archdsl.study.results.results import Results
from archdsl.study.stats.curve_fit import Estimate, Fitted
from tests.study.large_study import large
from tests.study.test_axes import BASE
from tests.study.test_axes import made as along
from tests.study.test_fits import made
from tests.study.test_tuning import selected
from tests.study.tuned import TUNED, plan_of

matplotlib = pytest.importorskip("matplotlib")
FITS = "fit: [linear(w -> test_loss), linear(log params -> test_loss), linear(params -> test_loss), linear(log w -> test_loss)]\n"
GRID = BASE + "factors: {width: [4, 5, 6, 7, 8, 9, 10, 12], train.sgd: [1e-3, 1e-2, 1e-1]}\ndesign: grid\n"


def drawn(name: str, results: Results, monkeypatch: pytest.MonkeyPatch, *more: Any) -> Any:
    """The figure of this name as matplotlib has it once its layout is settled."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    module, kept = import_module(f"archdsl.study.report.figures.{name}"), []

    def render(size: tuple[float, float], draw: Callable[[Any], None], *_: str) -> str:
        with matplotlib.rc_context(_STYLE):
            figure = Figure(figsize=size, layout="constrained")
            FigureCanvasAgg(figure)
            draw(figure)
            figure.draw_without_rendering()
        kept.append(figure)
        return ""

    monkeypatch.setattr(module, "render", render)
    getattr(module, name)(results, *more)
    return kept[0]


def law(n: float, seed: int) -> float:
    return float(8 * n**-0.5 + 0.2 + 0.001 * seed)


def test_panels_of_fits_are_wide_enough_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(FITS + "holdout: largest\n", law)
    figure = drawn("fit", found, monkeypatch)
    assert len(figure.axes) == 3
    for axes in figure.axes:
        box = axes.get_position()
        assert box.width * figure.get_figwidth() > 2
        assert box.height * figure.get_figheight() > 1.5
        legend = axes.get_legend().get_window_extent()
        assert legend.x0 >= 0
        assert legend.x1 <= figure.bbox.x1
    assert "Not drawn, being more than 3 fits: linear(log w -&gt; test_loss)." in html(found, "c")


def test_lines_that_are_not_drawn_are_counted() -> None:
    page = html(along(GRID, lambda arm, seed: 0.2 + 0.01 * arm), "c")
    assert "Of the 8 lines of the axis sgd the first 7 are drawn." in page
    assert "lines of the axis width" not in page


def test_ticks_do_not_run_into_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    text = BASE + "factors: {train.sgd: [0.003, 0.004, 0.005, 0.006, 0.007, 30]}\n"
    figure = drawn("axis", along(text, lambda arm, seed: 0.2 + 0.01 * arm), monkeypatch)
    boxes = [
        tick.label1.get_window_extent() for tick in figure.axes[0].xaxis.get_major_ticks() if tick.label1.get_text()
    ]
    assert len(boxes) >= 2
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
    assert import_module("archdsl.study.report.figures.pareto").tick(999_700) == "1 M"


def test_a_grid_without_a_reference_joins_no_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = along(GRID, lambda arm, seed: 0.2 + 0.01 * arm)
    assert not grid.compares
    texts = [text.get_text() for text in drawn("strips", grid, monkeypatch).axes[0].get_legend().get_texts()]
    assert texts == ["a seed", "mean"]


def test_a_small_slope_is_no_zero() -> None:
    found = made("fit: linear(params -> test_loss)\n", lambda n, s: 2.0 - 1e-7 * n + 1e-9 * s)
    assert re.search(r" b +–? +−1e−07| b +\S* +−1e-07", plain_text(table(found))), plain_text(table(found))


@pytest.mark.parametrize(("measured", "words"), [
    (0.9178, "it predicts 91.2 [90.6, 91.8] %, and 4 runs gave 91.8 %: the prediction held"),
    (0.91799, "it predicts 91.2 [90.61, 91.78] %, and 4 runs gave 91.8 %: the prediction did not hold"),
    (0.9996, "it predicts 91.2 [90.61, 91.78] %, and 4 runs gave 99.96 %: the prediction did not hold"),
])  # fmt: skip
def test_a_prediction_is_not_rounded_against_its_answer(measured: float, words: str) -> None:
    (one,) = made("fit: linear(params -> test_accuracy)\nholdout: largest\n", law).fitted
    fitted = Fitted({}, (), 4, Estimate(0.912, 0.9061, 0.9178), measured)
    assert words in next(prediction(replace(one, fitted=fitted)))


def test_panels_of_losses_are_logarithmic_where_one_arm_explodes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = along(BASE + "factors: {width: 4..9}\nbaseline: {width: 4}\n", lambda arm, seed: 0.5)
    runs = {
        a.name: {0: (Point(1, 10, 2.0, None), Point(2, 20, 1e5 if n == 5 else 1.0, None))}
        for n, a in enumerate(found.arms)
    }
    figure = drawn("curves", found, monkeypatch, runs)
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    low, high = figure.axes[0].get_ylim()
    assert 0 < low < 1
    assert high > 1e5


def test_the_caption_of_tuning_curves_names_the_ends_that_are_cut() -> None:
    known = selected(plan_of(TUNED), lambda arm, n: 0.3 + 0.1 * n)
    for metric, words in (("valid_accuracy", "Upper ends far above"), ("valid_loss", "Lower ends far below")):
        assert words in "".join(tuning(replace(large(), tuning=replace(known, metric=metric))))


def test_effects_are_called_by_the_labels_of_their_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "base: |\n  net conv(4) {bn | } {relu | gelu} gap linear(10)\n  data fashion-mini\n  train sgd({0.1 | 0.2})\n"
        "seeds: 2\ndesign: full\nlabels:\n  bn: batch norm\n"
    )
    kept: list[list[str]] = []
    module = import_module("archdsl.study.report.html")
    monkeypatch.setattr(module.figures, "effects", lambda _, found, slim: kept.append([e.name for e in found]))
    html(along(text, lambda arm, seed: 0.2 + 0.01 * arm), "c")
    assert kept[0][:4] == [
        "batch norm", "{relu | gelu}: relu against gelu", "sgd: 0.1 against 0.2", "batch norm × {relu | gelu}"
    ]  # fmt: skip
