"""The page of a study is of the question that was carried out, and earlier questions about the same runs are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl.errors import EnvError
from archdsl.study.execute import records
from tests.cli.conftest import Run, run
from tests.conftest import Cli
from tests.study.conftest import Whole

__all__ = ["run"]

BEFORE = "the same runs were looked at before under"


def page_of(runs: Path) -> Path:
    return next((runs / "studies").glob("tiny-*/report.html"))


@pytest.mark.parametrize("more", [("--metric", "test_loss"), ("--same", "1%"), ("--until", "decided")])
def test_another_question_leaves_the_page_as_it_is(place: Path, whole: Whole, here: Cli, more: tuple[str, str]) -> None:
    page = page_of(whole.into(place))
    before = page.read_bytes()
    done = here("report", "tiny.arch", "--seeds", "2", *more, cwd=place)
    assert page.read_bytes() == before
    assert f"{page.relative_to(place)} stays as it is: it answers another question ({more[0][2:]}" in done.stderr
    here("report", "tiny.arch", "--seeds", "2", *more, "--html", "own.html", cwd=place)
    assert "archdsl " in (place / "own.html").read_text()
    assert page.read_bytes() == before


def test_the_page_is_written_again_by_the_same_question_and_by_its_folder(place: Path, whole: Whole, here: Cli) -> None:
    page = page_of(whole.into(place))
    for given in (("tiny.arch", "--seeds", "2", "--format", "csv"), (str(page.parent.relative_to(place)),)):
        page.write_text("")
        assert f"report: {page.relative_to(place)}" in here("report", *given, cwd=place).stderr
        assert page.read_text()
    assert len(list((place / "runs" / "studies").glob("*/"))) == 1


def test_earlier_questions_about_the_same_runs_are_named(place: Path, whole: Whole, here: Cli) -> None:
    whole.into(place)

    def notes(*more: str) -> str:
        return " ".join(json.loads(here("report", "tiny.arch", *more, "--format", "json", cwd=place).stdout)["notes"])

    assert BEFORE not in notes("--seeds", "2")
    assert f"{BEFORE} 1 other question (metric test_accuracy)" in notes("--seeds", "2", "--metric", "test_loss")
    again = notes("--seeds", "2", "--baseline", "norm=none")
    assert f"{BEFORE} 2 other questions (reference `base`; metric test_loss, reference `base`)" in again
    assert f"{BEFORE} 3 other questions" in notes("--max-seeds", "4")
    assert BEFORE not in notes("--seeds", "2")  # the first question is not another one
    assert BEFORE not in here("ablate", "tiny.arch", "--seeds", "2", "--alpha", "1%", "--dry-run", cwd=place).stdout
    assert f"{BEFORE} 4 other questions" in notes("--seeds", "2", "--same", "1%")


def test_a_margin_is_in_the_unit_of_the_metric(place: Path, whole: Whole, here: Cli) -> None:
    whole.into(place)
    given = ("report", "tiny.arch", "--seeds", "2", "--metric", "test_loss")
    for option in ("--same", "--detect"):
        refused = here(*given, option, "8%", cwd=place)
        assert (refused.returncode, f"{option} 0.08" in refused.stderr) == (2, True)
        assert here(*given, option, "0.08", cwd=place).returncode == 0
    (place / "s.yaml").write_text("base: tiny.arch\nseeds: 2\nsame: 8%\nclaims: [−norm same as base]\n")
    done = here("report", "s.yaml", "--metric", "test_loss", cwd=place)
    assert (done.returncode, "with test_loss no arm ends as `same` by it" in done.stderr) == (0, True)
    assert here("report", "s.yaml", "--claims", cwd=place).returncode in (0, 3, 6)


def test_the_robust_p_has_one_name(place: Path, whole: Whole, here: Cli) -> None:
    whole.into(place)
    for more, name in ((("--seeds", "2"), "p_sign"), (("--max-seeds", "2"), "p_symmetric")):
        head = here("report", "tiny.arch", *more, "--format", "csv", cwd=place).stdout.splitlines()[0]
        assert name in head.split(",")
        old = here("report", "tiny.arch", *more, "--columns", "p_robust", "--format", "csv", cwd=place).stdout
        assert old.splitlines()[0] == f"arm,{name}"


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "{}", "[1, {}]", '[{"first": "", "question": {}, "seeds": []}]', None]
)
def test_damaged_questions_are_set_aside(place: Path, whole: Whole, here: Cli, text: str | None) -> None:
    kept = whole.into(place) / "questions.json"
    aside = [kept.with_name(f"questions.json.damaged{more}") for more in ("", "-2")]
    for place_of in aside:
        kept.unlink()
        if text is None:
            kept.mkdir()
        else:
            kept.write_text(text)
        done = here("report", "tiny.arch", "--seeds", "2", cwd=place)
        assert done.returncode == 0
        assert "questions.json is damaged (" in done.stderr
        assert f"is kept as {place_of.name}: questions about these runs are not known" in done.stderr
        assert place_of.is_dir() if text is None else place_of.read_text() == text
        assert len(json.loads(kept.read_text())) == 1, "this question is recorded"
    assert "damaged" not in here("report", "tiny.arch", "--seeds", "2", cwd=place).stderr


def test_questions_beside_a_damaged_one_are_taken_over(place: Path, whole: Whole, here: Cli) -> None:
    kept = whole.into(place) / "questions.json"
    before = json.loads(kept.read_text())
    kept.write_text(json.dumps([*before, 3]))
    done = here("report", "tiny.arch", "--seeds", "2", cwd=place)
    assert "(1 entry of 2) and is kept as questions.json.damaged: the other questions" in done.stderr
    assert json.loads(kept.read_text()) == before


def test_records_that_cannot_be_read_or_written_are_said(
    place: Path, whole: Whole, here: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = whole.into(place) / "questions.json"
    kept.write_text("{")

    def refused(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refused)
        said = here("report", "tiny.arch", "--seeds", "2", cwd=place).stderr
    assert (
        "cannot be set aside (Permission denied): questions about these runs are not known, and nothing is recorded"
        in said
    )
    assert kept.read_text() == "{"
    kept.unlink()

    def full(*args: object) -> None:
        raise EnvError("cannot write questions.json: No space left on device")

    monkeypatch.setattr(records, "write_whole", full)
    said = here("report", "tiny.arch", "--seeds", "2", cwd=place).stderr
    assert "questions about these runs are not recorded: cannot write questions.json: No space left on device" in said


def test_other_records_of_a_study(place: Path, whole: Whole, here: Cli, run: Run) -> None:
    (folder,) = (whole.into(place) / "studies").iterdir()
    for name in ("looks.json", "commands.json"):
        (folder / name).write_text("{bad")
    done = run("ablate", "tiny.arch", "--seeds", "2")
    assert done.code == 0, done.err
    for name in ("looks.json", "commands.json"):
        assert f"{name} is damaged (" in done.err
        assert (folder / f"{name}.damaged").read_text() == "{bad"
        assert len(json.loads((folder / name).read_text())) == 1
    (folder / "registered.json").mkdir()
    done = here("report", "tiny.arch", "--seeds", "2", cwd=place)
    assert (done.returncode, "registered.json is damaged" in done.stderr) == (2, True)
