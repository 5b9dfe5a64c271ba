"""Words fold to settings; contradictions are refused where they stand."""

import json
import subprocess
import sys
from dataclasses import replace

import pyarrow
import pyarrow.parquet
import pytest

from archdsl.errors import ArchError, SpecError
from archdsl.expand.statements import expand
from archdsl.registry import params
from archdsl.registry.lookup import entries
from archdsl.settings.experiment import Experiment, TrainSettings, to_json
from archdsl.settings.fold import fold_data, fold_train
from archdsl.syntax.parse import parse
from archdsl.words.data.augmentations import Crop, Flip
from archdsl.words.data.folders import Folder
from archdsl.words.tasks import task_of
from archdsl.words.train.optimizers import AdamW, Sgd
from archdsl.words.train.penalties import L2, Wd
from archdsl.words.train.schedules import Cosine


def folded(data: str = "fashion-mini", train: str = "adam"):
    graph = expand(parse(f"net gap linear(10)\ndata {data}\ntrain {train}\n"))
    return fold_data(graph.data), fold_train(graph.train)


def test_every_word_arrives() -> None:
    data, train = folded(
        "cifar10 valid(10%) subset(2000) flip crop(2)",
        "sgd(0.1, momentum=0.8, nesterov) l2(1e-4) wd(1e-3) cosine warmup(2) epochs(7) batch(64) seed(3)",
    )
    assert data.dataset.name == "cifar10"
    assert (data.valid.count(2000), data.subset.count) == (200, 2000)
    assert data.augment == (Flip(0.5), Crop(2))
    assert train == TrainSettings(
        Sgd(0.1, 0.8, True), Wd(1e-3), L2(1e-4), schedule=Cosine(0.0), warmup=2, epochs=7, batch=64, seed=3
    )


def test_defaults_are_those_of_the_papers() -> None:
    assert folded()[1] == TrainSettings()
    assert folded(train="adamw(0.01)")[1].optimizer == AdamW(0.01, 0.01)


def test_a_folder_knows_its_size_before_it_is_there() -> None:
    assert Folder("nowhere", 48).input == (3, 48, 48)


@pytest.mark.parametrize(
    ("data", "train", "message"),
    [
        ("cifar10 mnist", "adam", "both set the dataset"),
        ("cifar10 flip flip", "adam", "`flip` is given twice"),
        ("cifar10 valid(0%)", "adam", "sets aside no images"),
        ("cifar10 valid(1.0)", "adam", "sets aside all images"),
        ("cifar10", "adam sgd(0.1)", "both set the optimizer"),
        ("cifar10", "cosine step(3)", "both set the schedule"),
        ("cifar10", "adamw wd(0.1)", "both set the decoupled weight decay"),
        ("cifar10", "onecycle warmup(1)", "has its own rise"),
        ("cifar10", "epochs(3) warmup(3) cosine", "leaves nothing of a run of 3"),
        ("cifar10", "epochs(3) step(3)", "has no effect"),
        ("cifar10", "epochs(3) milestones([2, 3])", "a milestone after 3 epochs has no effect"),
        ("cifar10", "milestones([2, 2])", "not rising numbers"),
        ("cifar10", "epochs(3) restarts(3)", "has no effect"),
        ("cifar10", "lamb wd(0.1)", "`lamb` and `wd` both set"),
        ("cifar10", "clip(1) agc", "both set the clip"),
        ("cifar10", "warmup(5%, steps)", "not a number of steps"),
        ("cifar10", "warmup(0)", "not a valid length of a warm-up"),
        ("cifar10", "plateau(3) cosine", "both set the schedule"),
        ("cifar10", "sgd(0.1, momentum=0, nesterov)", "nesterov needs momentum"),
        ("cifar10", "epochs(0)", "at least 1"),
        ("cifar10", "sgd(0)", "lr"),
    ],
)
def test_contradictions_point_into_the_text(data: str, train: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        folded(data, train)
    assert all(d.span is not None for d in caught.value.diagnostics)
    assert any(d.help for d in caught.value.diagnostics) or "must be" in str(caught.value)


def test_no_data_set() -> None:
    with pytest.raises(ArchError, match="no data set is named"):
        fold_data(())


def test_the_digest_names_the_experiment() -> None:
    data, train = folded()
    one = Experiment("a", "net x", data, train)
    assert one.digest == Experiment("b", "net x", data, train).digest
    assert one.digest != Experiment("a", "net x", data, replace(train, epochs=3)).digest
    assert one.digest != Experiment("a", "net y", data, train).digest
    assert Experiment("a", "net x", data, train, "0123456789abcdef").digest == "01234567"
    json.dumps(to_json(one), allow_nan=False)


@pytest.mark.parametrize("entry", [e for s in ("data", "train") for e in entries(s)], ids=lambda e: e.name)
def test_every_example_folds(entry, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cat", "dog"):
        for tree in ("photos", "ILSVRC2012/train", "ILSVRC2012/val"):
            (tmp_path / tree / name).mkdir(parents=True)
    for path in ("iris.csv", "wine.csv"):
        (tmp_path / path).write_text("a,b,species\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n")
    table = pyarrow.table({"a": [1.0, 2.0, 3.0, 4.0], "species": ["x", "y", "x", "y"]})
    pyarrow.parquet.write_table(table, tmp_path / "iris.parquet")
    (tmp_path / "houses.csv").write_text("area,kind,price\n1,0,2\n3,1,4\n5,0,6\n7,1,9\n")
    (tmp_path / "labels.csv").write_text("file,image,kind,colour,price\na.png,a.png,x,red,1\nb.png,b.png,y,blue,2\n")
    (tmp_path / "tale.txt").write_text("once upon a time\n" * 200)
    for folder in ("images", "masks"):
        (tmp_path / "roads" / folder).mkdir(parents=True)
    (tmp_path / "roads" / "classes.txt").write_text("road\nother\nsky\n")
    monkeypatch.chdir(tmp_path)
    assert params(entry) is not None
    assert entry.slot or entry.name in ("freeze", "rate", "weigh")
    assert entry.summary.endswith(".")
    for example in entry.examples:
        data, train = (
            folded(data=example)
            if entry.kind == "data"
            else folded(train=example if "epochs(" in example else f"{example} epochs(60)")
        )
        assert data.dataset.classes >= (1 if task_of(data.dataset).name == "regression" else 2)
        assert train.epochs > 0


def test_settings_need_no_torch_and_no_numpy() -> None:
    code = (
        "import sys, archdsl.settings.experiment, archdsl.settings.schedule, archdsl.accelerate.threads\n"
        "print([m for m in ('torch', 'numpy', 'PIL', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
