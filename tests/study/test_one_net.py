"""A study that compares nothing, and arms that differ in nothing but the seed."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest

from archdsl.study.plan.file import study_of
from archdsl.study.plan.plan import planned
from tests.cli.conftest import Run, run
from tests.conftest import Cli
from tests.study.conftest import TINY

__all__ = ["run"]

PLAIN = TINY.replace("{norm: bn | } ", "")


def test_one_net_has_a_mean_and_a_spread_and_no_test(place: Path, run: Run, here: Cli) -> None:
    (place / "one.arch").write_text(PLAIN)
    done = run("ablate", "one.arch", "--device", "cpu", "-q")
    assert done.code == 0, done.err
    assert "nothing is compared: mean and spread of one net over 5 seeds" in done.out
    assert "5 of 5 runs" in done.out
    page = next((place / "runs" / "studies").glob("one-*/report.html")).read_text("utf-8")
    for words in ("Holm", "t test", "0 comparison", "Δ", "wrong decisions", "in points", "A line joins"):
        assert words not in done.out
        assert words not in re.sub(r"<(svg|style)\b.*?</\1>", "", page, flags=re.DOTALL), words
    assert "Nothing is compared." in page
    assert "The mean of “base” over 5 seeds is" in page
    shown = here("report", "one.arch", "--format", "json", cwd=place)
    assert "verdict" not in json.loads(shown.stdout)["arms"][0]
    assert "gets 5 seeds" in " ".join(here("ablate", "--help", cwd=place).stdout.split())


@pytest.mark.parametrize(
    ("options", "seeds"),
    [
        ((), 5),
        (("--seeds", "7"), 7),
        (("--seeds", "7", "--until", "decided"), 7),
        (("--max-seeds", "3"), 3),
        (("--max-seeds", "12"), 5),
    ],
)
def test_the_seeds_that_are_stated_are_all_trained(
    place: Path, here: Cli, options: tuple[str, ...], seeds: int
) -> None:
    (place / "one.arch").write_text(PLAIN)
    done = here("ablate", "one.arch", "--dry-run", "--format", "json", *options, cwd=place)
    assert done.returncode == 0, done.stderr
    notes = " ".join(json.loads(done.stdout)["notes"])
    assert f"{seeds} of {seeds} runs" in notes or f"0 of {seeds} runs" in notes
    assert ("`max_seeds` 12 has no effect; --seeds 12 trains them all" in notes) == ("12" in options)


def test_a_list_of_seeds_is_not_cut(place: Path) -> None:
    (place / "one.arch").write_text(PLAIN)
    text = "base: one.arch\nseeds: [3, 5, 7, 11, 13, 17, 19]\nuntil: decided\n"
    _, every = planned(study_of(text, folder=place))
    assert [cell.seed for cell in every] == [3, 5, 7, 11, 13, 17, 19]


def test_a_budget_is_refused_where_nothing_is_compared(place: Path, here: Cli) -> None:
    (place / "grid.arch").write_text(TINY.replace("conv(4, s=4) {norm: bn | }", "conv({2..4}, s=4)"))
    (place / "one.arch").write_text(PLAIN)
    for spec in ("grid.arch", "one.arch"):
        refused = here("ablate", spec, "--budget", "30min", "--dry-run", cwd=place)
        assert refused.returncode == 2
        assert "the budget `30min` is of sequential designs, and nothing is compared here" in refused.stderr
        assert "--seeds N" in refused.stderr
    (place / "s.yaml").write_text("base: one.arch\nbudget: 20runs\n")
    refused = here("ablate", "s.yaml", "--dry-run", cwd=place)
    assert refused.returncode == 2
    assert "s.yaml:2:1" in refused.stderr


@pytest.mark.parametrize("more", [("one.arch", "--with", "seed(3)"), ("holes.arch",), ("words.arch",)])
def test_arms_that_differ_in_the_seed_are_refused(place: Path, here: Cli, more: tuple[str, ...]) -> None:
    (place / "one.arch").write_text(PLAIN)
    (place / "holes.arch").write_text(PLAIN.replace("batch(32)", "batch(32) seed({1|2})"))
    (place / "words.arch").write_text(PLAIN.replace("batch(32)", "batch(32) {seed(1)|seed(2)}"))
    refused = here("ablate", *more, "--dry-run", cwd=place)
    assert refused.returncode == 2
    assert "differ in the word `seed`, and a study sets the seeds of its runs" in refused.stderr
    assert "--seeds N is their number" in refused.stderr


def test_a_seed_of_the_base_is_said_to_have_no_effect(place: Path, here: Cli) -> None:
    (place / "tiny.arch").write_text(TINY.replace("batch(32)", "batch(32) seed(7)"))
    done = here("ablate", "tiny.arch", "--seeds", "2", "--dry-run", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "`seed(7)` has no effect: a study sets the seeds of its runs" in done.stdout


def test_a_spec_on_standard_input_is_a_study(place: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at its arms read standard input again, and found that the second text has no network."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TINY.encode()), "utf-8"))
    done = run("ablate", "-", "--seeds", "2", "--dry-run")
    assert done.code == 0, done.err
    assert "4 of 4 runs are missing" in done.out
