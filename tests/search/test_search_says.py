"""What the command says of a search before it begins, and behind it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Cli, command_line
from tests.search.conftest import SPACE


def test_a_dry_run_prints_the_first_candidates_that_the_search_trains(place: Path, cli: Cli) -> None:
    args = (
        "search",
        "space.arch",
        "--budget",
        "6runs",
        "--rungs",
        "1,2,4",
        "--winners",
        "1",
        "--max-seeds",
        "2",
        "-j",
        "2",
    )
    shown = cli(*args, "--dry-run", cwd=place)
    assert shown.returncode == 0, shown.stderr
    assert "First candidates" in shown.stdout
    assert "4 candidates drawn so far; which come next depends on results" in shown.stdout
    rows = json.loads(cli(*args, "--dry-run", "--rows", "candidates", "--format", "json", cwd=place).stdout)
    assert [row["number"] for row in rows] == [0, 1, 2, 3]
    assert not (place / "runs").exists()
    done = command_line(*args, "--format", "json", cwd=place)
    assert done.returncode == 0, done.stderr
    trained = {row["number"]: row for row in json.loads(done.stdout)["candidates"]}
    for row in rows:
        assert row == {key: trained[row["number"]][key] for key in row}


@pytest.mark.parametrize(
    ("budget", "many", "note"),
    [("3runs", 3, "3 candidates; the budget has no other one"), ("9runs", 6, "the space has no other one")],
)
def test_a_dry_run_says_where_no_other_candidate_comes(
    place: Path, cli: Cli, budget: str, many: int, note: str
) -> None:
    (place / "space.arch").write_text(SPACE.replace("{lr: 5e-3..0.5 log}", "0.1"))
    args = ("search", "space.arch", "--budget", budget, "--dry-run", "-j", "8")
    shown = cli(*args, cwd=place)
    assert note in shown.stdout
    assert len(json.loads(cli(*args, "--rows", "candidates", "--format", "json", cwd=place).stdout)) == many


def test_an_objective_may_be_called_as_a_column_is(place: Path) -> None:
    """`epochs` of runs that end early."""
    (place / "space.arch").write_text(SPACE.replace("epochs(4)", "epochs({1 | 2})"))
    args = (
        "search",
        "space.arch",
        "--budget",
        "2runs",
        "--winners",
        "1",
        "--max-seeds",
        "2",
        "--objective",
        "epochs",
        "-q",
    )
    done = command_line(*args, "--format", "json", cwd=place)
    assert done.returncode == 0, done.stderr
    for row in json.loads(done.stdout)["candidates"]:
        assert row["epochs"] == row["epochs_2"]


@pytest.mark.slow
def test_the_seeds_that_leave_a_winner_open_can_be_raised(place: Path) -> None:
    """The remedy that a study names is an option of the search, too; the table says how long each score was trained for."""
    args = (
        "search",
        "space.arch",
        "--budget",
        "4runs",
        "--rungs",
        "1,2,4",
        "--winners",
        "2",
        "--format",
        "json",
        "-j",
        "2",
    )
    done = command_line(*args, "--max-seeds", "2", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "2 seeds are the most that the study takes (--max-seeds)" in done.stderr
    found = json.loads(done.stdout)
    epochs = {row["number"]: row["epochs"] for row in found["candidates"]}
    for row in found["winners"]:
        assert row["searched_epochs"] == epochs[0 if row["arm"] == "base" else int(row["arm"].removeprefix("arm"))]
    more = command_line(*args, "--max-seeds", "3", cwd=place)
    assert more.returncode == 0, more.stderr
    assert max(row["runs"] for row in json.loads(more.stdout)["winners"]) == 3
