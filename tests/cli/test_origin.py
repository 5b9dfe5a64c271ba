"""What is shown says where it comes from, and a run does not need its data once it is trained."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import archdsl
from archdsl.data.fingerprint import fingerprint
from archdsl.errors import ArchError
from archdsl.words.data.folders import Folder

from .conftest import Run

TINY = "net conv(4, s=4) bn relu gap linear(10)\ndata fashion-mini subset(64)\ntrain sgd(0.05) epochs(1) batch(32)"
OWN = 'net conv(4, s=2) relu gap linear(classes)\ndata folder("p", size=8)\ntrain sgd(0.1) epochs(1) batch(4)'


@pytest.fixture(autouse=True)
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)


def pictures(root: Path, classes: str = "ab") -> None:
    rng = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True)
        for i in range(6):
            Image.fromarray(rng.integers(0, 256, (10, 10, 3), np.uint8)).save(root / name / f"{i}.png")


def trained(run: Run, text: str, *more: str) -> Path:
    done = run("train", text, "-q", "--device", "cpu", "--format", "json", *more)
    assert done.code == 0, done.err
    return Path(json.loads(done.out)["run"])


def test_a_cached_result_says_where_it_comes_from(run: Run) -> None:
    first = run("train", TINY, "-q", "--precision", "fp32", "--format", "json")
    fresh = json.loads(first.out)
    assert (fresh["cached"], fresh["precision"], fresh["device"]) == (False, "fp32", "cpu")
    again = json.loads(run("train", TINY, "--format", "json").out)
    assert again == {**fresh, "cached": True}
    said = run("train", TINY).out.splitlines()
    assert len(said) == 3
    assert said[2].startswith(f"cached: trained {fresh['trained']}, fp32 on cpu, kernels ")
    assert f"data {fresh['fingerprint'][:8]}; --again trains it again" in said[2]
    assert not run("train", TINY, "--again", "-q").out.count("cached")


@pytest.mark.parametrize(
    ("options", "had"),
    [
        (("--precision", "bf16"), "precision fp32"),
        (("--precision", "plain"), "precision fp32"),
        (("--device", "cuda"), "device cpu"),
        (("--compile", "on"), "compile off"),
    ],
)
def test_a_run_of_other_conditions_is_no_answer(run: Run, options: tuple[str, ...], had: str) -> None:
    folder = trained(run, TINY, "--precision", "fp32")
    before = (folder / "result.json").read_bytes()
    done = run("train", TINY, *options)
    assert (done.code, done.out) == (2, "")
    assert f"{' '.join(options)} conflicts with the finished run {folder}, which has {had}" in done.err
    assert "--again replaces it" in done.err
    assert (folder / "result.json").read_bytes() == before
    for same in (("--precision", "fp32"), ("--device", "cpu"), ("--compile", "off"), ("--deterministic",)):
        assert run("train", TINY, *same).code == 0


def test_kernels_that_are_switched_off_ask_for_another_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = trained(run, TINY, "--precision", "fp32")
    versions = json.loads((folder / "versions.json").read_text())
    if not versions["kernels"].startswith("native"):
        pytest.skip("no kernels can be compiled here")
    monkeypatch.setenv("ARCHDSL_NATIVE", "0")
    done = run("train", TINY)
    assert done.code == 2
    assert f"ARCHDSL_NATIVE=0 conflicts with the finished run {folder}" in done.err


def test_a_deterministic_run_is_asked_of_a_gpu(run: Run) -> None:
    folder = trained(run, TINY)
    versions = json.loads((folder / "versions.json").read_text())
    (folder / "versions.json").write_text(json.dumps({**versions, "device": "cuda:0", "deterministic": False}))
    done = run("train", TINY, "--deterministic")
    assert done.code == 2
    assert "trained without it on cuda" in done.err


def test_tensorboard_gets_nothing_of_a_finished_run_and_it_is_said(run: Run) -> None:
    trained(run, TINY)
    done = run("train", TINY, "--tensorboard", "board")
    assert "no curves are written to board: the run is finished already" in done.err


@pytest.mark.parametrize("what", ["gone", "moved", "one class more"])
def test_a_finished_run_does_without_its_data(run: Run, what: str) -> None:
    pictures(Path("p"))
    folder = trained(run, OWN)
    before = [run(*c).out for c in (("draw", str(folder)), ("show", str(folder)))]
    shutil.copytree("p", "other")
    if what == "gone":
        shutil.rmtree("p")
    elif what == "moved":
        Path("p").rename("q")
    else:
        pictures(Path("p"), "c")
    picture = "other/a/1.png"
    for command in (
        ("predict", str(folder), picture),
        ("export", str(folder), "m.py"),
        ("export", str(folder), "m.onnx"),
        ("diff", str(folder), str(folder)),
        ("eval", str(folder), "--data", "folder:other"),
        ("runs", "show", str(folder)),
        ("plot", str(folder), "--out", "p.svg"),
        ("show", str(folder), "--stage", "ast"),
        ("transfer", str(folder), OWN.replace('"p"', '"other"'), "--out", "t.safetensors"),
    ):
        done = run(*command)
        assert done.code == 0, (command, done.err)
        assert "cannot be read" not in done.err, command
    assert [run(*c).out for c in (("draw", str(folder)), ("show", str(folder)))] == before
    done = run("eval", str(folder))
    assert done.code == 4
    if what == "one class more":
        old, new = (fingerprint(Folder(p, 8))[:8] for p in ("other", "p"))
        assert f"the fingerprint of folder:p is {new}, and the run was trained on {old}" in done.err
    else:
        assert f"the data of {folder} cannot be read: there is no folder p" in done.err
    assert "--data" in done.err


def test_eval_on_changed_data_is_refused_unless_it_is_named(run: Run) -> None:
    pictures(Path("p"))
    folder = trained(run, OWN)
    assert run("eval", str(folder)).code == 0
    first = Path("p/a/0.png")
    first.write_bytes(Path("p/a/1.png").read_bytes())
    for command in (("eval", str(folder)), ("export", str(folder), "m.onnx", "--quantize", "int8", "--max-drop", "1")):
        done = run(*command)
        assert done.code == 4, command
        assert "has changed since: the fingerprint of folder:p is" in done.err
    assert run("eval", str(folder), "--data", "folder:p").code == 0


def test_a_published_set_that_is_gone_leaves_a_finished_run_shown(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.train.conftest import any_count, write_idx

    any_count(monkeypatch)
    write_idx(tmp_path / "data" / "mnist", images=40)
    text = TINY.replace("fashion-mini subset(64)", "mnist")
    folder = trained(run, text, "--data-root", "data")
    shutil.rmtree(tmp_path / "data" / "mnist")
    done = run("train", text, "--data-root", "data")
    assert done.code == 0, done.err
    assert str(folder) in done.out
    assert "cached: trained" in done.out
    other = run("train", text.replace("0.05", "0.04"), "--data-root", "data")
    assert other.code == 4
    assert "the data set mnist is not there" in other.err


def test_showing_a_finished_run_waits_for_no_torch(tmp_path: Path, run: Run) -> None:
    import subprocess

    trained(run, TINY)
    code = "import sys; from archdsl.cli.main import main; main(sys.argv[1:]); sys.exit(7 if 'torch' in sys.modules else 0)"
    done = subprocess.run([sys.executable, "-c", code, "train", TINY], cwd=tmp_path, env=dict(os.environ), check=False)
    assert done.returncode == 0


def test_the_folder_of_a_run_is_resumed_and_not_begun_again(run: Run) -> None:
    text = TINY.replace("epochs(1)", "epochs(2000)")
    stopped = run("train", text, "-q", "--precision", "plain", "--runs", "kept", "--time-limit", "0.5")
    assert stopped.code == 3
    (folder,) = Path("kept").iterdir()
    steps = len((folder / "events.jsonl").read_text().splitlines())
    for spec in (folder, folder / "spec.arch"):
        again = run("train", str(spec), "-q", "--precision", "plain", "--resume", "--time-limit", "0.5")
        assert again.code == 3, again.err
        assert list(Path("kept").iterdir()) == [folder]
    assert not Path("runs").exists()
    assert len((folder / "events.jsonl").read_text().splitlines()) > steps
    assert '"resumed"' in (folder / "events.jsonl").read_text()


def test_a_run_is_found_from_within_its_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = trained(run, TINY).absolute()
    before = sorted(p.name for p in folder.iterdir())
    for inside, specs in ((folder, (".", "./", "spec.arch", "./spec.arch")), (folder / "evaluations", ("..",))):
        inside.mkdir(exist_ok=True)
        monkeypatch.chdir(inside)
        for spec in specs:
            done = run("train", spec, "-q")
            assert (done.code, "cached: " in done.out) == (0, True), spec
            assert archdsl.train(spec).folder.resolve() == folder.resolve()
        monkeypatch.chdir(folder.parent)
        shutil.rmtree(folder / "evaluations", ignore_errors=True)
        assert sorted(p.name for p in folder.iterdir()) == before


def test_a_renamed_run_is_no_other_one_trained_in_its_place(run: Run) -> None:
    folder = trained(run, TINY)
    named = folder.rename(folder.with_name(f"of-Ann-{folder.name}"))
    assert trained(run, str(named)) == named
    best = named.rename(folder.with_name("best"))
    for options, remedy in ((), f"rename it to {folder}"), (("--again",), f"rename it to {folder}"):
        refused = run("train", str(best), "-q", *options)
        assert refused.code == 2, refused.err
        assert "best is not the folder in which this run is looked for" in refused.err
        assert remedy in refused.err
    with pytest.raises(ArchError, match="best is not the folder in which this run is looked for"):
        archdsl.train(best)
    assert [path.name for path in Path("runs").iterdir()] == ["best"]
    assert trained(run, TINY) == folder
    assert f"{folder} has the run of this experiment: name that one" in run("train", str(best / "spec.arch")).err
    assert trained(run, str(best), "--runs", "other").parent == Path("other")


def test_a_run_is_not_resumed_and_begun_again_at_once(run: Run) -> None:
    refused = run("train", TINY, "--resume", "--again")
    assert refused.code == 2
    assert "--resume and --again contradict each other" in refused.err
    assert not Path("runs").exists()


def test_the_remedy_of_an_export_is_one_that_it_takes(run: Run) -> None:
    pictures(Path("p"))
    folder = trained(run, OWN)
    shutil.rmtree("p")
    done = run("export", str(folder), "m.onnx", "--quantize", "int8")
    assert done.code == 4
    assert "leave --quantize out" in done.err
    assert "--data" not in done.err
