"""A run that was evaluated is deleted with its evaluations, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.runs.evaluations import keep
from archdsl.runs.run import load_run
from tests.cli.conftest import Run
from tests.cli.folders import finished, made


@pytest.fixture
def evaluated(tmp_path: Path) -> Path:
    import numpy as np

    folder = made(tmp_path / "runs", "one", result=finished())
    keep(load_run(folder), "abc-0", {"figures": {"test_accuracy": 0.5}}, np.ones(5, bool))
    assert {p.name for p in (folder / "evaluations").iterdir()} == {"abc-0.json", "abc-0.bits"}
    return folder


def test_evaluations_go_with_the_run(run: Run, evaluated: Path) -> None:
    (evaluated / "evaluations" / ".tmp-1-abc-0.json").touch()  # of a process that was killed
    done = run("runs", "delete", "one", "--yes")
    assert (done.code, done.err) == (0, "deleted runs/one\n")
    assert not evaluated.exists()


def test_what_no_run_writes_is_kept(run: Run, evaluated: Path) -> None:
    (evaluated / "evaluations" / "thesis.tex").write_text("dear")
    (evaluated / "evaluations" / "more.json").mkdir()
    done = run("runs", "delete", "one", "--yes")
    assert done.code == 4
    assert "contains what no run writes: evaluations/more.json, evaluations/thesis.tex" in done.err
    assert (evaluated / "evaluations" / "abc-0.json").is_file(), "all is looked at before anything is deleted"


def test_a_link_to_evaluations_is_not_followed(run: Run, evaluated: Path, tmp_path: Path) -> None:
    (evaluated / "evaluations").rename(tmp_path / "elsewhere")
    (evaluated / "evaluations").symlink_to(tmp_path / "elsewhere")
    assert run("runs", "delete", "one", "--yes").code == 4
    assert (tmp_path / "elsewhere" / "abc-0.json").is_file()
