"""A table with several targets in the commands: what is read of it, a run from training to export, a study, what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from archdsl.api import experiment_of, load
from archdsl.cli.main import main
from archdsl.errors import ArchError, EnvError, SpecError
from archdsl.runs.kept import recorded
from archdsl.words.data.tables import Table, csv
from archdsl.words.tasks import Several

from .heads import homes, text

Read = pytest.CaptureFixture[str]


def test_a_table_with_several_targets(tmp_path: Path) -> None:
    path = str(homes(tmp_path / "h.csv"))
    both = csv(path, target="kind", numbers="price")
    assert (both.input, both.class_names) == ((2,), ("kind=barn", "kind=flat", "kind=house", "price"))
    assert isinstance(both.task, Several)
    assert both.task.sizes == {"kind": 3, "price": 1}
    assert both.head.features == ("area", "age")
    assert csv(path, target="kind").task.name == "classification"
    for given, message in (
        ({"target": "kind", "numbers": "cost"}, "no column `cost`"),
        ({"target": "kind, price", "numbers": "price"}, "named twice"),
        ({"target": "kind, price"}, "`price`"),  # as classes they are no whole numbers
        ({"target": "kind", "numbers": "area, age, price"}, "no column besides the targets"),
    ):
        with pytest.raises(EnvError, match=message):
            _ = csv(path, **given).head
    with pytest.raises(ArchError, match="task=regression has numbers alone"):
        csv(path, target="kind", numbers="price", task="regression")
    with pytest.raises(ArchError, match="at least one of classes"):
        csv(path, numbers="price")


def test_two_columns_of_classes_and_other_forms_of_a_table(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet as files

    from archdsl.data import load as load_data
    from archdsl.words.data.tables import parquet

    rows = [(n * 0.5, "ab"[n % 2], n % 3, n * 1.5) for n in range(60)]
    path = tmp_path / "t.csv"
    path.write_text("x,kind,size,price\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
    both = csv(str(path), target="kind, size")
    assert both.task.sizes == {"kind": 2, "size": 3}  # type: ignore[attr-defined]
    assert both.head.features == ("x", "price")
    columns = dict(zip(("x", "kind", "size", "price"), map(list, zip(*rows, strict=True)), strict=True))
    files.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    ours, theirs = (
        load_data(word(str(tmp_path / name), target="kind, size", numbers="price"))
        for word, name in ((csv, "t.csv"), (parquet, "t.parquet"))
    )
    for part in ("train", "test"):
        one, other = getattr(ours, part), getattr(theirs, part)
        assert (one.labels == other.labels).all()
        assert (one.images == other.images).all()
    assert ours.train.labels.shape == (48, 3)  # type: ignore[union-attr]
    bare = tmp_path / "n.csv"
    bare.write_text("".join(f"{a},{b},{d}\n" for a, b, _, d in rows))
    assert csv(str(bare), target="c2", header="no", numbers="c3").task.sizes == {"c2": 2, "c3": 1}  # type: ignore[attr-defined]


def test_a_column_that_cannot_name_a_head(tmp_path: Path) -> None:
    path = homes(tmp_path / "h.csv")
    for name in ("the price", "type", "in"):
        path.write_text(path.read_text().replace(path.read_text().split("\n", 1)[0], f"area,age,kind,{name}"))
        with pytest.raises(EnvError, match=f"the column `{name}` of .* cannot name a head"):
            _ = Table(str(path), "csv", "kind", numbers=name).head


def test_classes_without_training_rows_are_said(tmp_path: Path) -> None:
    from archdsl.data import load as load_data

    path = homes(tmp_path / "h.csv", 60)
    path.write_text(path.read_text() + "1,1,castle,1\n")
    parts = load_data(csv(str(path), target="kind", numbers="price"))
    labels = parts.train.labels[:, 0]  # type: ignore[union-attr]
    assert ("warning: no training row is of castle (target `kind`)" in parts.notes) == (1 not in labels.tolist())


def test_many_classes_are_not_all_listed(tmp_path: Path) -> None:
    from archdsl.data import load as load_data

    path = tmp_path / "h.csv"
    rows = [f"{n}.5,{n % 200:03}x,{n % 7}.25" for n in range(1000)]
    path.write_text("\n".join(["area,kind,price", *rows]) + "\n")
    (note,) = [n for n in load_data(csv(str(path), target="kind", numbers="price")).notes if "200 classes" in n]
    assert "and 180 more" in note
    assert len(note) < 500


@pytest.mark.parametrize(
    ("net", "message"),
    [
        ("net linear(4)", "does not end in `heads`"),
        ("net heads(price: linear(1) | kind: linear(3))", "has the heads `price`, `kind`"),
        ("net heads(sort: linear(3) | price: linear(1))", "has the heads `sort`, `price`"),
        (
            "net heads(kind: linear(4) | price: linear(1))",
            "the head `kind` gives 4 values, and its target is 3 classes",
        ),
        (
            "net heads(kind: linear(3) | price: linear(2))",
            "the head `price` gives 2 values, and its target is a number",
        ),
    ],
)
def test_heads_are_those_of_the_data(tmp_path: Path, net: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(text(homes(tmp_path / "h.csv"), net=net))
    assert message in caught.value.diagnostics[0].message
    assert "linear(classes)" in caught.value.diagnostics[0].help


def test_the_number_of_classes_is_that_of_the_data(tmp_path: Path) -> None:
    written = text(homes(tmp_path / "h.csv"))
    assert load(written).classes == load(written, classes=4).classes == 4
    with pytest.raises(SpecError, match="the text has 7 `classes`"):
        load(written, classes=7)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run."""
    folder = tmp_path_factory.mktemp("heads")
    homes(folder / "h.csv")
    (folder / "h.arch").write_text(text("h.csv", "adam(0.02) epochs(10) batch(16) weigh(price, 0.5)", "valid(10%)"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "h.arch", "--precision", "fp32"]) == 0
    return folder


