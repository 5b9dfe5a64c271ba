"""Numbers to predict: tables with such targets, and runs on them from training to export."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archdsl.api import load, setting_findings
from archdsl.errors import ArchError, EnvError
from archdsl.evaluate.numbers import _score
from archdsl.train.scores import Scores
from archdsl.words.data.tables import Table
from archdsl.words.tasks import Regression
from tests.conftest import Cli


def houses(path: Path, rows: int = 240) -> Path:
    """A table with two targets that are nearly linear in the features."""
    rng = np.random.default_rng(0)
    area, age = rng.uniform(30, 200, rows), rng.uniform(0, 80, rows)
    price = 3000 * area - 900 * age + rng.normal(0, 5000, rows)
    lines = [f"{a:.3f},{g:.2f},{p:.1f},{p / 250:.2f}" for a, g, p in zip(area, age, price, strict=True)]
    path.write_text("\n".join(["area,age,price,rent", *lines]) + "\n", "utf-8")
    return path


def test_a_table_with_numbers_to_predict(tmp_path: Path) -> None:
    path = houses(tmp_path / "h.csv")
    one = Table(str(path), "csv", "price", kind_of_task="regression")
    assert (one.input, one.class_names, one.head.features) == ((3,), ("price",), ("area", "age", "rent"))
    two = Table(str(path), "csv", "price, rent", kind_of_task="regression")
    assert (two.input, two.class_names, two.classes) == ((2,), ("price", "rent"), 2)
    for target, message in (("cost", "no column `cost`"), ("price, cost", "no column `cost`")):
        with pytest.raises(EnvError, match=message):
            _ = Table(str(path), "csv", target, kind_of_task="regression").head
    with pytest.raises(EnvError, match="no column besides the targets"):
        _ = Table(str(path), "csv", "area, age, price, rent", kind_of_task="regression").head


def test_a_target_that_is_no_number_is_named(tmp_path: Path, cli: Cli) -> None:
    path = houses(tmp_path / "h.csv")
    head, rest = path.read_text().split("\n", 1)
    path.write_text(f"{head}\n50,3,dear,4\n{rest}")
    text = 'net linear(1)\ndata csv("h.csv", target="price", task=regression)\ntrain adam epochs(1)\n'
    (tmp_path / "h.arch").write_text(text)
    done = cli("train", "h.arch", cwd=tmp_path)
    assert done.returncode == 4
    assert "row 1, column `price`" in done.stderr
    assert "`dear`" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("mixup(0.2)", "`mixup` mixes images of one class each"),
        ("randomlabels(10%)", "`randomlabels` changes images of one class each"),
    ],
)
def test_data_words_that_do_not_fit_numbers(tmp_path: Path, words: str, message: str) -> None:
    path = houses(tmp_path / "h.csv")
    text = f'net linear(1)\ndata csv("{path}", target="price", task=regression) {words}\ntrain adam'
    from archdsl.api import experiment_of

    with pytest.raises(ArchError, match=message):
        experiment_of(load(text))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("bce", "`bce` is a loss for classification"),
        ("smooth(0.1)", "`smooth` smooths classes"),
        ("patience(3, on=accuracy)", "`patience` watches an accuracy"),
    ],
)
def test_train_words_that_do_not_fit_numbers(tmp_path: Path, words: str, message: str) -> None:
    path = houses(tmp_path / "h.csv")
    text = f'net linear(1)\ndata csv("{path}", target="price", task=regression) valid(10%)\ntrain adam {words}'
    from archdsl.api import experiment_of

    with pytest.raises(ArchError, match=message):
        experiment_of(load(text))
    with pytest.raises(ArchError, match="`huber` is a loss for regression"):
        experiment_of(load("net gap linear(classes)\ndata fashion-mini\ntrain adam huber"))


def test_passes_with_dropout_of_numbers_are_refused(tmp_path: Path, cli: Cli) -> None:
    path = houses(tmp_path / "h.csv")
    text = (
        f'net linear(8) drop(0.3) linear(1)\ndata csv("{path}", target="price", task=regression)\ntrain adam\nevaluate '
    )
    (tmp_path / "m.arch").write_text(text + "mc(3)\n")
    done = cli("check", "m.arch", cwd=tmp_path)
    assert done.returncode == 2
    assert "`mc` is for an output of classes, and the task of the network is regression" in done.stdout + done.stderr
    assert [d for d in setting_findings(load(text + "prune(1e-3)")) if d.severity == "error"] == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run on a table with two targets."""
    from tests.conftest import command_line

    folder = tmp_path_factory.mktemp("numbers")
    houses(folder / "h.csv")
    (folder / "h.arch").write_text(
        'net linear(16) relu linear(classes)\ndata csv("h.csv", target="price, rent", task=regression) valid(10%)\n'
        "train adam(0.02) epochs(12) batch(16) patience(12)\n"
    )
    done = command_line("train", "h.arch", "--precision", "fp32", cwd=folder)  # as `eval` computes
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("test R² 0.9")
    return folder


