"""A study that is given by its own folder has the runs that this folder lies among, from wherever it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl import ablate, report
from archdsl.study.execute.among import runs_of
from tests.conftest import Cli
from tests.study.conftest import Whole


@pytest.mark.parametrize("command", ["report", "ablate"])
def test_a_study_of_another_folder_finds_its_runs(place: Path, whole: Whole, here: Cli, command: str) -> None:
    project = place / "project"
    project.mkdir()
    (folder,) = (whole.into(project) / "studies").iterdir()
    done = here(command, str(folder.relative_to(place)), "--format", "json", cwd=place)
    assert done.returncode == 0, done.stderr
    assert [(arm["finished"], arm["runs"]) for arm in json.loads(done.stdout)["arms"]] == [(2, 2), (2, 2)]
    assert not (place / "runs").exists()
    none = here("report", str(folder.relative_to(place)), "--runs", "none", "--format", "json", cwd=place)
    assert [arm["finished"] for arm in json.loads(none.stdout)["arms"]] == [0, 0], "what is said goes first"


def test_the_folder_of_runs_by_every_name_of_a_study(
    place: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = whole.into(place)
    (folder,) = (runs / "studies").iterdir()
    (place / "link").symlink_to(folder)
    assert runs_of(f"runs/studies/{folder.name}", None) == Path("runs")
    assert runs_of("link", None) == runs
    assert runs_of("tiny.arch", None) == runs_of("", None) == Path("runs")
    assert runs_of("link", Path("other")) == Path("other")
    for inside, name in ((folder, "."), (folder.parent, folder.name)):
        monkeypatch.chdir(inside)
        assert runs_of(name, None) == runs


def test_a_study_of_another_folder_from_python(place: Path, whole: Whole) -> None:
    (folder,) = (whole.into(place / "project") / "studies").iterdir()
    for of in (report, ablate):
        assert [(row["finished"], row["runs"]) for row in of(folder).rows] == [(2, 2), (2, 2)]
    assert not (place / "runs").exists()
