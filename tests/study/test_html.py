"""The HTML report: one file, well-formed, the same bytes for the same results, and honest in every case."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from archdsl.study import tables
from archdsl.study.arms import arms_of
from archdsl.study.curves import Point
from archdsl.study.file import study_of
from archdsl.study.html import html
from archdsl.study.plan import Found, cells
from archdsl.study.results import Results, results

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
    assert "base 0, 3; act=gelu 2" in next(n for n in notes if "without a result" in n)
