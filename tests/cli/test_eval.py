"""`archdsl eval`: a run is judged as training judged it, and whatever is wrong with it is said."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from archdsl.cli.main import main
from tests.cli.conftest import Run
from tests.conftest import Cli

TRAINED = """net conv(8, s=2) bn relu conv(12, s=2) relu drop(0.3, late=90%) gap linear(10)
data fashion-mini subset(600) valid(20%)
train adam(0.01) epochs(1) batch(64)
"""
STILL = TRAINED.replace("drop(0.3, late=90%) ", "")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """One run with dropout and one without, trained once."""
    place = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        patch.setenv("ARCHDSL_OFFLINE", "1")
        patch.setenv("GOMP_SPINCOUNT", "1000")
        for name, text in (("drop", TRAINED), ("still", STILL)):
            (place / f"{name}.arch").write_text(text)
            where = ["--out", str(place / name), "--precision", "fp32", "--quiet"]
            assert main(["train", str(place / f"{name}.arch"), *where]) == 0
        yield {name: next((place / name).iterdir()) for name in ("drop", "still")}


@pytest.fixture
def copy(runs: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of a run that a test may damage."""
    return Path(shutil.copytree(runs["drop"], tmp_path / "copy"))


def test_a_run_in_another_precision_is_said(run: Run, copy: Path) -> None:
    versions = json.loads((copy / "versions.json").read_text())
    versions["plan"]["precision"] = "bf16"
    (copy / "versions.json").write_text(json.dumps(versions))
    done = run("eval", str(copy), "--format", "csv")
    assert done.code == 0
    assert "was trained and tested in bf16; this command computes in float32" in done.err


def test_it_agrees_with_training(run: Run, runs: dict[str, Path]) -> None:
    done = run("eval", str(runs["drop"]), "--format", "json", "--device", "cpu")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    result = json.loads((runs["drop"] / "result.json").read_text())
    [scores] = found["results"]
    assert scores["accuracy"] == result["test_accuracy"]
    assert scores["nll"] == pytest.approx(result["test_loss"], rel=1e-5)
    assert (found["data"], found["part"], found["images"], found["ece_bins"]) == ("fashion-mini", "test", 2000, 15)
    assert found["classes"][9] == "Ankle boot"
    assert sum(map(sum, scores["confusion"])) == 2000
    assert [c["support"] for c in scores["per_class"]] == [200] * 10
    assert sum(b["count"] for b in scores["reliability"]) == 2000
    assert scores["mutual_information"] is None


def test_the_validation_part_is_that_of_the_run(run: Run, runs: dict[str, Path]) -> None:
    result = json.loads((runs["drop"] / "result.json").read_text())
    for part, images in (("valid", 120), ("train", 480)):
        found = json.loads(run("eval", str(runs["drop"]), "--part", part, "--format", "json").out)
        assert found["images"] == images
        if part == "valid":
            assert found["results"][0]["accuracy"] == result["valid_accuracy"]


def test_tables_for_people(run: Run, runs: dict[str, Path]) -> None:
    done = run("eval", str(runs["drop"]))
    assert done.code == 0
    assert "2,000 test images of fashion-mini" in done.out
    assert "ECE of 15 bins" in done.out
    assert "predicted" in done.out
    head = next(line for line in done.out.splitlines() if line.startswith("class "))
    assert head.split() == ["class", "precision", "recall", "F1", "images"]
    assert run("eval", str(runs["drop"]), "--format", "md").out.count("| --- |") >= 2


def test_monte_carlo_dropout_stands_beside_one_pass(run: Run, runs: dict[str, Path]) -> None:
    call = ("eval", str(runs["drop"]), "--mc", "6", "--format", "json")
    one, many = json.loads(run(*call).out)["results"]
    assert (one["passes"], many["passes"]) == (1, 6)
    assert many["mutual_information"] > 0
    assert many["mutual_information"] < many["entropy"]
    assert many["nll"] != one["nll"]
    assert json.loads(run(*call).out)["results"][1] == many, "the seed decides"
    assert json.loads(run(*call, "--seed", "1").out)["results"][1]["nll"] != many["nll"]