def test_numbers_are_evaluated_and_predicted(cli: Cli, place: Path) -> None:
    run = next(place.glob("runs/h-*"))
    result = json.loads((run / "result.json").read_text())
    assert result["test_accuracy"] is None
    assert not (run / "correct.bits").exists()
    shown = json.loads(cli("eval", str(run), "--format", "json", cwd=place).stdout)
    assert [t["name"] for t in shown["targets"]] == ["price", "rent"]
    assert np.mean([t["r2"] for t in shown["targets"]]) == pytest.approx(result["test_r2"], abs=1e-5)
    assert shown["loss"] == pytest.approx(result["test_loss"], rel=1e-4)
    lines = (place / "h.csv").read_text().splitlines()
    (place / "few.csv").write_text("\n".join(lines[:4]) + "\n")
    rows = json.loads(cli("predict", str(run), "few.csv", "--format", "json", cwd=place).stdout)
    assert len(rows) == 3
    assert rows[0]["predictions"]["price"] == pytest.approx(rows[0]["targets"]["price"], abs=60_000)
    bare = [",".join(line.split(",")[:2]) for line in lines[:4]]
    (place / "bare.csv").write_text("\n".join(bare) + "\n")
    again = json.loads(cli("predict", str(run), "bare.csv", "--format", "json", cwd=place).stdout)
    assert [r["predictions"] for r in again] == [r["predictions"] for r in rows]
    for option in (["--mc", "3"], ["--with", "mc(3)"]):
        assert cli("eval", str(run), *option, cwd=place).returncode == 2
    assert cli("predict", str(run), "few.csv", "--top", "2", cwd=place).returncode == 2


