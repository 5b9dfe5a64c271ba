"""`archdsl check` on trees: the same findings in the same order however many processes there are, for every reader."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from archdsl.cli.main import main
from tests.cli.conftest import Run
from tests.cli.folders import made
from tests.conftest import REPO

GOOD = "input 3x8x8\nclasses 10\nnet conv(8) gap linear(10)\n"


def tree() -> None:
    for n in range(12):
        Path(f"d{n % 3}").mkdir(exist_ok=True)
        Path(f"d{n % 3}/s{n}.arch").write_text(GOOD if n % 2 else GOOD.replace("conv(8)", f"conv(8) rellu{n}"))
    Path("studies").mkdir()
    Path("d0/base.arch").write_text("net conv(8) +bn gap linear(classes)\ndata fashion-mini\n")
    Path("studies/good.yaml").write_text("base: ../d0/base.arch\nfactors: {bn: +bn}\n")
    Path("studies/bad.yaml").write_text("base: ../d0/base.arch\nfactors: {bn: +bn}\nseed: 3\n")
    Path("studies/wrong.yaml").write_text("base: ../d0/base.arch\nfactors: {norm: [+bn, +bnn]}\n")
    Path("other.yaml").write_text("- not: a study\n")
    Path(".hidden").mkdir()
    Path(".hidden/x.arch").write_text("rellu")


def test_any_number_of_processes_says_the_same(run: Run) -> None:
    tree()
    alone = run("check", ".", "--jobs", "1")
    assert alone.code == 2
    assert "16 specs checked: 8 errors" in alone.out
    places = re.findall(r"^  ([\w./]+):\d+:\d+$", alone.out, re.MULTILINE)
    assert places == sorted(places)
    for jobs in ("2", "3", "100"):
        assert run("check", ".", "--jobs", jobs) == alone


def test_studies_are_checked_with_their_places(run: Run) -> None:
    tree()
    found = json.loads(run("check", "studies", "--format", "json").out)
    assert [(f["file"], f["code"], f["line"]) for f in found] == [
        ("studies/bad.yaml", "study", 3),
        ("studies/wrong.yaml", "A203", 2),
    ]
    assert found[0]["help"] == "did you mean `seeds` or `max_seeds`?"


def test_the_data_of_a_study_may_be_given_beside_it(run: Run) -> None:
    tree()
    Path("d0/base.arch").write_text("net conv(8) +bn gap linear(classes)\n")
    done = run("check", "studies/good.yaml")
    assert done.code == 2
    assert "no data set is named" in done.out
    assert run("check", "studies/good.yaml", "--data", "fashion-mini").code == 0
    assert run("check", "studies/good.yaml", "--data", "fashion-mini", "--set", "train.epochs=0").code == 2


def test_fixes_go_on_until_nothing_is_left(run: Run) -> None:
    for name in ("a", "b"):
        Path(f"{name}.arch").write_text("let p = 8  # a width\nlet q = p\n# the net\n" + GOOD)
    done = run("check", ".", "--fix", "--jobs", "2")
    assert (done.code, done.out) == (0, "2 specs checked: nothing found\n")
    assert Path("a.arch").read_text() == Path("b.arch").read_text() == "# the net\n" + GOOD
    assert sorted(p.name for p in Path().iterdir()) == ["a.arch", "b.arch"]


def test_a_text_with_errors_is_not_touched_by_fixes(run: Run) -> None:
    text = "let p = 8\nnet conv(8) rellu\n"
    Path("a.arch").write_text(text)
    assert run("check", "--fix", "a.arch").code == 2
    assert Path("a.arch").read_text() == text


def test_what_the_environment_lacks_does_not_hide_the_rest(run: Run) -> None:
    Path("a.arch").write_text('data csv("nowhere.csv", target=x)\nnet linear(3)\n')
    Path("b.arch").write_text("net rellu\n")
    done = run("check", ".")
    assert done.code == 4
    assert "A201" in done.out
    assert "nowhere.csv" in done.err


def test_annotations_for_a_pull_request(run: Run) -> None:
    Path("a,b.arch").write_text("input 3x8x8\nclasses 10\nnet conv(8) +rse gap linear(10)\nlet p = 50%\n")
    (line,) = run("check", "a,b.arch", "--format", "github").out.splitlines()
    assert line == (
        "::error file=a%2Cb.arch,line=3,col=13,endLine=3,endColumn=17,title=A203::unknown modifier `+rse`. "
        "did you mean `+res`?   (`archdsl words modifiers` lists all)"
    )


# -- SARIF 2.1.0 (OASIS, 27 March 2020), the part of its schema that the output uses; nothing else may stand there.

TEXT = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
COUNT = {"type": "integer", "minimum": 1}
REGION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["startLine"],
    "properties": {"startLine": COUNT, "startColumn": COUNT, "endLine": COUNT, "endColumn": COUNT},
}
ARTIFACT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"uri": {"type": "string", "format": "uri-reference"}},
}
PLACE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["artifactLocation"],
    "properties": {"artifactLocation": ARTIFACT, "region": REGION},
}
LOCATION = {"type": "object", "additionalProperties": False, "properties": {"physicalLocation": PLACE, "message": TEXT}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "shortDescription": TEXT,
        "fullDescription": TEXT,
        "help": TEXT,
        "defaultConfiguration": {"type": "object", "additionalProperties": False, "properties": {"level": LEVEL}},
    },
}
CHANGE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["artifactLocation", "replacements"],
    "properties": {
        "artifactLocation": ARTIFACT,
        "replacements": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["deletedRegion"],
                "properties": {"deletedRegion": REGION, "insertedContent": TEXT},
            },
        },
    },
}
FIX = {
    "type": "object",
    "additionalProperties": False,
    "required": ["artifactChanges"],
    "properties": {"description": TEXT, "artifactChanges": {"type": "array", "minItems": 1, "items": CHANGE}},
}
RESULT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["message"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION},
        "relatedLocations": {"type": "array", "items": LOCATION},
        "fixes": {"type": "array", "items": FIX},
    },
}
SARIF = {"type": "object", "additionalProperties": False, "required": ["version", "runs"], "properties": {
    "$schema": {"type": "string"}, "version": {"const": "2.1.0"}, "runs": {"type": "array", "items": {
        "type": "object", "additionalProperties": False, "required": ["tool"], "properties": {
            "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]}, "results": {"type": "array", "items": RESULT},
            "tool": {"type": "object", "additionalProperties": False, "required": ["driver"], "properties": {
                "driver": {"type": "object", "additionalProperties": False, "required": ["name"], "properties": {
                    "name": {"type": "string"}, "version": {"type": "string"},
                    "rules": {"type": "array", "uniqueItems": True, "items": RULE}}}}}}}}}}  # fmt: skip


def test_sarif_keeps_to_its_schema_and_means_what_it_says(run: Run) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    tree()
    Path("größer name.arch").write_text("let p = 1\nlet f(c) = linear(c) conv(c)\ninput 3x8x8\nnet conv(4) gap f(8)\n")
    Path("unused.arch").write_text("let p = 1\n" + GOOD)
    found = json.loads(run("check", ".", str(Path("unused.arch").resolve()), "conv(8) é", "--format", "sarif").out)
    jsonschema.Draft202012Validator(SARIF).validate(found)
    (one,) = found["runs"]
    rules = one["tool"]["driver"]["rules"]
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        for place in result["locations"]:
            uri = unquote(place["physicalLocation"]["artifactLocation"]["uri"])
            file = Path(uri.removeprefix("file://"))
            region = place["physicalLocation"].get("region")
            if file.is_file() and region:
                line = file.read_text("utf-8").split("\n")[region["startLine"] - 1]
                assert region["startColumn"] <= len(line) + 1
    assert any(r.get("relatedLocations") for r in one["results"])
    fix = next(r["fixes"][0] for r in one["results"] if r["ruleId"] == "A501")
    region = fix["artifactChanges"][0]["replacements"][0]["deletedRegion"]
    assert (region["startLine"], region["endColumn"]) == (1, 10)


def test_the_hooks_are_hooks() -> None:
    from pre_commit.clientlib import load_manifest

    hooks = {h["id"]: h for h in load_manifest(str(REPO / ".pre-commit-hooks.yaml"))}
    assert set(hooks) == {"archdsl-check", "archdsl-fmt"}
    pattern = re.compile(hooks["archdsl-check"]["files"])
    assert [bool(pattern.search(f)) for f in ("a.arch", "x/studies/s.yaml", "other.yaml", "a.archive")] == [
        True,
        True,
        False,
        False,
    ]
    assert re.search(hooks["archdsl-fmt"]["files"], "specs/a.arch")


@pytest.mark.slow
def test_pre_commit_runs_the_hooks(tmp_path: Path) -> None:
    import os

    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "archdsl"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={REPO} exec {sys.executable} -m archdsl "$@"\n')
    command.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    env = {
        **os.environ,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }

    def call(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(args, cwd=work, env=env, capture_output=True, text=True)

    def hooks(name: str) -> subprocess.CompletedProcess[str]:
        call("git", "add", "-A")
        return call(sys.executable, "-m", "pre_commit", "try-repo", str(REPO), name, "--all-files", "--verbose")

    call("git", "init", "-q")
    (work / "a.arch").write_text(GOOD)
    done = hooks("archdsl-check")
    assert done.returncode == 0, done.stdout + done.stderr
    (work / "b.arch").write_text("net  conv(8) rellu\n")
    done = hooks("archdsl-check")
    assert done.returncode == 1
    assert "error[A201]" in done.stdout
    done = hooks("archdsl-fmt")
    assert (done.returncode, (work / "b.arch").read_text()) == (1, "net conv(8) rellu\n")
    assert yaml.safe_load((REPO / ".pre-commit-hooks.yaml").read_text())


def test_what_cannot_be_read_is_not_said_to_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.arch").write_text("input 3x8x8\nclasses 2\nnet conv(4) gap linear(2)\n")
    for missing in ("missing.yaml", "sub/missing.yaml", "missing.arch"):
        assert main(["check", missing]) in (2, 4)
        said = capsys.readouterr()
        assert said.out == "nothing checked; 1 could not be read\n"
        assert "missing" in said.err
        assert main(["check", "good.arch", missing]) in (2, 4)
        assert capsys.readouterr().out == "1 spec checked: nothing found; 1 could not be read\n"


def test_the_folder_of_a_run_is_a_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made(tmp_path, "run")
    (tmp_path / "run" / "spec.arch").write_text("input 3x8x8\nclasses 2\nnet conv(4) gap linear(2)\n")
    for arguments in (["check", "run"], ["params", "run"], ["show", "run"], ["draw", "run"], ["show", "run/"]):
        assert main(arguments) == 0, capsys.readouterr().err
        assert capsys.readouterr().out