def test_shifts_have_a_row_each(run: Run, runs: dict[str, Path]) -> None:
    shifts = ("--shift", "rotate(0, 90)", "--shift", "noise(0.5)")
    done = run("eval", str(runs["drop"]), *shifts, "--mc", "2", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [(r["shift"], r["strength"], r["passes"]) for r in rows] == [
        ("rotate", "0.0", "1"),
        ("rotate", "0.0", "2"),
        ("rotate", "90.0", "1"),
        ("rotate", "90.0", "2"),
        ("noise", "0.5", "1"),
        ("noise", "0.5", "2"),
    ]
    result = json.loads((runs["drop"] / "result.json").read_text())
    assert float(rows[0]["accuracy"]) == result["test_accuracy"]
    assert rows[0]["mutual_information"] == ""
    assert float(rows[2]["nll"]) > float(rows[0]["nll"])
    assert "classes" not in run("eval", str(runs["drop"]), *shifts).out, "one state of the images for one matrix"


def test_a_picture_of_the_confusion_matrix(run: Run, runs: dict[str, Path]) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.png", "b.png", "c.svg"):
        assert run("eval", str(runs["drop"]), "--save", name).code == 0
    with Image.open("a.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 500
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert "<!-- Ankle boot -->" in Path("c.svg").read_text("utf-8")


def test_without_matplotlib_pillow_draws(run: Run, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: None)
    assert run("eval", str(runs["drop"]), "--save", "a.png").code == 0
    confusion = json.loads(run("eval", str(runs["drop"]), "--format", "json").out)["results"][0]["confusion"]
    with Image.open("a.png") as picture:
        pixel = picture.getpixel((150 + 2, 40 + 2))  # the corner of the first cell
    share = confusion[0][0] / 200
    assert pixel == tuple(round(a + share * (b - a)) for a, b in ((247, 8), (251, 48), (255, 107)))
    done = run("eval", str(runs["drop"]), "--save", "a.svg")
    assert (done.code, done.out) == (4, "")
    assert "archdsl[plot]" in done.err


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("--mc", "1"), 2, "1"),
        (("--shift", "rotat(3)"), 2, "did you mean `rotate`"),
        (("--save", "a.jpeg"), 2, "does not end in .png"),
        (("--shift", "noise(0.1)", "--batch", "0"), 2, "0"),
        (("--save", "nowhere/a.png"), 4, "there is no folder nowhere"),
        (("--save", "a.png", "--shift", "noise(0.1, 0.2)"), 2, "several strengths"),
        (("--data", "cifar10"), 2, "the examples of cifar10 are 3x32x32, the net takes 1x28x28"),
        (("--data", "cifr10"), 2, "cifar10"),
        (("--data", "fashion-mnist"), 4, "fashion-mnist is not there"),
        (("--data", "mnist"), 2, "has classes that the net does not know: 0, 1"),
        (("--device", "gpu"), 2, "unknown device"),
        (("--device", "cpu:"), 2, "unknown device"),
        (("--device", "cuda:\u0661"), 2, "unknown device"),
        (("--device", "cuda:99"), 4, "torch sees"),
    ],
)
def test_calls_that_are_wrong(
    run: Run, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    monkeypatch.setenv("XDG_DATA_HOME", str(Path.cwd()))
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)
    monkeypatch.setattr("archdsl.data.roots.SYSTEM", Path("no-system"))
    done = run("eval", str(runs["drop"]), *args)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert not Path("a.png").exists()


def test_a_net_without_dropout_has_one_pass_only(run: Run, runs: dict[str, Path]) -> None:
    done = run("eval", str(runs["still"]), "--mc", "5")
    assert (done.code, done.out) == (2, "")
    assert "draws at random" in done.err


def test_another_data_set_of_the_same_shape(
    run: Run, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.train.conftest import any_count, write_idx

    any_count(monkeypatch)
    write_idx(tmp_path / "data" / "mnist")
    given = ("eval", str(runs["drop"]), "--data", "mnist", "--data-root", "data", "--match", "position")
    done = run(*given, "--format", "json")
    assert done.code == 0
    assert "matched by position: 0 as T-shirt/top, 1 as Trouser" in done.err
    found = json.loads(done.out)
    assert (found["data"], found["images"], found["classes"][3]) == ("mnist", 10, "Dress")
    done = run(*given, "--part", "valid")
    assert done.code == 2
    assert "no image was set aside" in done.err
    write_idx(tmp_path / "data" / "fashion-mnist")
    done = run("eval", str(runs["drop"]), "--data", "fashion-mnist", "--data-root", "data", "--format", "json")
    assert (done.code, done.err, json.loads(done.out)["images"]) == (0, "", 10)


def test_damaged_runs(run: Run, copy: Path) -> None:
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    assert run("eval", "nowhere").code == 4
    assert "is not a run folder" in run("eval", str(copy.parent)).err
    weights.write_bytes(whole[:200])
    done = run("eval", str(copy))
    assert (done.code, done.out) == (5, "")
    assert "cannot be read" in done.err
    weights.unlink()
    done = run("eval", str(copy))
    assert done.code == 5
    assert "has no weights" in done.err
    weights.write_bytes(whole)
    spec = copy / "spec.arch"
    good = spec.read_text()
    spec.write_text(good.replace("12", "13"))
    done = run("eval", str(copy))
    assert done.code == 5
    assert "do not fit its spec" in done.err
    for bad in (good.replace("conv", "konv"), good.replace("linear(10)", "linear(9)"), ""):
        spec.write_text(bad)
        done = run("eval", str(copy))
        assert (done.code, done.out) == (5, "")
        assert "is not a spec that this version can build" in done.err


def test_runs_without_a_result_are_named(run: Run, copy: Path) -> None:
    (copy / "result.json").write_text('{"status": "diverged"}')
    done = run("eval", str(copy), "--format", "csv")
    assert done.code == 0
    assert "ended as `diverged`" in done.err
    (copy / "result.json").unlink()
    done = run("eval", str(copy), "--format", "csv")
    assert done.code == 0
    assert "did not finish" in done.err


def test_help(cli: Cli) -> None:
    for name in ("eval", "predict"):
        done = cli(name, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert "--mc" in done.stdout


def test_one_pass_with_dropout_is_not_said_to_be_without(run: Run, runs: dict[str, Path]) -> None:
    off, on = "1 pass: dropout off; several: dropout active", "\ndropout active at its full rate"
    for given, said, unsaid in (
        (("--with", "mc(1)"), on, off),
        (("--with", "mc(2)"), on, off),
        (("--mc", "2"), off, on),
        (("--mc", "3", "--with", "mc(1)"), on, off),
    ):
        shown = run("eval", str(runs["drop"]), *given).out
        assert said in shown, given
        assert unsaid not in shown, given