def test_numbers_are_exported_in_their_units(cli: Cli, place: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    run = next(place.glob("runs/h-*"))
    done = cli("export", str(run), "h.onnx", "--preprocess", "values", cwd=place)
    assert done.returncode == 0, done.stderr
    (place / "one.csv").write_text("\n".join((place / "h.csv").read_text().splitlines()[:3]) + "\n")
    rows = json.loads(cli("predict", str(run), "one.csv", "--format", "json", cwd=place).stdout)
    values = np.array([[float(v) for v in line.split(",")[:2]] for line in (place / "one.csv").read_text().split()[1:]])
    session = onnxruntime.InferenceSession(str(place / "h.onnx"))
    (given,) = session.run(None, {session.get_inputs()[0].name: values.astype(np.float32)})
    assert session.get_outputs()[0].name == "values"
    assert given[:, 0] == pytest.approx([r["predictions"]["price"] for r in rows], rel=1e-4)
    assert cli("export", str(run), "s.onnx", "--softmax", cwd=place).returncode == 2


def test_source_gives_numbers_in_their_units(cli: Cli, place: Path) -> None:
    run = next(place.glob("runs/h-*"))
    done = cli("export", str(run), "h.py", cwd=place)
    assert done.returncode == 0, done.stderr
    checked = subprocess.run([sys.executable, "h.py"], cwd=place, capture_output=True, text=True, check=False)
    assert checked.stdout.startswith("ok"), checked.stderr
    space: dict[str, Any] = {"__name__": "h", "__file__": str(place / "h.py")}
    exec(compile((place / "h.py").read_text("utf-8"), "h.py", "exec"), space)  # noqa: S102 - to be run
    assert "in the units of the targets" in space["__doc__"]
    (place / "two.csv").write_text("\n".join((place / "h.csv").read_text().splitlines()[:3]) + "\n")
    rows = json.loads(cli("predict", str(run), "two.csv", "--format", "json", cwd=place).stdout)
    values = [[float(v) for v in line.split(",")[:2]] for line in (place / "two.csv").read_text().split()[1:]]
    about = json.loads((run / "settings.json").read_text())["normalise"]
    x = (torch.tensor(values) - torch.tensor(about["mean"])) / torch.tensor(about["std"])
    network = space["load"]()
    with torch.no_grad():
        given = network(x)
    for column, name in enumerate(("price", "rent")):
        assert given[:, column].tolist() == pytest.approx([r["predictions"][name] for r in rows], rel=1e-4)
    assert network.state_dict().keys() == space["Network"]().state_dict().keys()


def test_a_run_on_numbers_is_resumed_to_the_bit(tmp_path: Path) -> None:
    from archdsl.api import experiment_of
    from archdsl.emit.build import build
    from archdsl.train.fit import fit
    from archdsl.train.signals import Interrupted

    path = houses(tmp_path / "h.csv")
    text = f'net linear(8) relu linear(1)\ndata csv("{path}", target="price", task=regression)\ntrain adam epochs(4) batch(32)'
    spec = load(text)
    whole = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "whole")
    steps = 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == 9

    with pytest.raises(Interrupted):
        fit(build(spec.trace), experiment_of(spec), out=tmp_path / "cut", stop=stop)
    resumed = fit(build(spec.trace), experiment_of(spec), out=tmp_path / "cut")
    for name, value in whole.state().items():
        assert torch.equal(value, resumed.state()[name])
    assert whole.result is not None
    assert resumed.result is not None
    assert whole.result["test_r2"] == resumed.result["test_r2"]


@pytest.mark.parametrize("rows", [1, 3, 7, 10, 100])
def test_a_constant_target_has_no_r2(rows: int) -> None:
    """The mean of three times 0.1 is 0.10000000000000002: divided by that deviation, R² was -10^31."""
    true = torch.full((rows,), 0.1, dtype=torch.float64)
    found = _score("y", true + 1, true)
    assert (found.r2, found.std, found.rmse) == (None, 0, pytest.approx(1))
    if rows > 1:
        true[0] = 1.1
        assert _score("y", true, true).r2 == 1


@pytest.mark.parametrize("value", [0.1, 0.3, 1.7, 1 / 3, 900.1])
def test_the_r2_of_a_run_is_that_of_eval(value: float) -> None:
    """The sums of float32 gave a constant target one of minus 10^8, and one far from 0 another one."""
    task = Regression((0.0,), (1.0,))
    generator = torch.Generator().manual_seed(0)
    noise, spread = (torch.randn(60, 1, generator=generator) for _ in range(2))
    for true in (torch.full((60, 1), value), value + spread):
        scores = Scores("test", torch.device("cpu"), task)
        for given, wanted in zip((true + noise).split(25), true.split(25), strict=True):
            scores.add(given, wanted)
        wanted_r2 = _score("y", (true + noise).double()[:, 0], true.double()[:, 0]).r2
        assert scores.read().get("test_r2") == (None if wanted_r2 is None else pytest.approx(wanted_r2, abs=1e-6))
