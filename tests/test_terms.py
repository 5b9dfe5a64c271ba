"""What users read has the terms of the glossary, and the check finds the others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import REPO

sys.path.insert(0, str(REPO / "tools"))

import terms


def test_no_refused_term() -> None:
    assert [str(place) for place in terms.places()] == []


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ('raise ArchError(f"`{x}` is no shape")', ["is no shape"]),
        ('raise ArchError(f"`{x}` is no {kind}")', ["is no x"]),
        ('raise ArchError("there is no shape")', []),
        ('say("mean and deviation")', ["deviation"]),
        ('say("mean and standard deviation")', []),
        ('say("a share of the images")', ["a share"]),
        ('say("layers that share weights")', []),
        ('{"share": 1, "told": 2}', []),  # keys
        ('def f():\n    """What is told."""', []),  # not printed
        ('@app.command()\ndef f():\n    """What is told."""', ["told"]),
        ('@metric_word("x")\n@setting\nclass X:\n    """What is told."""', ["told"]),
        ('@op("relu")\ndef f():\n    """It stands for a run of before."""', ["of before"]),
    ],
)
def test_what_is_read(line: str, used: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "archdsl" / "module.py"
    module.parent.mkdir()
    module.write_text(f"{line}\n", "utf-8")
    (tmp_path / "archdsl" / "codes.toml").write_text("", "utf-8")
    monkeypatch.setattr(terms, "REPO", tmp_path)
    assert [place.text for place in terms.places()] == used


@pytest.mark.parametrize("page", ["README.md", "docs/page.md", "docs/lecture/01-page.md"])
def test_every_page_is_read_in_any_case(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "archdsl").mkdir()
    (tmp_path / "archdsl" / "codes.toml").write_text("", "utf-8")
    (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / page).write_text("# A page\n\nTold once.\n", "utf-8")
    monkeypatch.setattr(terms, "REPO", tmp_path)
    assert [(place.file, place.line, place.text) for place in terms.places()] == [(page, 3, "Told")]
