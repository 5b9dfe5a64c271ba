"""The report page in a real browser: nothing is cut at any width or in print, in light and in dark, and it asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archdsl.study.report import live
from archdsl.study.report.html import html
from tests.study.browsing import Browser, browsing
from tests.study.large_study import courses, large

pytest.importorskip("matplotlib")
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
WIDTHS = (360, 400, 800, 1440)
PAPER = 680  # pixels of A4 within margins of 15 mm


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Reports of nine arms with long names: sequential with everything, and a fixed design of two seeds."""
    folder = tmp_path_factory.mktemp("pages")
    studies = {"sequential": large(), "fixed": large(sequential=False, same=None, seeds=2)}
    for name, results in studies.items():
        path: Path = folder / f"{name}.html"
        path.write_text(html(results, "archdsl ablate runs/studies/ingredients-3f9a1c", courses(results)), "utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in studies}


@pytest.mark.parametrize("study", ["sequential", "fixed"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_and_nothing_is_asked_for(
    browser: Browser, addresses: dict[str, str], study: str, scheme: str, width: int
) -> None:
    with browser.open(addresses[study], width, scheme) as seen:
        assert seen.cut() == []
        assert seen.contrast() >= 4.5
        assert seen.console == []
        assert seen.requests == [addresses[study]]


@pytest.mark.parametrize("study", ["sequential", "fixed"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_print_is_light_and_fits_the_paper(
    browser: Browser, addresses: dict[str, str], study: str, scheme: str
) -> None:
    with browser.open(addresses[study], PAPER, scheme, "print") as seen:
        assert seen.cut() == []
        assert seen.contrast() >= 4.5
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        margin = dict.fromkeys(("top", "bottom", "left", "right"), "15mm")
        pages = seen.page.pdf(format="A4", margin=margin).count(b"/Type /Page\n")
        assert 2 <= pages <= 12


def test_figures_follow_the_dark_page(browser: Browser, addresses: dict[str, str]) -> None:
    back = "getComputedStyle(document.querySelector('.card svg path')).fill"
    with browser.open(addresses["sequential"], scheme="dark") as dark, browser.open(addresses["sequential"]) as light:
        assert light.page.evaluate(back) == "rgb(255, 255, 255)"
        assert dark.page.evaluate(back) == "rgb(27, 27, 27)"


def test_wide_tables_scroll_in_their_own_box(browser: Browser, addresses: dict[str, str]) -> None:
    with browser.open(addresses["sequential"], WIDTHS[0]) as seen:
        boxes = seen.page.evaluate("[...document.querySelectorAll('.wide')].map(e => [e.scrollWidth, e.clientWidth])")
        assert any(inner > outer for inner, outer in boxes)
        figures = seen.page.evaluate("[...document.querySelectorAll('.drawn')].map(e => e.clientWidth)")
        assert min(n for n in figures if n) > WIDTHS[0] - 30, "letters keep the size of a printed figure"


# Of each figure that is shown, the marks that lie in its visible part; of each box that scrolls, whether it says so.
SEEN = """() => [...document.querySelectorAll('figure .card')].filter(card => card.clientWidth).map(card => {
  const box = card.getBoundingClientRect(), svg = card.querySelector('svg');
  const marks = [...svg.querySelectorAll('[clip-path] use, path[clip-path]')].map(mark => mark.getBoundingClientRect());
  return [svg.getAttribute('aria-label'), marks.length, marks.filter(m => m.left >= 0 && m.right <= box.right + 1).length];
})"""
SIGNS = """() => [...document.querySelectorAll('.wide, .card')].filter(e => e.scrollWidth > e.clientWidth + 1)
  .map(e => getComputedStyle(e, '::before').content)"""


@pytest.mark.parametrize("study", ["sequential", "fixed"])
def test_a_telephone_shows_data_of_each_figure_and_says_what_scrolls(
    browser: Browser, addresses: dict[str, str], study: str
) -> None:
    with browser.open(addresses[study], 400) as seen:
        figures = seen.page.evaluate(SEEN)
        assert len(figures) >= 4
        for label, marks, visible in figures:
            assert visible > 0, label
            if label.startswith(("Differences", "test_accuracy of every seed")):
                assert visible == marks, f"{label}: rows without marks look empty"
        signs = seen.page.evaluate(SIGNS)
        assert signs
        assert all("scroll" in sign for sign in signs), signs
    with browser.open(addresses[study], 1440) as seen:
        assert all(sign == "none" for sign in seen.page.evaluate(SIGNS))


def test_a_live_page_takes_over_what_changed_without_loading_again(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvicorn")
    monkeypatch.setattr(live, "FRACTION", 1.0)
    few, all_runs = large(seeds=9), large()
    now = [few]
    before, after = (sum(a.verdict.decision == "open" for a in r.compared if a.verdict) for r in (few, all_runs))
    assert before > after

    def draw(last: bool) -> str:
        return html(now[0], "archdsl ablate runs/studies/x", None, "" if last else live.SCRIPT)

    with live.LivePage(draw, 0) as served:
        with browser.open(served.address) as seen:
            page = seen.page
            page.wait_for_selector(".answers", timeout=60_000)
            page.evaluate("window.before = true")
            page.locator("summary").first.click()
            assert page.locator(".answers .open").count() == before
            now[0] = all_runs
            for _ in range(600):
                if page.locator(".answers .open").count() == after:
                    break
                page.wait_for_timeout(100)
            assert page.locator(".answers .open").count() == after
            assert page.evaluate("window.before"), "the page was not loaded again"
            assert page.locator("details[open]").count() == 1, "what was opened stays open"
            assert page.locator("#live").text_content() == "Live: this page follows the study."
            assert seen.cut() == []
            assert seen.console == []
            assert set(seen.requests) == {served.address}
        served._asked = 0.0
