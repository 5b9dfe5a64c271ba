"""A study one of whose runs is damaged: the rest is shown, and the named commands repair it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run, run
from tests.conftest import Cli
from tests.study.conftest import Whole

__all__ = ["run"]

STUDY = ("tiny.arch", "--seeds", "2")
HARM: dict[str, Callable[[Path], object]] = {
    "result": lambda run: (run / "result.json").write_text("{bad"),
    "settings": lambda run: (run / "settings.json").write_text("{bad"),
    "no settings": lambda run: (run / "settings.json").unlink(),
    "versions": lambda run: (run / "versions.json").write_text("[]"),
}


def one(place: Path) -> Path:
    return min(place.glob("runs/tiny-*-s1"))


@pytest.mark.parametrize("how", HARM)
def test_the_rest_is_shown_and_the_named_command_repairs_the_run(
    place: Path, whole: Whole, run: Run, here: Cli, how: str
) -> None:
    whole.into(place)
    before, name = here("report", *STUDY, cwd=place).stdout, one(place).relative_to(place)
    HARM[how](name)
    shown = here("report", *STUDY, cwd=place)
    assert shown.returncode == 0, shown.stderr
    assert f"seed 1: damaged: the run {name} is damaged" in shown.stdout
    assert "1 run is damaged and counts as missing; the study with --again trains it again" in shown.stdout
    assert "3 of 4 runs" in shown.stdout
    asked = here("ablate", *STUDY, cwd=place)
    assert asked.returncode == 3, asked.stderr
    assert "1 damaged" in asked.stdout
    assert here("runs", "show", str(name), cwd=place).returncode == 5
    (command,) = re.findall(r"`archdsl (train [^`]*)` trains it again", shown.stdout)
    assert run(*shlex.split(command), "-q", "--device", "cpu").code == 0
    assert len(list(place.glob("runs/*-s?"))) == 4, "it is trained in its own folder"
    again = here("report", *STUDY, cwd=place)
    assert "4 of 4 runs" in again.stdout
    assert again.stdout.splitlines()[:4] == before.splitlines()[:4]


def test_ablate_again_repairs_it(place: Path, whole: Whole, run: Run, here: Cli) -> None:
    whole.into(place)
    HARM["result"](one(place))
    HARM["settings"](min(place.glob("runs/tiny-*-s0")))
    done = run("ablate", *STUDY, "--again", "-q")
    assert done.code == 0, done.err
    assert "4 of 4 runs" in done.out


def test_a_sequential_study_goes_on_beside_it(place: Path, whole: Whole, here: Cli) -> None:
    whole.into(place)
    HARM["result"](one(place))
    shown = here("report", "tiny.arch", "--max-seeds", "2", cwd=place)
    assert shown.returncode == 0, shown.stderr
    assert "damaged" in shown.stdout


def test_a_damaged_log_leaves_the_figures(place: Path, whole: Whole, here: Cli) -> None:
    whole.into(place)
    log = one(place).relative_to(place) / "events.jsonl"
    log.write_text("{bad\n{}\n")
    shown = here("report", *STUDY, cwd=place)
    assert shown.returncode == 0
    assert "4 of 4 runs" in shown.stdout
    assert f"what happened in {log.parent} is left out: {log}:1: this line is damaged" in shown.stderr
    assert here("report", *STUDY, "--curves", "--format", "csv", cwd=place).stdout.count("\n") == 1 + 3 * 2
