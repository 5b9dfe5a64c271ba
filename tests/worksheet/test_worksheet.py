"""The exercises of docs/worksheet.md: each solution meets all requirements, and a typical wrong answer gets its hint."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from archdsl.cli.main import main
from archdsl.cli.support.exercises import Exercise, Requirement, _Figures, _outcome, read_worksheet
from archdsl.errors import ArchError, EnvError

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "worksheet.md").read_text("utf-8")
EXERCISES = read_worksheet()
MISTAKES = yaml.safe_load((HERE / "mistakes.yaml").read_text("utf-8"))
TRAINED = (4, 5)
each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: str(e.number))


def solution(number: int) -> Path:
    return next((HERE / "solutions").glob(f"{number:02}.*"))


def answered(number: int, answer: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["exercise", str(number), str(answer), "--runs", str(folder)])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    "number", [pytest.param(e.number, marks=pytest.mark.slow if e.number in TRAINED else ()) for e in EXERCISES]
)
def test_a_solution_holds(number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = answered(number, solution(number), tmp_path, capsys)
    assert out.strip().endswith("all of it holds"), out
    assert code == 0


@each
def test_a_mistake_gets_its_hint(exercise: Exercise, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mistake, right = MISTAKES[exercise.number], solution(exercise.number)
    text = right.read_text("utf-8")
    if "change" in mistake:
        before, after = mistake["change"]
        assert text.count(before) == 1
        text = text.replace(before, after)
    answer = tmp_path / f"answer{right.suffix}"
    answer.write_text(mistake.get("answer", text), "utf-8")
    code, out = answered(exercise.number, answer, tmp_path, capsys)
    assert code == 2, out
    assert mistake["hint"] in " ".join(re.findall(r"hint: .*", out)), out
    assert "not tried" in out or exercise.number not in TRAINED, "nothing is trained before all else holds"


@each
def test_what_is_given_does_not_meet_it(exercise: Exercise, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if exercise.given and exercise.answer == "spec":
        answer = tmp_path / "given.arch"
        answer.write_text(exercise.given, "utf-8")
        assert answered(exercise.number, answer, tmp_path, capsys)[0] == 2


@each
def test_the_page_states_the_task(exercise: Exercise) -> None:
    section = PAGE.partition(f"## {exercise.number}. {exercise.title}\n")[2].partition("\n## ")[0]
    assert " ".join(exercise.task.split()) in " ".join(section.split())
    assert exercise.given in section


def test_the_example_of_ones_own_exercises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    own, answer = tmp_path / "own.yaml", tmp_path / "answer.arch"
    own.write_text(text, "utf-8")
    answer.write_text("net conv(8) relu gap linear(10)\ndata fashion-mini\n", "utf-8")
    assert main(["exercise", "1", str(answer), "--worksheet", str(own), "--format", "json"]) == 2
    rows = json.loads(capsys.readouterr().out)
    assert [row["holds"] for row in rows] == ["yes", "no"]
    assert main(["exercise", "--worksheet", str(own)]) == 0


def test_what_an_answer_states_is_read_without_the_settings_of_its_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `set: [train.epochs=2]` an answer of fifty epochs stated two, and had the word `subset`."""
    own, answer = tmp_path / "own.yaml", tmp_path / "answer.arch"
    own.write_text(
        "exercises: [{title: a, task: b, answer: spec, set: [train.epochs=2, data.subset=9],"
        " require: [{holds: epochs = 50, hint: c}, {holds: not subset, hint: d}]}]",
        "utf-8",
    )
    answer.write_text("net conv(8) gap linear(10)\ndata fashion-mini\ntrain adam epochs(50)\n", "utf-8")
    assert main(["exercise", "1", str(answer), "--worksheet", str(own)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- x", "has no list `exercises`"),
        ("exercises: [1]", "it has no keys"),
        ("exercises: [{", "line 1 is not YAML"),
        ("exercises: [{title: a, tusk: b}]", "unknown key `tusk`"),
        ("exercises: [{title: a}]", "the first two are needed"),
        ("exercises: [{title: a, task: b, answer: essay}]", "`answer` is spec or study"),
        ("exercises: [{title: a, task: b, set: x}]", "`set` is a list"),
        ("exercises: [{title: a, task: b, require: [params]}]", "each with the texts `holds` and `hint`"),
    ],
)
def test_a_worksheet_that_is_none(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(text, "utf-8")
    with pytest.raises(ArchError, match=re.escape(message)) as caught:
        read_worksheet(tmp_path / "w.yaml")
    assert caught.value.help
    with pytest.raises(EnvError):
        read_worksheet(tmp_path / "nothing.yaml")


@pytest.mark.parametrize(
    ("holds", "message"),
    [
        ("parms < 3", "unknown figure `parms`"),
        ("params < many", "`many` is not a number"),
        ("reluu", "unknown word `reluu`"),
        ("params <", "a value is missing"),
    ],
)
def test_a_requirement_that_is_no_condition(
    holds: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {"title": "a", "task": "b", "require": [{"holds": holds, "hint": "c"}]}
    (tmp_path / "w.yaml").write_text(yaml.safe_dump({"exercises": [wanted]}), "utf-8")
    assert main(["exercise", "1", "lenet5", "--worksheet", str(tmp_path / "w.yaml")]) == 2
    assert message in capsys.readouterr().err


def test_an_invalid_answer_is_refused_as_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "given.arch").write_text(EXERCISES[1].given, "utf-8")
    assert main(["exercise", "2", str(tmp_path / "given.arch")]) == 2
    assert "`linear` takes a vector" in capsys.readouterr().err
    assert main(["exercise", "11"]) == 2
    assert "there are 1 to 10" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "name", "asked"), [(1, "answer.yaml", "a spec"), (8, "answer.arch", "a study")])
def test_a_file_of_the_other_kind_is_refused_by_its_name(
    number: int, name: str, asked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = tmp_path / name
    answer.write_text("net conv(8) relu gap linear(10)\n", "utf-8")
    assert main(["exercise", str(number), str(answer)]) == 2
    said = capsys.readouterr().err
    assert f"exercise {number} asks for {asked}" in said
    assert f"archdsl exercise {number}" in said


@pytest.mark.parametrize(
    "word", ["flip", "vflip", "resizedcrop", "shift", "zoom", "trivialaugment", "randaugment(1, 5)"]
)
def test_each_word_that_moves_pixels_answers_the_sixth(
    word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = tmp_path / "answer.arch"
    answer.write_text(solution(6).read_text("utf-8").replace("crop(2)", word), "utf-8")
    code, out = answered(6, answer, tmp_path, capsys)
    assert code == 0, out


@pytest.mark.parametrize("percent", range(1, 100))
def test_a_per_cent_is_the_very_fraction(percent: int) -> None:
    figures = _Figures({"test_accuracy": percent / 100}, frozenset())
    for sign in ("=", ">=", "<="):
        assert _outcome(Requirement(f"test_accuracy {sign} {percent}%", "hint"), figures).holds
