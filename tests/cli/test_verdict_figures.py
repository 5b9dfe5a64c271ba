"""`archdsl verdict`: figures that agree with each other, and what is said where they look odd."""

from __future__ import annotations

import json
import math
from importlib import import_module
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_verdict import Verdict, arms, as_csv, rows, verdict
from tests.cli.test_verdict_report import ASKED, answer

__all__ = ["verdict"]


def test_a_claim_is_answered_in_words_and_takes_the_minus_of_keyboards(verdict: Verdict) -> None:
    table = as_csv(rows()).replace("new", "−bn")
    done = verdict("-", "--claim", "-bn better than base", stdin=table)
    assert (done.code, "the claim `−bn better than base` holds" in done.out) == (0, True)
    found = json.loads(verdict("-", "--claim", "base better than -bn", "--format", "json", stdin=table).out)
    assert (found["claim"], found["holds"]) == ("base better than −bn", False)
    refused = verdict("-", "--claim", "base better than base", stdin=table)
    assert (refused.code, "compares an arm with itself" in refused.err) == (2, True)


@pytest.mark.parametrize("given", [("--same", "0.5"), ("--failed", "10")])
def test_a_bare_amount_of_a_column_with_percent_signs_is_refused(verdict: Verdict, given: tuple[str, str]) -> None:
    table = [{**row, "acc": f"{100 * row['acc']:.3f}%"} for row in rows()]
    done = verdict("-", "--reference", "base", *given, stdin=as_csv(table))
    assert (done.code, f"{given[0]} {given[1]}% is {given[1]} points" in done.err) == (2, True)


@pytest.mark.parametrize("format", ["text", "latex"])
def test_formats_for_people_have_the_figures_of_the_table(verdict: Verdict, format: str) -> None:
    base = [(seed, 0.9312 + 0.0004 * (seed % 3)) for seed in range(8)]
    table = arms(list(base), [(seed, value + 0.0005 + 0.00005 * (seed % 2)) for seed, value in base])
    out = verdict("-", "--reference", "base", "--format", format, stdin=table).out
    assert "better: +0.0005" in out
    assert "0.000 " not in out


def test_an_arm_without_spread_is_named(verdict: Verdict) -> None:
    table = [{**row, "acc": 0.5} if row["model"] == "new" else row for row in rows()]
    out = verdict("-", "--reference", "base", stdin=as_csv(table)).out
    assert "warning: all 12 runs of `new` have exactly the same value, 0.5" in out


def test_tiny_values_are_shown_or_refused(verdict: Verdict) -> None:
    out = verdict("-", "--reference", "base", stdin=as_csv([{**r, "acc": r["acc"] * 1e-9} for r in rows()])).out
    assert "better: +2" in out
    assert "e−11" in out
    done = verdict("-", "--reference", "base", stdin=as_csv([{**r, "acc": r["acc"] * 1e-300} for r in rows()]))
    assert (done.code, "row 1, column `acc`:" in done.err, "too small" in done.err) == (2, True, True)


def test_a_mean_that_turns_after_the_verdict_is_said(run: Run, tmp_path: Path) -> None:
    base = [(n, 0.8 + n / 1000) for n in range(8)]
    (tmp_path / "t.csv").write_text(arms(list(base), [(n, v + 0.01 + n / 9000 if n < 7 else 0.1) for n, v in base]))
    out = run("verdict", "t.csv", *ASKED, "--pair", "seed").out
    assert "warning: later pairs of `new` contradict its verdict: the mean difference of all 8 pairs is −0.07" in out
    new = answer(run("verdict", "t.csv", *ASKED, "--pair", "seed", "--format", "json"))["arms"][0]
    assert (new["verdict"], new["pairs"]) == ("better", 8)
    assert 0 <= new["low"] <= new["delta"] <= new["high"]


def test_the_evidence_of_a_page_is_what_decides(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An arm of uneven spread, whose t evidence crosses the lines before its verdict falls."""
    drawn: dict[str, tuple[float, ...]] = {}
    page = import_module("archdsl.study.answer.verdict_page")
    monkeypatch.setattr(page, "evidence", lambda courses, **_: drawn.update({c.name: c.logs for c in courses}))
    base = [(n, 0.8 + 0.0001 * (n % 3)) for n in range(8)]
    (tmp_path / "t.csv").write_text(arms(list(base), [(n, v + 0.05 + 0.001 * (n % 4)) for n, v in base]))
    out = run("verdict", "t.csv", *ASKED, "--pair", "seed", "--html", "p.html", "--format", "json").out
    new = json.loads(out)["arms"][0]
    crossed = [n for n, log in enumerate(drawn["new"], 1) if log >= -math.log10(0.05)]
    assert crossed[:1] == [new["decided_after"]]
    assert crossed[0] > 4
    assert "the spread of `new` is 2 times that of `base`" in out
    assert "the spread of “new”" in (tmp_path / "p.html").read_text()
