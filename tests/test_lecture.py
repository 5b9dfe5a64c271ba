"""The pages of the lecture: each has its study and its figures, and all together are one HTML page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.study.browsing import Browser, browsing

pytest.importorskip("markdown_it")
sys.path.insert(0, str(REPO / "tools"))
import lecture
from lecture_html import whole

WIDTHS = (360, 800, 1440)
PAPER = 680  # pixels of A4 within margins of 15 mm


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lecture") / "lecture.html"
    path.write_text(whole(lecture.INDEX, lecture.pages()), "utf-8")
    return path


def test_every_study_has_its_page_and_every_page_its_figures() -> None:
    assert len(lecture.pages()) == 15
    assert lecture.check() == []


@pytest.fixture
def claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a study, which the pages are about."""
    for study in lecture.STUDIES.glob("[0-9][0-9]-*.yaml"):
        (tmp_path / study.name).write_text(study.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(lecture, "STUDIES", tmp_path)
    return tmp_path / "04-double-descent.yaml"


@pytest.mark.parametrize(
    ("old", "new"),
    [("width=256 better than width=12", "width=256 worse than width=12"), ("seeds: 5", "seeds: 6")],
)
def test_a_study_that_has_changed_makes_its_page_stale(claims: Path, old: str, new: str) -> None:
    assert lecture.check() == []
    text = claims.read_text("utf-8")
    assert old in text.partition("presets:")[0]
    claims.write_text(text.replace(old, new, 1), "utf-8")
    assert lecture.check() == [
        "04-double-descent.md: the study is not that of 04-double-descent.yaml; run tools/lecture.py 04"
    ]


def test_the_page_needs_nothing_else(page: Path) -> None:
    text = page.read_text("utf-8")
    sections = re.findall(r'<section id="([^"]+)"', text)
    assert sections == [p.stem for p in lecture.pages()]
    assert not re.findall(r'<(?:img|script|link)[^>]+(?:src|href)="(?!data:)', text)
    inside = re.findall(r'href="#([^"]+)"', text)
    assert set(inside) <= set(re.findall(r'id="([^"]+)"', text))
    others = re.findall(r'href="([^"#:]+)"', text)
    assert all((REPO / "docs" / name.partition("#")[0]).exists() for name in others), others


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "media"), [*((w, "screen") for w in WIDTHS), (PAPER, "print")])
def test_nothing_is_cut(browser: Browser, page: Path, width: int, media: str, scheme: str) -> None:
    with browser.open(page.as_uri(), width, scheme, media) as seen:
        assert seen.cut() == []
        assert seen.contrast() >= 4.5
        assert seen.console == []
        sizes = seen.page.evaluate("[...document.images].map(i => i.complete ? i.naturalWidth : 0)")
        assert len(sizes) > 30
        assert min(sizes) > 100