def test_the_run_is_evaluated_and_predicted(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Read) -> None:
    monkeypatch.chdir(place)
    (run,) = map(str, Path("runs").glob("h-*"))
    result = json.loads(Path(run, "result.json").read_text())
    assert result["test_kind_accuracy"] > 0.8
    assert result["test_price_r2"] > 0.8
    assert not Path(run, "correct.bits").exists()
    epochs = [json.loads(line) for line in Path(run, "events.jsonl").read_text().splitlines() if '"epochdone"' in line]
    assert all(e["valid_loss"] == pytest.approx(e["valid_kind_loss"] + 0.5 * e["valid_price_loss"]) for e in epochs)
    assert main(["eval", run, "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    kind, price = shown["heads"]
    assert (kind["head"], kind["accuracy"]) == ("kind", pytest.approx(result["test_kind_accuracy"]))
    assert (price["r2"], price["rmse"]) == pytest.approx((result["test_price_r2"], result["test_price_rmse"]), rel=1e-4)
    assert shown["loss"] == pytest.approx(result["test_loss"], rel=1e-4)
    assert shown["loss"] == pytest.approx(kind["loss"] + 0.5 * price["loss"])
    assert main(["eval", run, "--data", "csv:h.csv"]) == 0
    assert "kind: confusion matrix" in capsys.readouterr().out
    lines = Path("h.csv").read_text().splitlines()
    Path("few.csv").write_text("\n".join(lines[:4]) + "\n")
    Path("bare.csv").write_text("\n".join(",".join(line.split(",")[:2]) for line in lines[:4]) + "\n")
    assert main(["predict", run, "few.csv", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["targets"] == {"kind": lines[1].split(",")[2], "price": float(lines[1].split(",")[3])}
    assert main(["predict", run, "bare.csv", "--format", "json"]) == 0
    assert [r["heads"] for r in json.loads(capsys.readouterr().out)] == [r["heads"] for r in rows]
    assert main(["predict", run, "few.csv"]) == 0
    assert "true price" in capsys.readouterr().out
    for command in (
        ["eval", run, "--mc", "3"],
        ["eval", run, "--with", "prune(0)"],
        ["predict", run, "few.csv", "--top", "2"],
    ):
        assert main(command) == 2
    capsys.readouterr()
    assert main(["lesion", run]) == 2
    refused = capsys.readouterr().err
    assert "a lesion study compares accuracies, and this net has several heads" in refused
    assert "`evaluate lesion(1)`" in refused
    Path("other.csv").write_text(Path("h.csv").read_text().replace("barn", "barns"))
    capsys.readouterr()
    assert main(["eval", run, "--data", "csv:other.csv"]) == 2
    assert "classes that the net does not know: barns" in capsys.readouterr().err


def test_the_run_is_exported_in_the_units_of_its_targets(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Read
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.chdir(place)
    (run,) = map(str, Path("runs").glob("h-*"))
    assert main(["export", run, "h.onnx", "--preprocess", "values"]) == 0
    values = np.array([[float(v) for v in line.split(",")[:2]] for line in Path("h.csv").read_text().split()[1:4]])
    Path("one.csv").write_text("area,age\n" + "\n".join(f"{a},{b}" for a, b in values) + "\n")
    capsys.readouterr()
    assert main(["predict", run, "one.csv", "--format", "json"]) == 0
    rows = [r["heads"] for r in json.loads(capsys.readouterr().out)]
    session = onnxruntime.InferenceSession("h.onnx")
    kind, price = session.run(["kind", "price"], {"input": values.astype(np.float32)})
    assert kind.argmax(1).tolist() == [r["kind"]["label"] for r in rows]
    assert price[:, 0] == pytest.approx([r["price"]["value"] for r in rows], rel=1e-4)
    for option in (["--softmax"], ["--mc"], ["--labels", "a,b"], ["--quantize", "int8"]):
        assert main(["export", run, "x.onnx", *option]) == 2


def test_other_commands_know_heads(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Read) -> None:
    monkeypatch.chdir(place)
    assert main(["draw", "h.arch"]) == 0
    assert "price: linear 1" in capsys.readouterr().out
    assert main(["draw", "h.arch", "-o", "h.svg"]) == 0
    assert "price: linear 1" in Path("h.svg").read_text()
    assert main(["words", "heads"]) == 0
    assert "Several outputs of one network" in capsys.readouterr().out
    assert main(["params", "h.arch", "--set", "train.weigh=price, 0.1"]) == 0
    assert "heads.price" in capsys.readouterr().out
    assert main(["data", 'csv("h.csv", target="kind", numbers="price")']) == 0
    assert "outputs" in capsys.readouterr().out


def test_runs_are_listed_by_the_figures_of_heads(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Read) -> None:
    monkeypatch.chdir(place)
    assert main(["runs", "--where", "test_kind_accuracy > 0.5", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["test_price_r2"] > 0.8
    assert main(["runs", "--where", "test_sort_accuracy > 0.5"]) == 2


def test_a_study_of_heads(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Read) -> None:
    monkeypatch.chdir(place)
    study = ["ablate", "h.arch", "--without", "weigh", "--seeds", "2", "--set", "train.epochs=3"]
    assert main(study) == 0
    assert "test loss, less is better" in capsys.readouterr().out
    assert main([*study, "--metric", "test_kind_accuracy"]) == 0
    assert "test kind accuracy" in capsys.readouterr().out
    for name, message in (("test_sort_accuracy", "is of the head sort"), ("test_accuracy", "is of one output")):
        assert main([*study, "--metric", name]) == 2
        assert message in capsys.readouterr().err


def test_chance_of_a_study_knows_the_weights(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import dataclass
    from types import SimpleNamespace

    from archdsl.settings.experiment import Experiment
    from archdsl.study.results.scale import scale_of

    @dataclass
    class Cell:
        experiment: Experiment

    monkeypatch.chdir(place)
    arms = SimpleNamespace(arms=[])
    weighed, plain = (Cell(experiment_of(load(text("h.csv", f"adam {w}")))) for w in ("weigh(price, 0.5)", ""))
    for cells, chance in (([weighed], math.log(3) + 0.5), ([plain], math.log(3) + 1), ([weighed, plain], None)):
        assert scale_of("test_loss", arms, cells).chance == (pytest.approx(chance) if chance else None)  # type: ignore[arg-type]


def test_an_evaluation_in_the_text(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Read) -> None:
    monkeypatch.chdir(place)
    words = text(
        "h.csv",
        "adam epochs(2)\nevaluate {}",
        net="net linear(8) relu drop(0.1) heads(kind: linear(3) | price: linear(1))",
    )
    Path("e.arch").write_text(words.format("prune(1e-3)"))
    assert main(["train", "e.arch", "--precision", "fp32"]) == 0
    assert "evaluate prune(0.001): test loss" in capsys.readouterr().out
    Path("m.arch").write_text(words.format("mc(3)"))
    assert main(["check", "m.arch"]) == 2
    assert "`mc` is for one output of classes" in capsys.readouterr().out


def test_data_that_is_gone_is_known_by_its_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    known = csv("h.csv", target="kind", numbers="price")
    task, names = known.task, known.class_names
    Path("h.csv").rename("kept.csv")
    try:
        found = recorded(known, Path("runs"))
        assert (found.task, found.class_names, found.input) == (task, names, (2,))  # type: ignore[attr-defined]
    finally:
        Path("kept.csv").rename("h.csv")


def test_the_hash_knows_the_targets(tmp_path: Path) -> None:
    path = homes(tmp_path / "h.csv")
    first = experiment_of(load(text(path)))
    assert first.hash == experiment_of(load(text(path, train="adam(1e-3)"))).hash
    assert first.hash != experiment_of(load(text(path, train="adam weigh(price, 2)"))).hash
