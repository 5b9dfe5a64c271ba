"""Options that would have no effect, and formats that would not be what they are called: refused, or said."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.folders import finished, made

NET = "conv(8) relu gap linear(10)"
GIVEN = ("--input", "3x8x8", "--classes", "10")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("train", NET, "--data", "fashion-mini", "--resume", "--again"), "--resume and --again contradict each other"),
        (("draw", NET, *GIVEN, "--profile", "p.svg", "--depth", "1"), "--depth has no effect on a profile"),
        (("draw", NET, *GIVEN, "--profile", "p.svg", "--part", "conv"), "--part has no effect on a profile"),
        (("data", "fashion-mini", "--count", "5"), "add `--save FILE.png`"),
        (("data", "fashion-mini", "--seed", "0"), "add `--save FILE.png`"),
        (("verdict", "t.csv", "--arm", "a", "--lower", "--higher"), "`--lower` and `--higher` contradict each other"),
        (("verdict", "t.csv", "--arm", "a", "--higher", "--higher"), "`--higher` is given twice"),
        (("verdict", "t.csv", "--arm", "a", "--arm", "b"), "`--arm` is given twice"),
        (("ablate", NET, "-j1", "--jobs", "2"), "`--jobs` is given twice"),
        (("draw", NET, *GIVEN, "-oa.svg", "-ob.svg"), "`--out` is given twice"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else "",
)
def test_what_has_no_effect_is_refused(run: Run, args: tuple[str, ...], message: str) -> None:
    pytest.importorskip("matplotlib")
    done = run(*args)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not list(Path().glob("*.svg"))


def test_a_run_is_shown_in_formats_that_hold_several_tables(run: Run, tmp_path: Path) -> None:
    made(tmp_path / "runs", "one", result=finished())
    for format in ("csv", "csv-safe", "tsv", "jsonl"):
        done = run("runs", "show", "one", "--format", format)
        assert (done.code, done.out) == (2, "")
        assert "prints several tables" in done.err
    for format in ("table", "md", "json"):
        assert run("runs", "show", "one", "--format", format).code == 0


def test_options_that_studies_do_not_take_are_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("base: resnet20\nfactors: {width: [8, 16]}\n".replace("resnet20", f"'{NET}'"))
    plain = run("check", "s.yaml")
    done = run("check", "s.yaml", "--input", "1x28x28", "--fix")
    assert (done.code, done.out) == (plain.code, plain.out)
    assert "note: --input and --fix: without effect on studies: s.yaml\n" in done.err
    assert "without effect" not in run("check", NET, "--input", "1x28x28", "--classes", "3").err


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
@pytest.mark.parametrize(
    "args",
    [
        ("train", NET, "--data", "fashion-mini", "--time-limit"),
        ("ablate", NET, "--data", "fashion-mini", "--dry-run", "--time-limit"),
        ("export", "one", "m.onnx", "--quantize", "int8", "--max-drop"),
        ("import", "net.py:Net", "--input", "3x8x8", "--time"),
    ],
    ids=lambda x: x[0],
)
def test_a_bound_is_a_finite_number(run: Run, args: tuple[str, ...], value: str) -> None:
    done = run(*args, value)
    assert (done.code, done.out) == (2, "")
    assert f"Invalid value for '{args[-1]}'" in done.err
    assert not Path("runs").exists()


def test_options_that_onnx_files_do_not_take_are_said(run: Run) -> None:
    done = run("bench", "a.onnx", "--input", "3x8x8", "--compile", "--batch", "1")
    assert done.code == 4
    assert "note: --input and --compile: without effect on ONNX files: a.onnx\n" in done.err


def test_a_word_in_formats_for_programs(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("words", "conv", "--format", "csv").out)))
    assert [row["word"] for row in rows] == ["conv"]
    assert json.loads(run("words", "conv", "--format", "jsonl").out)["kind"] == "op"
    assert run("words", "conv").out.startswith("conv(out")


def test_an_exercise_in_formats_for_programs(run: Run) -> None:
    (record,) = json.loads(run("exercise", "1", "--format", "json").out)
    assert record["exercise"] == 1
    assert record["title"] in run("exercise", "1").out
    (row,) = csv.DictReader(io.StringIO(run("exercise", "1", "--format", "csv").out))
    assert row["task"].strip()
