"""A network as a file of Python with its weights: it needs torch and safetensors, and proves itself when run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from archdsl.errors import EnvError
from archdsl.export.torchfile import write

TEXT = "stem: conv(8) bn relu drop(0.3) add(id | conv(8)) gap linear(10)"
ALONE = "import sys, runpy; sys.modules['archdsl'] = None; runpy.run_path('net.py', run_name='__main__')"


def run(folder: Path, code: str = ALONE) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True)


def test_run_by_itself_it_proves_its_weights(made: Any, tmp_path: Path) -> None:
    spec, model = made(TEXT)
    sizes = write(spec.trace, tmp_path / "net.py", spec.canonical, model, {"archdsl.hash": spec.hash})
    assert sorted(os.listdir(tmp_path)) == ["net.py", "net.safetensors"] == sorted(sizes)
    assert model.training
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ok: the logits differ from those at the export by 0.0e+00 of the largest\n"  # the same bits
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        about = file.metadata()
    assert about["archdsl.hash"] == spec.hash

    state = load_file(tmp_path / "net.safetensors")
    state["linear.bias"] += 1
    save_file(state, tmp_path / "net.safetensors", about)
    done = run(tmp_path)
    assert (done.returncode, done.stdout[:5]) == (1, "WRONG")


def test_load_gives_the_network_in_eval_mode_with_equal_logits(made: Any, tmp_path: Path) -> None:
    spec, model = made(TEXT)
    write(spec.trace, tmp_path / "net.py", "A net.", model)
    space: dict[str, Any] = {"__name__": "net", "__file__": str(tmp_path / "net.py")}
    exec(compile((tmp_path / "net.py").read_text("utf-8"), "net.py", "exec"), space)  # noqa: S102 - to be run
    network = space["load"]()
    assert not network.training
    x = torch.randn(3, *spec.input)
    with torch.no_grad():
        assert torch.equal(network(x), model.eval()(x))


def test_a_network_without_torch_functions(made: Any, tmp_path: Path) -> None:
    spec, model = made("linear(8) relu linear(10)", (5,))
    write(spec.trace, tmp_path / "net.py", "A net.", model)
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr


def test_without_weights_there_is_one_file(made: Any, tmp_path: Path) -> None:
    spec, _ = made(TEXT)
    write(spec.trace, tmp_path / "net.py", "A net.")
    assert os.listdir(tmp_path) == ["net.py"]
    assert "safetensors" not in (tmp_path / "net.py").read_text("utf-8")


def test_neither_file_is_left(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    spec, model = made(TEXT)
    monkeypatch.setattr("archdsl.export.torchfile._save", fail)
    with pytest.raises(EnvError, match=r"cannot write .*No space left"):
        write(spec.trace, tmp_path / "net.py", "A net.", model)
    assert not os.listdir(tmp_path)


def test_of_a_large_output_a_sample_is_remembered(made: Any, tmp_path: Path) -> None:
    """All of it would not fit into the header of the file of weights, which ended the export in an internal error."""
    spec, model = made("task features\nnet conv(70) conv(7)", (3, 61, 61))
    sizes = write(spec.trace, tmp_path / "net.py", spec.canonical, model)
    assert sizes["net.safetensors"] < 500_000
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        about = file.metadata()
    found = json.loads(about["archdsl.probe"])
    assert 10_000 < len(found) <= 20_000
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ok: the logits differ from those at the export by 0.0e+00 of the largest\n"
    found[len(found) // 2] += 1
    save_file(
        load_file(tmp_path / "net.safetensors"), tmp_path / "net.safetensors", {"archdsl.probe": json.dumps(found)}
    )
    assert run(tmp_path).returncode == 1
