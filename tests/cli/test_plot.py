"""``archdsl plot``: curves as text and as files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.folders import finished, made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    out = tmp_path / "runs"
    made(out, "one", result=finished())
    made(out, "two", result=finished(), seed=1)
    made(out, "lone", valid_loss=None, valid_accuracy=None)
    made(out, "nan", loss=None, valid_loss=None, accuracy=0.0, valid_accuracy=0.0)
    made(out, "new", epochs=0)
    made(out, "numbers", accuracy=None, valid_accuracy=None)
    (out / "studies").mkdir()
    (out / "questions.json").write_text("[]")
    (tmp_path / "elsewhere").mkdir()
    return out


def test_one_run_as_text(run: Run, out: Path) -> None:
    text = run("plot", "one").out
    assert text.startswith("loss\n")
    assert "\n2.5 ┤" in text, "the highest validation loss"
    assert "\n0.5 ┤" in text, "the lowest training loss"
    assert text.endswith("── train\n╌╌ validation\n")
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def test_several_runs_as_text_have_letters(run: Run, out: Path) -> None:
    text = run("plot", "one", "two", "--what", "accuracy").out
    assert "80.0 % |" in text
    assert "* net seed 0 train\n+ net seed 0 validation\no net seed 1 train\nx net seed 1 validation\n" in text
    assert "⠁" not in text


def test_each_of_many_runs_has_a_letter_of_its_own(run: Run, out: Path) -> None:
    names = [f"m{n}" for n in range(9)]
    for n, name in enumerate(names):
        made(out, name, result=finished(), seed=n)
    legend = run("plot", *names, "--what", "lr").out.splitlines()[-9:]
    assert len({line.split()[0] for line in legend}) == 9, legend


def test_learning_rates(run: Run, out: Path) -> None:
    text = run("plot", "one", "lone", "--what", "lr", "--label", "A", "--label", "B").out
    assert text.startswith("learning rate\n   0.1 ┤")
    assert "\n 0.025 ┤" in text or "\n0.025 ┤" in text
    assert text.endswith("epoch\n── A\n── B\n")
    assert "validation" not in text


def test_without_validation_there_is_one_curve(run: Run, out: Path) -> None:
    assert run("plot", "lone").out.endswith("epoch\n── train\n")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("new",), 4, "there is nothing to draw of net (no epoch is finished)"),
        (("nan",), 4, "there is nothing to draw of net (no loss was finite)"),
        (("numbers", "--what", "accuracy"), 4, "there is nothing to draw of net (its task has no accuracy)"),
        (("new", "nan"), 4, "there is nothing to draw of new (no epoch is finished) and nan (no loss was finite)"),
        (("runs/studies",), 4, "runs/studies is not a run"),
        (("one", "elsewhere"), 4, "elsewhere is not a run"),
        (("nothing",), 4, "is not a run"),
        (("nan", "--what", "accuracy", "--log"), 2, "above 0"),
        (("one", "--label", "a", "--label", "b"), 2, "2 times for 1"),
        (("one", "--save", "a.gif"), 2, ".png, .svg or .pdf"),
        (("one", "--save", "no/a.svg"), 4, "there is no folder no"),
        (("one", "--what", "speed"), 2, "speed"),
        ((), 2, "RUN"),
    ],
)
def test_what_cannot_be_drawn(run: Run, out: Path, args: tuple[str, ...], code: int, message: str) -> None:
    if "--save" in args:
        pytest.importorskip("matplotlib")
    done = run("plot", *args)
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_all_that_lies_in_the_folder_of_runs(run: Run, out: Path) -> None:
    """As a shell gives it for `runs/*`."""
    for place in (Path("runs"), out):
        names = sorted(str(place / path.name) for path in out.iterdir() if path.name not in ("new", "nan"))
        done = run("plot", *names)
        others = f"{place / 'questions.json'}, {place / 'studies'}"
        assert (done.code, done.err) == (0, f"note: left out, since they are not runs: {others}\n")


def test_runs_without_a_curve_are_named(run: Run, out: Path) -> None:
    done = run("plot", "one", "numbers", "new", "--what", "accuracy")
    assert done.code == 0
    assert done.err == (
        "note: there is nothing to draw of numbers (its task has no accuracy)\n"
        "note: there is nothing to draw of new (no epoch is finished)\n"
    )


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_figures(run: Run, out: Path, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("matplotlib")
    for what in ("loss", "accuracy", "lr"):
        for name in ("a", "b"):
            done = run("plot", "one", "two", "lone", "--what", what, "--log", "--save", f"{name}.{kind}")
            replaced = f"note: {name}.{kind} exists and will be replaced\n"
            assert (done.code, done.out, done.err) == (0, "", "" if what == "loss" else replaced)
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [f"a.{kind}", f"b.{kind}"]


def test_without_matplotlib(run: Run, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "matplotlib" else real(name, *more)
    )
    done = run("plot", "one", "--save", "a.svg")
    assert done.code == 4
    assert "pip install 'archdsl[plot]'" in done.err
    assert run("plot", "one").code == 0, "text needs none"
