"""Sharpness-aware minimisation fits as a word of another package: the step is open to optimisers that need it twice."""

from __future__ import annotations

from pathlib import Path

from .test_plugin import run

SAM = Path(__file__).parent / "sam"


def test_a_step_with_two_passes_is_a_word_of_a_package() -> None:
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", str(SAM / "checks.py"), also=SAM)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def test_it_is_checked_and_shown_as_our_own_words_are() -> None:
    done = run(
        "-m", "archdsl", "check", "net conv(4) gap linear(10)\ndata fashion-mini\ntrain sam(0.1, rho=0)", also=SAM
    )
    assert done.returncode == 2
    assert "not 0.0" in done.stdout
    done = run("-m", "archdsl", "words", "sam", also=SAM)
    assert done.returncode == 0, done.stderr
    assert "2010.01412" in done.stdout
