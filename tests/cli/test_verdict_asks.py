"""``archdsl verdict`` on our own export, on losses, and on numbers that are too large."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_verdict import Verdict, as_csv, decisions, rows, verdict

__all__ = ["verdict"]


def test_runs_that_did_not_train_count_like_any_other(verdict: Verdict, tmp_path: Path) -> None:
    """`report --each --format csv` says so of finished runs at chance."""
    table = [
        {**row, "arm": row["model"], "status": "did not train" if row["model"] == "worse" else "finished", "run": "r"}
        for row in rows()
    ]
    (tmp_path / "each.csv").write_text(as_csv(table))
    (tmp_path / "plain.csv").write_text(as_csv(rows()))
    each, plain = (
        verdict(str(tmp_path / name), "--reference", "base", "--format", "json") for name in ("each.csv", "plain.csv")
    )
    assert each.code == plain.code == 0, each.err
    assert decisions(each.out) == decisions(plain.out)


@pytest.mark.parametrize("name", ["loss", "test_nll", "val-error", "Seconds", "metrics.rmse"])
def test_which_direction_is_better_is_asked_of_a_loss(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "t.csv").write_text(as_csv([{"model": r["model"], "seed": r["seed"], name: r["acc"]} for r in rows()]))
    asked = (
        "verdict",
        str(tmp_path / "t.csv"),
        "--arm",
        "model",
        "--pair",
        "seed",
        "--metric",
        name,
        "--reference",
        "base",
    )
    done = run(*asked)
    assert done.code == 2
    assert f"is a lower or a higher `{name}` better?" in done.err
    found = [decisions(run(*asked, way, "--format", "json").out)["new"] for way in ("--lower", "--higher")]
    assert found == ["worse", "better"]


def test_a_number_whose_square_is_none_is_refused(verdict: Verdict, tmp_path: Path) -> None:
    table = rows()
    table[3]["acc"] = 1e300
    (tmp_path / "t.csv").write_text(as_csv(table))
    done = verdict(str(tmp_path / "t.csv"), "--reference", "base")
    assert done.code == 2
    assert "row 4, column `acc`" in done.err
