"""What the output of a net is for: losses, sums, scores and whole runs of each task, against direct computation."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from archdsl.api import load
from archdsl.data.augment import Target
from archdsl.errors import ArchError, EnvError, SpecError
from archdsl.train.loss import loss
from archdsl.train.metrics import Meter
from archdsl.train.scores import Scores
from archdsl.words.data.tables import Table
from archdsl.words.tasks import CLASSIFICATION, IGNORED, TASKS, Regression, record, recorded
from archdsl.words.train.recipe import Huber, Mae
from tests.conftest import Cli

CPU = torch.device("cpu")
TOKENS, SEGMENTATION, REGRESSION = TASKS["tokens"], TASKS["segmentation"], TASKS["regression"]


def places(task: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits of 3 examples with 5 classes, labels of which some are ignored, and the logits with the classes last."""
    torch.manual_seed(1)
    if task == "segmentation":
        logits, labels = torch.randn(3, 5, 4, 6), torch.randint(-1, 5, (3, 4, 6))
        return logits, labels, logits.permute(0, 2, 3, 1)
    logits, labels = torch.randn(3, 7, 5), torch.randint(-1, 5, (3, 7))
    return logits, labels, logits


@pytest.mark.parametrize("task", ["segmentation", "tokens"])
@pytest.mark.parametrize("smooth", [0.0, 0.1])
def test_the_loss_of_places_is_the_mean_over_those_that_count(task: str, smooth: float) -> None:
    logits, labels, last = places(task)
    found = loss(logits, Target(labels), smooth, task=TASKS[task])
    each = []
    for row, label in zip(last.reshape(-1, 5), labels.flatten().tolist(), strict=True):
        if label != IGNORED:
            wanted = torch.full((5,), smooth / 5)
            wanted[label] += 1 - smooth
            each.append(-(wanted * row.log_softmax(0)).sum())
    assert float(found) == pytest.approx(float(torch.stack(each).mean()), rel=1e-6)
    assert float(loss(logits, Target(torch.full_like(labels, IGNORED)), task=TASKS[task])) == 0


@pytest.mark.parametrize("task", ["segmentation", "tokens"])
def test_the_sums_of_places(task: str) -> None:
    logits, labels, last = places(task)
    meter, scores = Meter(CPU, TASKS[task]), Scores("test", CPU, TASKS[task])
    for part in (slice(0, 1), slice(1, 3)):
        meter.add(loss(logits[part], Target(labels[part]), task=TASKS[task]), logits[part], labels[part], 1)
        scores.add(logits[part], labels[part])
    known = labels != IGNORED
    figures = meter.read()
    assert figures.accuracy == pytest.approx(float((last.argmax(-1) == labels)[known].float().mean()))
    assert figures.loss == pytest.approx(float(functional.cross_entropy(last[known], labels[known])), rel=1e-6)
    read = scores.read()
    probs = last[known].softmax(1)
    brier = (probs - functional.one_hot(labels[known], 5)).square().sum(1).mean()
    assert read["test_brier"] == pytest.approx(float(brier), rel=1e-6)
    assert ("test_miou" in read) == (task == "segmentation")
    again = Meter(CPU, TASKS[task])
    again.load({name: value.clone() for name, value in meter.state().items()})
    assert again.read() == figures


def test_miou_by_brute_force() -> None:
    logits, labels, last = places("segmentation")
    scores = Scores("valid", CPU, SEGMENTATION)
    scores.add(logits, labels)
    chosen, known = last.argmax(-1), labels != IGNORED
    each = []
    for c in range(5):
        mine, found = (labels == c) & known, (chosen == c) & known
        if (mine | found).any():
            each.append(float((mine & found).sum()) / float((mine | found).sum()))
    assert scores.read()["valid_miou"] == pytest.approx(np.mean(each))


@pytest.mark.holds("mae huber")
def test_losses_of_numbers() -> None:
    torch.manual_seed(0)
    output, targets = torch.randn(9, 2), torch.randn(9, 2)
    error = (output - targets).abs()
    assert loss(output, Target(targets), task=REGRESSION) == pytest.approx(float(error.square().mean()))
    assert loss(output, Target(targets), other=Mae(), task=REGRESSION) == pytest.approx(float(error.mean()))
    near = torch.where(error <= 0.5, error.square() / 2, 0.5 * (error - 0.25))
    assert loss(output, Target(targets), other=Huber(0.5), task=REGRESSION) == pytest.approx(float(near.mean()))


@pytest.mark.parametrize("targets", [1, 3])
def test_scores_of_numbers_are_in_the_unit_of_a_single_target(targets: int) -> None:
    rng = np.random.default_rng(0)
    true, given = rng.normal(50, 7, (40, targets)), rng.normal(50, 7, (40, targets))
    task = Regression(tuple(true.mean(0)), tuple(true.std(0)))
    scores = Scores("test", CPU, task)
    for part in (slice(0, 11), slice(11, 40)):
        scores.add(*(torch.from_numpy((v[part] - true.mean(0)) / true.std(0)) for v in (given, true)))
    read = scores.read()
    scale = 1 if targets == 1 else true.std(0)
    error = (given - true) / scale
    assert read["test_mse"] == pytest.approx((error**2).mean())
    assert read["test_rmse"] == pytest.approx(math.sqrt((error**2).mean()))
    assert read["test_mae"] == pytest.approx(np.abs(error).mean())
    r2 = 1 - ((given - true) ** 2).sum(0) / ((true - true.mean(0)) ** 2).sum(0)
    assert read["test_r2"] == pytest.approx(r2.mean())
    assert not {"test_brier", "test_ece", "test_top5"} & read.keys()


def test_a_constant_target_has_no_r2() -> None:
    scores = Scores("test", CPU, REGRESSION)
    scores.add(torch.randn(5, 1), torch.full((5, 1), 3.0))
    assert "test_r2" not in scores.read()


def test_tasks_are_recorded() -> None:
    for task in TASKS.values():
        assert recorded(json.loads(json.dumps(record(task)))) == task
    fitted = Regression((1.5,), (2.0,))
    assert recorded(record(fitted)) == fitted
    assert record(CLASSIFICATION) is None


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("input 3x8x8\nclasses 4\ntask segmentation\nnet conv(6) relu conv(classes, 1)", (4, 8, 8)),
        ("input 6\nclasses 2\ntask regression\nnet linear(3) relu linear(classes)", (2,)),
        ("input 3x8x8\ntask features\nnet conv(6, s=2)", (6, 4, 4)),
        ("input 3x8x8\ntask classification\nnet conv(6)", (10,)),
    ],
)
def test_a_text_states_its_task(text: str, out: tuple[int, ...]) -> None:
    spec = load(text)
    assert spec.trace.out == out
    assert load(spec.canonical).hash == spec.hash


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("task segmentation\nnet conv(6, s=2)", "A305", "each pixel of 32x32 has one of 10 classes"),
        ("task regresion\nnet linear(3)", "A208", "`regresion` is not a task"),
        ("task 3\nnet linear(3)", "A208", "`3` is not a task"),
        ("task tokens\ntask tokens\nnet linear(3)", "A105", "a second `task`"),
    ],
)
def test_tasks_that_do_not_fit(text: str, code: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        load(text)
    assert error.value.diagnostics[0].code == code
    assert message in str(error.value)


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
    done = command_line("train", "h.arch", cwd=folder)
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
