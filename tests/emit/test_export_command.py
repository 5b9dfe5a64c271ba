"""``archdsl export``: what it writes, what it prints where, and what it refuses with which exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from archdsl.api import load
from archdsl.cli.main import main
from archdsl.cli.support.export_about import metadata
from tests.cli.folders import finished
from tests.emit.conftest import untrained

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

NET = "net conv(4) bn relu gap linear(10)"
SPEC = f"input 3x8x8\nclasses 10\n{NET}"
RUN = f"{NET}\ndata fashion-mini\ntrain epochs(1)\n"

pytestmark = pytest.mark.usefixtures("one_registry")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_folder(here: Path) -> Path:
    """What `archdsl train` leaves, without the training."""
    return untrained(here / "run", RUN)


def properties(path: str) -> dict[str, str]:
    return {p.key: p.value for p in onnx.load(path).metadata_props}


def test_a_spec_as_onnx(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", SPEC, "model.onnx", "--format", "json"]) == 0
    out, err = capfd.readouterr()
    report = json.loads(out)
    assert report["path"] == "model.onnx"
    assert report["hash"] == load(SPEC).hash == properties("model.onnx")["archdsl.hash"]
    assert (report["input"], report["classes"], report["opset"]) == ([3, 8, 8], 10, 21)
    assert max(report["differences"].values()) == report["difference"] < 1e-4
    assert "fresh, of seed 0" in err
    assert properties("model.onnx")["archdsl.weights"] == "fresh, seed 0"
    assert os.listdir() == ["model.onnx"]


def test_a_run_as_onnx_has_its_weights_and_its_normalisation(
    run_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "run", "model.onnx"]) == 0
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1
    assert "weights trained" in out
    assert "fresh" not in err
    found = properties("model.onnx")
    assert load(found["archdsl.spec"]).hash == load(RUN).hash
    assert found["archdsl.weights"] == "trained"
    assert (json.loads(found["archdsl.mean"]), json.loads(found["archdsl.std"])) == ([0.25], [0.5])
    assert json.loads(found["archdsl.class_names"]) == list("abcdefghij")
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load("model.onnx").graph.initializer}
    assert not [n for n in onnx.load("model.onnx").graph.node if n.op_type == "BatchNormalization"]
    trained = load_file(run_folder / "model.safetensors")
    assert torch.equal(torch.from_numpy(weights["linear.weight"].copy()), trained["linear.weight"])


def test_a_run_as_python_has_its_weights_beside_it(run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "net.py", "--format", "json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["path"], report["weights"], report["format"]) == ("net.py", "net.safetensors", "torch")
    space: dict[str, Any] = {"__name__": "net", "__file__": "net.py"}
    exec(compile(Path("net.py").read_text("utf-8"), "net.py", "exec"), space)  # noqa: S102 - what was written is to be run
    assert space["check"]() == 0.0
    trained = load_file("run/model.safetensors")
    assert all(torch.equal(v, trained[k]) for k, v in space["load"]().state_dict().items())
    assert sorted(os.listdir()) == ["net.py", "net.safetensors", "run"]


def test_a_spec_as_python_needs_no_torch() -> None:
    code = (
        "import sys; from archdsl.cli.main import main\n"
        f"assert main(['export', {SPEC!r}, 'net.py']) == 0\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert os.listdir() == ["net.py"]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["model.txt"], 2, ".onnx (ONNX), .pt2 (torch.export) or .py"),
        (["model"], 2, "--to"),
        (["model.py", "--softmax"], 2, "--softmax has no effect on model.py"),
        (["model.pt2", "--quantize", "int8"], 2, "--quantize has no effect on model.pt2"),
        (["model.onnx", "--quantize", "int8", "--half"], 2, "--quantize and --half exclude each other"),
        (["model.onnx", "--mc", "--half"], 2, "--mc and --half exclude each other"),
        (["model.onnx", "--half-io"], 2, "--half-io has no effect without --half"),
        (["model.onnx", "--max-drop", "0"], 2, "--max-drop has no effect without --quantize"),
        (["model.onnx", "--preprocess", "values"], 2, "does not fit an input of 3x8x8"),
        (["model.onnx", "--preprocess", "nhwc"], 2, "nothing says how the 3 channels"),
        (["model.onnx", "--mc"], 2, "no layer of this net draws at random"),
        (["model.onnx", "--labels", "a,b"], 2, "--labels names 2 classes, and the network has 10"),
        (["/dev/full", "--to", "onnx"], 4, "a device or a pipe, not a file"),
        (["model.py", "--to", "onnx"], 2, "contradict"),
        (["model.py", "--opset", "21"], 2, "--opset has no effect"),
        (["model.py", "--seed", "0"], 2, "--seed has no effect"),
        (["model.onnx", "--opset", "17"], 2, "opset 17 cannot be written"),
        (["nowhere/model.onnx"], 4, "mkdir -p nowhere"),
        (["nowhere/model.py"], 4, "mkdir -p nowhere"),
    ],
    ids=lambda a: " ".join(a) if isinstance(a, list) else None,
)
def test_what_is_refused(args: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", SPEC, *args]) == code
    out, err = capfd.readouterr()
    assert not out
    assert message in err
    assert "Traceback" not in err
    assert not os.listdir()


@pytest.mark.parametrize(
    "option", [["--seed", "1"], ["--classes", "7"], ["--set", "train.epochs=2"], ["--weights", "w.pth"]]
)
def test_a_run_is_not_changed(run_folder: Path, option: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "model.onnx", *option]) == 2
    assert f"{option[0]} would change" in capfd.readouterr().err


def test_damaged_runs(run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    weights = run_folder / "model.safetensors"
    save_file({"other": torch.zeros(1)}, weights)
    assert main(["export", "run", "model.py"]) == 5
    weights.write_bytes(b"{}")
    assert main(["export", "run", "model.py"]) == 5
    weights.unlink()
    assert main(["export", "run", "model.onnx"]) == 5
    (run_folder / "spec.arch").unlink()
    assert main(["export", "run", "model.onnx"]) == 4
    assert "Traceback" not in capfd.readouterr().err
    assert os.listdir() == ["run"]


def test_a_file_that_is_there_is_replaced_and_that_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    Path("model.py").write_text("what was here before")
    assert main(["export", SPEC, "model.py"]) == 0
    assert "note: model.py exists and will be replaced" in capfd.readouterr().err
    assert "class Network" in Path("model.py").read_text()


def test_labels_are_the_names_of_the_classes(run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("names.txt").write_text("\n".join("klmnopqrst") + "\n")
    for given in ("names.txt", "k, l,m,n,o,p,q,r,s,t"):
        found = metadata(load(RUN), None, given)["archdsl.class_names"]
        assert json.loads(found) == list("klmnopqrst")
    Path("names.txt").write_bytes(
        b"\xef\xbb\xbf" + b"\r\n".join(c.encode() for c in "klmnopqrst")
    )  # as Windows writes it
    assert json.loads(metadata(load(RUN), None, "names.txt")["archdsl.class_names"]) == list("klmnopqrst")
    Path("names.txt").write_bytes(b"\xff\xfe")
    assert main(["export", "run", "model.onnx", "--labels", "names.txt"]) == 2
    assert "names.txt is not UTF-8 text" in capfd.readouterr().err


def test_names_of_another_number_of_classes_are_left_out() -> None:
    text = "data cifar10\nnet conv(4) gap linear(classes)"
    assert len(json.loads(metadata(load(text))["archdsl.class_names"])) == 10
    found = metadata(load(text, classes=20))
    assert "archdsl.class_names" not in found
    assert "archdsl.mean" in found


def test_a_run_in_eight_bits_with_everything_inside(run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    args = ["--quantize", "int8", "--calibrate", "100", "--preprocess", "nhwc", "--softmax", "--max-drop", "1"]
    assert main(["export", "run", "model.onnx", *args, "--format", "json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["precision"] == "int8"
    cost = report["int8"]
    assert (cost["images"], cost["calibrated"]) == (2000, 100)
    assert 0 <= cost["accuracy"] <= 1
    assert cost["same_class"] > 0.5
    found = properties("model.onnx")
    assert (found["archdsl.precision"], found["archdsl.takes"]) == ("int8", "uint8, normalised inside")
    assert json.loads(found["archdsl.class_names"]) == list("abcdefghij")
    assert sorted(os.listdir()) == ["model.onnx", "run"]


def test_a_run_as_an_exported_program(run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "model.pt2", "--preprocess", "nchw"]) == 0
    assert "differs from torch by" in capfd.readouterr().out
    assert sorted(os.listdir()) == ["model.pt2", "run"]


def test_a_checkpoint_with_products_is_exported_with_plain_weights(run_folder: Path) -> None:
    """A run with spred that was stopped has products in its checkpoint; in the file are the weights that they make."""
    from archdsl.runs.store.checkpoint import Checkpoints

    weights = run_folder / "model.safetensors"
    state = load_file(weights)
    weights.unlink()
    kept = {f"model/{k}": v for k, v in state.items() if k != "linear.weight"}
    half = state["linear.weight"] / 2
    kept |= {
        "model/linear.parametrizations.weight.original0": half,
        "model/linear.parametrizations.weight.original1": torch.full_like(half, 2.0),
    }
    Checkpoints(run_folder).save(kept, {"epoch": 1})
    assert main(["export", "run", "model.onnx"]) == 0
    found = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load("model.onnx").graph.initializer}
    assert torch.equal(torch.from_numpy(found["linear.weight"].copy()), state["linear.weight"])


def test_an_interrupt_while_the_file_is_written_leaves_none(here: Path) -> None:
    args = [sys.executable, "-c", "from archdsl.cli.main import run; run()", "export", SPEC, "model.onnx"]
    child = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while child.poll() is None and not _seen(here, True):
        time.sleep(0.0005)
    child.send_signal(signal.SIGINT)
    assert child.wait() in (130, 0, -signal.SIGINT)
    assert os.listdir() in ([], ["model.onnx"])


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", ["probed", "written", 0.0, 0.1, 0.5, 1.0, 2.0])
def test_a_signal_at_any_moment_leaves_a_whole_file_or_none(here: Path, number: int, code: int, moment: Any) -> None:
    """While the place is probed, while the file is checked, and so many seconds after the probe."""
    args = [sys.executable, "-c", "from archdsl.cli.main import run; run()", "export", SPEC, "model.onnx"]
    child = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while child.poll() is None and not _seen(here, moment == "written"):
        time.sleep(0.0002)
    time.sleep(moment if isinstance(moment, float) else 0)
    child.send_signal(number)
    assert child.wait() in (code, 0, -number)  # by then it may be done, or Python on its way out
    assert os.listdir() in ([], ["model.onnx"])
    if os.listdir():
        onnx.checker.check_model("model.onnx")


def _seen(folder: Path, full: bool) -> bool:
    """Whether a file beside the target is there, or with ``full`` the folder that the file is written into."""
    with os.scandir(folder) as entries:
        return any(not full or entry.is_dir() for entry in entries)


def test_what_is_said_of_the_weights_of_a_run(run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = {}
    for status in ("", "finished", "diverged"):
        if status:
            (run_folder / "result.json").write_text(json.dumps(finished(status=status)))
        assert main(["export", "run", "net.py"]) == 0
        told[status] = capfd.readouterr().err
    assert "did not finish; these are the weights of its last checkpoint" in told[""]
    assert "ended as `diverged`; these are the weights that it kept" in told["diverged"]
    assert "these are" not in told["finished"]


@pytest.mark.parametrize("part", ["ema", "slow"])
def test_a_checkpoint_with_averaged_weights_is_exported_with_those(run_folder: Path, part: str) -> None:
    """They are what a run with `ema` or `lookahead` is judged by, and would have kept."""
    from archdsl.runs.store.checkpoint import Checkpoints

    weights = run_folder / "model.safetensors"
    state = load_file(weights)
    weights.unlink()
    kept = {f"model/{k}": torch.zeros_like(v) for k, v in state.items()} | {f"{part}/{k}": v for k, v in state.items()}
    Checkpoints(run_folder).save(kept, {"epoch": 1})
    assert main(["export", "run", "net.py"]) == 0
    found = load_file("net.safetensors")
    assert all(torch.equal(v, found[k]) for k, v in state.items())


def test_numbers_with_active_dropout_are_compared_as_numbers(capfd: pytest.CaptureFixture[str]) -> None:
    text = "input 6\nclasses 1\ntask regression\nnet linear(32) relu drop(0.3) linear(1)"
    assert main(["export", text, "m.onnx", "--mc"]) == 0
    said = capfd.readouterr().out
    assert re.search(
        r"dropout active, mean values within [0-9.]+e-\d+ of the largest of torch's \(batches 7\)", said
    ), said
