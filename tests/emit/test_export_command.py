"""``archdsl export``: what it writes, what it prints where, and what it refuses with which exit code."""

from __future__ import annotations

import json
import os
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
from archdsl.emit.build import build
from archdsl.train.runs import FORMAT

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
def run_folder(here: Path, shaken: Any) -> Path:
    """What `archdsl train` leaves, without the training."""
    folder = here / "run"
    folder.mkdir()
    (folder / "spec.arch").write_text(RUN)
    about = {
        "format": FORMAT, "data": {"input": [1, 8, 8]}, "classes": list("abcdefghij"),
        "normalise": {"mean": [0.25], "std": [0.5]},
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(about))
    (folder / "versions.json").write_text("{}")
    save_file(dict(shaken(build(load(RUN).trace)).state_dict()), folder / "model.safetensors")
    return folder


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
    trained = load_file(run_folder / "model.safetensors")
    assert torch.equal(torch.from_numpy(weights["linear.weight"].copy()), trained["linear.weight"])


def test_a_run_as_python_has_its_weights_beside_it(run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "net.py", "--format", "json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["path"], report["weights"], report["format"]) == ("net.py", "net.safetensors", "torch")
    text = Path("net.py").read_text("utf-8")
    assert 'load_file("net.safetensors")' in text
    space: dict[str, Any] = {"__name__": "net"}
    exec(compile(text, "net.py", "exec"), space)  # noqa: S102 - what was written is to be run
    space["Network"]().load_state_dict(load_file("net.safetensors"))
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
        (["model.txt"], 2, ".onnx (ONNX) or .py"),
        (["model"], 2, ".onnx (ONNX) or .py"),
        (["model.py", "--to", "onnx"], 2, "contradict"),
        (["model.py", "--opset", "21"], 2, "--opset has no effect"),
        (["model.py", "--seed", "1"], 2, "--seed has no effect"),
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


@pytest.mark.parametrize("option", [["--seed", "1"], ["--classes", "7"], ["--set", "train.epochs=2"]])
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
    with os.scandir(folder) as entries:
        return any(not full or entry.stat().st_size for entry in entries)
