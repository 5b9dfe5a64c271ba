"""The report page in a real browser: nothing is cut at any width or in print, in light and in dark, and it asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archdsl.study.html import html
from tests.study.browsing import Browser, browsing
from tests.study.large_study import courses, large

pytest.importorskip("matplotlib")
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
WIDTHS = (360, 800, 1440)
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
        assert min(figures) > WIDTHS[0], "letters keep the size of a printed figure"
