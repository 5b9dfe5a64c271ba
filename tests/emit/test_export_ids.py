"""Networks of ids in every form in which a network leaves: what they take are whole numbers, and so are the probes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from archdsl.api import Spec, load
from archdsl.cli.support.export_about import metadata
from archdsl.emit.build import build
from archdsl.export import torchfile
from archdsl.export.deploy import Form
from archdsl.train.init import initialise

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from archdsl.export import exported, latency  # noqa: E402 - behind the check for onnx
from archdsl.export.onnx import export  # noqa: E402

TEXT = (
    "input 9 ids(30)\nclasses 5\nnet embed(8) pos res(ln attention(4, causal)) conv1(8, causal) relu maxpool1 gru(6, both) "
    "lstm(6) drop(0.5) take(-1) linear(5)"
)
pytestmark = pytest.mark.usefixtures("one_registry")


@pytest.fixture(scope="module")
def net() -> tuple[Spec, nn.Module]:
    spec = load(TEXT)
    model = build(spec.trace)
    initialise(model, 0)
    return spec, model.eval()


@pytest.mark.parametrize("form", [{}, {"half": True, "half_ends": True}, {"softmax": True, "mc": True}], ids=str)
def test_onnx(net: tuple[Spec, nn.Module], form: dict[str, Any], tmp_path: Path) -> None:
    spec, model = net
    report = export(model, tmp_path / "x.onnx", Form(spec.input, 5, **form))
    if not form:
        assert report.agreement.spread > 100 * report.difference
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    assert (taken.name, taken.type, taken.shape[1:]) == ("input", "tensor(int64)", [9])
    about = session.get_modelmeta().custom_metadata_map
    assert (about["archdsl.input"], about["archdsl.layout"]) == ("9 ids(30)", "NT")
    assert about["archdsl.takes"] == "int64, ids below 30"
    timed = latency.session("x", tmp_path / "x.onnx", 1)
    assert timed.form.input == spec.input


def test_a_program_of_torch(net: tuple[Spec, nn.Module], tmp_path: Path) -> None:
    spec, model = net
    report = exported.export(model, tmp_path / "x.pt2", Form(spec.input, 5))
    assert max(report.agreement.differences.values()) == 0
    extra = {exported.METADATA: ""}
    loaded = torch.export.load(tmp_path / "x.pt2", extra_files=extra).module()
    ids = torch.randint(30, (3, 9))
    torch.testing.assert_close(loaded(ids), model(ids))
    assert json.loads(extra[exported.METADATA])["archdsl.input"] == "9 ids(30)"


def test_a_file_of_python_proves_itself(net: tuple[Spec, nn.Module], tmp_path: Path) -> None:
    spec, model = net
    torchfile.write(spec.trace, tmp_path / "net.py", "A net.", model)
    done = subprocess.run([sys.executable, tmp_path / "net.py"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ok: the logits differ from those at the export by 0.0e+00")


def test_pixels_and_columns_are_not_what_it_takes(net: tuple[Spec, nn.Module]) -> None:
    for preprocess in ("nchw", "nhwc", "values"):
        with pytest.raises(Exception, match="does not fit an input of 9 ids"):
            Form(net[0].input, 5, preprocess, (0.5,), (0.5,))


def test_ids_have_no_mean(net: tuple[Spec, nn.Module]) -> None:
    spec, _ = net
    facts = SimpleNamespace(input=spec.input, classes=tuple("abcde"), mean=(0.0,), std=(1.0,))  # as a run records them
    found = metadata(spec, SimpleNamespace(facts=facts))  # type: ignore[arg-type]
    assert json.loads(found["archdsl.class_names"]) == list("abcde")
    assert not found.keys() & {"archdsl.mean", "archdsl.std"}
