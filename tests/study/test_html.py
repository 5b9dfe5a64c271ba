"""The HTML report: one file, well-formed, the same bytes for the same results, and honest in every case."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from typing import Any
from xml.etree import ElementTree

import pytest

from archdsl.report.text import records
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import Found
from archdsl.study.report import html as html_module
from archdsl.study.report import notes, page, tables
from archdsl.study.report.figures.deciding import course_of
from archdsl.study.report.figures.verdict_forest import CLOSER, NEAR, Compared, scales
from archdsl.study.report.html import html
from archdsl.study.results.curves import Point
from archdsl.study.results.results import Results, results
from archdsl.study.stats.sequential import SURE, uneven
from tests.study.large_study import courses, large

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what matplotlib imports
HERE = {"torch": "2.13.0", "numerics": "3", "device": "cpu", "precision": "bf16"}
NET = "base: |\n  net conv(4) {norm: bn | } {act: relu | gelu } gap linear(10)\n  data fashion-mini\n"
Value = Callable[[int, int], float | None]


def made(
    more: str = "seeds: 3\n", value: Value = lambda arm, seed: 0.5 + 0.1 * arm + 0.01 * (seed * (arm + 1) % 3)
) -> Results:
    """Results without any training: the value of each arm and seed, None for a run that diverged."""
    study = study_of(NET + more)
    arms = arms_of(study)
    every = cells(arms, study.seeds)
    found = {}
    for cell in every:
        number = value(cell.arm, cell.seed)
        figures = {} if number is None else {"test_accuracy": number, "seconds": 2.0 + cell.arm}
        found[cell.key] = Found(
            "diverged" if number is None else "finished", figures, HERE, None, "" if number else "at step 3"
        )
    return results("a <script>alert(1)</script> & title", "test_accuracy", arms, study.seeds, every, found)


class Checker(HTMLParser):
    """Collects the open tags, to see that they close."""

    VOID = frozenset({"meta", "br", "hr", "img", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(text: str) -> list[str]:
    """The headings of a page that needs nothing else and is well-formed."""
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert "script" not in checker.seen
    assert not re.search(r"(href|src)\s*=\s*[\"']?(https?:)?//", text)
    assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "").replace(
        "http://www.w3.org/1999/xlink", ""
    )
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(svg)
    return re.findall(r"<h2[^>]*>(.*?)</h2>", text)


def test_a_grid_has_all_its_figures() -> None:
    found = made()
    curves = {a.name: {s: (Point(1, 10, 2.0, 0.2), Point(2, 20, 1.0, 0.4)) for s in range(3)} for a in found.arms}
    text = html(found, "archdsl ablate x", curves)
    headings = checked(text)
    assert {"Differences", "Seeds", "Grid", "Effects", "What it costs", "Learning curves"} <= set(headings)
    assert "a &lt;script&gt;alert(1)&lt;/script&gt; &amp; title" in text
    for words in ("archdsl ablate x", "seed variation", "2.13.0", "bf16"):
        assert words in text


def test_the_same_results_give_the_same_bytes() -> None:
    assert html(made(), "c") == html(made(), "c")


def test_figures_that_say_nothing_are_left_out() -> None:
    headings = checked(html(made("design: one-out\nseeds: 3\n"), "c"))
    assert "Effects" not in headings
    assert "Learning curves" not in headings
    assert "Differences" in headings


@pytest.mark.parametrize("value", [
    lambda arm, seed: None,
    lambda arm, seed: 0.5,
    lambda arm, seed: None if arm == 0 else 0.5 + 0.1 * seed,
    lambda arm, seed: None if arm else 0.5 + 0.1 * seed,
], ids=["nothing finished", "all equal", "no reference", "only the reference"])  # fmt: skip
@pytest.mark.parametrize("seeds", [1, 3])
def test_cases_in_which_little_is_known(value: Value, seeds: int) -> None:
    text = html(made(f"seeds: {seeds}\n", value), "c")
    checked(text)
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL).lower().replace("finance", "")


def test_runs_without_a_result_are_listed() -> None:
    text = html(made(value=lambda arm, seed: None if (arm, seed) == (1, 2) else 0.5 + 0.1 * arm + 0.01 * seed), "c")
    assert "diverged" in text
    assert "at step 3" in text


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("test_accuracy", "on this test set"),
        ("valid_accuracy", "each seed draws"),
        ("train_loss", "on the training images"),
    ],
)
def test_the_note_says_which_images_judge(metric: str, words: str) -> None:
    found = replace(made(), metric=metric)
    assert words in html(found, "archdsl ablate x")
    assert any(words in note for note in tables.notes(found))


def test_seeds_that_are_missing_take_one_line() -> None:
    found = made("seeds: 4\n", lambda arm, seed: None if (arm + seed) % 3 == 0 else 0.5 + 0.01 * seed * (arm + 1))
    notes = list(tables.notes(found))
    assert sum("without a result, by seed" in n for n in notes) == 1
    assert not any("missing in" in n for n in notes)
    assert "`base` 0, 3; `act=gelu` 2" in next(n for n in notes if "without a result" in n)


def test_the_page_leads_with_the_verdicts_then_shows_how_they_came_about() -> None:
    found = large()
    text = html(found, "c", courses(found))
    headings = checked(text)
    assert headings[:5] == ["Differences", "Results", "Evidence over the seeds", "Runs and time", "Learning curves"]
    lead = text[text.index("<main>") : text.index("<h2>")]
    assert "8 arms are compared with “base” by test accuracy: 1 better, 2 worse, 2 the same, 3 open." in lead
    assert re.findall(r'<li class="(\w+)">', lead) == [
        "better",
        "worse",
        "worse",
        "same",
        "same",
        "open",
        "open",
        "open",
    ]
    assert "decided at 8 seeds" in lead
    assert re.search(r"not decided after 20 seeds; about \d+ would decide it", lead)
    assert "The open arms end because 20 seeds are the most" in lead
    assert "registered on 2026-01-05" in text


def test_what_stopping_saved_is_counted() -> None:
    text = html(large(), "c")
    spent = re.search(
        r"(\d+) runs, .* of training\. All arms with 20 seeds each would have been 180: .* saved (\d+) runs", text
    )
    assert spent is not None
    assert int(spent[1]) + int(spent[2]) == 180


def test_a_fixed_design_has_no_evidence_over_seeds_and_saves_nothing() -> None:
    text = html(large(sequential=False, seeds=5), "c")
    assert "Evidence over the seeds" not in checked(text)
    assert "saved" not in text[text.index("<h2>Runs and time") :].split("<table>")[0]
    assert "A difference that was not shown is not a proof of equality." in text


def test_decided_arms_do_not_lack_the_seeds_that_they_did_not_need() -> None:
    assert not any("without a result, by seed" in note for note in tables.notes(large()))


def test_the_end_of_a_curve_of_evidence_is_that_of_the_verdict() -> None:
    found = large()
    for arm in found.compared:
        course = course_of(found, arm, arm.name)
        assert course is not None
        assert arm.verdict is not None
        e, seeds = arm.verdict.evidence, [s for s in arm.decision.seeds if s in found.reference.values]
        flags = uneven([arm.values[s] for s in seeds], [found.reference.values[s] for s in seeds], found.resolution)
        held = flags[-1] and e.n < SURE  # also by the symmetry test
        counts = min(e.log_e, -math.log(e.p_symmetric)) if held else e.log_e
        assert course.logs[-1] == pytest.approx(counts / math.log(10))


def test_colours_of_figures_follow_the_page_and_no_name_is_changed() -> None:
    svg = '<svg width="10pt"><title>fill: arms</title><path style="fill: #1a1a1a; stroke: #123456"/></svg>'
    shown = page.figure(svg, "c")
    assert "fill: var(--ink); stroke: #123456" in shown
    assert "--wide: 10pt" in shown


def test_notes_quote_names_that_hold_commas() -> None:
    """`width=3, −norm` is one arm, which a list without quotes does not show."""
    found = large()
    names = dict(zip([a.name for a in found.arms], ("base", *(f"width={n}, −norm" for n in range(3, 11))), strict=True))
    arms = tuple(replace(a, arm=replace(a.arm, name=names[a.name])) for a in found.arms)
    failures = tuple((names[arm], *rest) for arm, *rest in found.failures)
    renamed = replace(found, arms=arms, failures=failures)
    for text in notes.notes(renamed):
        assert text.count("−norm") == len(re.findall("`[^`]*−norm`", text)), text
    shown = html_module._notes(renamed)
    for text in shown:
        assert text.count("−norm") == len(re.findall("“[^”]*−norm”", text)), text


def test_the_mean_of_the_reference_over_the_same_seeds_makes_the_difference_followed() -> None:
    """Means over unequal numbers of seeds differ by something else than Δ, and the table says so."""
    found = large()
    for row in records(tables.table(found, people=False))[1:]:
        assert row["mean"] - row["reference"] == pytest.approx(row["delta"], abs=1e-12)
    chosen = tables.table(found, columns=["mean", "reference", "delta"])
    assert [c.id for c in chosen.columns] == ["arm", "delta", "mean", "reference"]
    said = "Δ is over the seeds that an arm shares with"
    assert any(said in note for note in tables.notes(found))
    assert said in html(found, "c")
    assert '<th scope="col" class="right">reference</th>' in html(found, "c")
    fixed = large(sequential=False, seeds=3)
    assert not any(said in note for note in tables.notes(fixed))
    assert '<th scope="col" class="right">reference</th>' not in html(fixed, "c")


def test_each_arm_can_be_read_in_one_of_the_figures_of_differences() -> None:
    """The README's study: `−drop` is a dot beside norms that lose 30 points, unless it is drawn again."""
    ends = {
        "−res": 2.41,
        "+ln": 36.47,
        "+gn": 28.54,
        "−norm": 33.87,
        "−drop": 0.36,
        "−flip": 3.11,
        "−crop": 6.23,
        "−mixup": 3.29,
    }
    arms = [Compared(name, end / 2, 0.0, end, "open") for name, end in ends.items()]
    shown = list(scales(arms))
    assert [[a.name for a in figure] for figure in shown[1:]] == [["−res", "−drop", "−flip", "−mixup"]]
    for arm in arms:
        assert any(arm in figure and arm.reach > NEAR * max(a.reach for a in figure) for figure in shown)
    assert [len(figure) for figure in scales([Compared("a", 0.0, None, None, "open")])] == [1]
    assert list(scales([])) == []
    text = html(large(), "c")
    assert text.count("<title>Differences from base") == 4, "two scales, each for wide and for narrow pages"
    assert CLOSER in text
    assert CLOSER not in html(made(), "c")


def test_strips_draw_the_reference_only_at_the_seeds_that_an_arm_has() -> None:
    found = large()
    few = min(found.compared, key=lambda a: len(a.values))
    assert len(few.values) < len(found.reference.values)
    axes = Axes()
    import_module("archdsl.study.report.figures.strips")._joined(axes, 1, few, found.reference, 1.0)
    dots = [xs for xs, _, *marker in axes.plotted if marker]
    assert sorted(x for xs in dots for x in xs) == sorted(found.reference.values[s] for s in few.values)


class Axes:
    """What is drawn."""

    def __init__(self) -> None:
        self.plotted: list[tuple[Any, ...]] = []

    def plot(self, *given: Any, **_: Any) -> None:
        self.plotted.append(given)


def test_the_page_says_where_training_figures_and_seconds_do_not_compare_arms() -> None:
    found = large()
    found = replace(found, arms=(found.arms[0], *found.arms[-2:]))  # so few that their training loss is drawn
    text = html(found, "c", courses(found))
    assert "of mixed labels with mixup, and “−flip”, “−mix” train on others than the reference does" in text
    assert "Seconds are wall time" in text
    assert "train on others" not in html(made(), "c", courses(made()))
