"""Nets with several heads in every form in which a network leaves: an output for each head, by its name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.api import Spec, load
from archdsl.emit.build import build
from archdsl.errors import ArchError
from archdsl.export import torchfile
from archdsl.export.deploy import Form, deployed, scales_of
from archdsl.ir.fans import heads_of
from archdsl.train.init import initialise
from archdsl.words.tasks import CLASSIFICATION, HeadTask, Regression, Several

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from archdsl.export import exported  # noqa: E402 - behind the check for onnx
from archdsl.export.onnx import export  # noqa: E402

TASK = Several(
    (HeadTask("kind", CLASSIFICATION, ("a", "b", "c")), HeadTask("price", Regression((5e5,), (2e5,)), ("price",)))
)
pytestmark = pytest.mark.usefixtures("one_registry")


@pytest.fixture(scope="module")
def net() -> tuple[Spec, nn.Module]:
    spec = load("input 6\nnet linear(16) relu heads(kind: linear(3) | price: linear(1))")
    model = build(spec.trace)
    initialise(model, 0)
    return spec, model.eval()


def form_of(spec: Spec, task: Several = TASK) -> Form:
    return Form(spec.input, spec.classes, task=task, shape=spec.trace.out, heads=heads_of(spec.trace))


def test_onnx_has_an_output_for_each_head(net: tuple[Spec, nn.Module], tmp_path: Path) -> None:
    spec, model = net
    report = export(model, tmp_path / "x.onnx", form_of(spec))
    assert report.difference < 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])
    assert [(o.name, o.shape[1:]) for o in session.get_outputs()] == [("kind", [3]), ("price", [1])]
    x = torch.randn(5, 6)
    kind, price = session.run(None, {"input": x.numpy()})
    with torch.no_grad():
        wanted = model(x)
    np.testing.assert_allclose(kind, wanted[:, :3], atol=1e-5)
    np.testing.assert_allclose(price, wanted[:, 3:] * 2e5 + 5e5, rtol=1e-5)
    about = session.get_modelmeta().custom_metadata_map
    assert (about["archdsl.task"], about["archdsl.gives"]) == ("heads", "kind, price")
    assert json.loads(about["archdsl.heads"])[0] == {
        "name": "kind",
        "task": "classification",
        "classes": ["a", "b", "c"],
    }


def test_a_head_is_held_to_its_own_scale(net: tuple[Spec, nn.Module]) -> None:
    from archdsl.export.agree import agreement

    spec, model = net
    reference = deployed(model, form_of(spec))

    def wrong(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            kind, price = reference(torch.from_numpy(x))
        return torch.cat((kind + 0.01, price), 1).numpy()  # little beside a price

    with pytest.raises(ArchError, match="head kind of it"):
        agreement(wrong, reference, form_of(spec), "it")


def test_a_program_of_torch(net: tuple[Spec, nn.Module], tmp_path: Path) -> None:
    spec, model = net
    exported.export(model, tmp_path / "x.pt2", form_of(spec, Several()))
    x = torch.randn(3, 6)
    kind, price = torch.export.load(tmp_path / "x.pt2").module()(x)
    with torch.no_grad():
        torch.testing.assert_close(torch.cat((kind, price), 1), model(x))


def test_source_says_which_columns_are_whose(net: tuple[Spec, nn.Module], tmp_path: Path) -> None:
    spec, model = net
    torchfile.write(spec.trace, tmp_path / "x.py", spec.canonical, model)
    assert "Heads: kind [:, 0:3], price [:, 3:4] of the output (N, 4)." in (tmp_path / "x.py").read_text()
    done = subprocess.run([sys.executable, str(tmp_path / "x.py")], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("ok"), done.stderr


def test_what_is_for_one_output_is_refused(net: tuple[Spec, nn.Module]) -> None:
    spec, _ = net
    for option, message in (("softmax", "--softmax is of classes"), ("mc", "--mc compares")):
        with pytest.raises(ArchError, match=message):
            Form(spec.input, 4, task=TASK, heads={"kind": 3, "price": 1}, **{option: True})
    with pytest.raises(ArchError, match="has the name of what is taken"):
        Form(spec.input, 4, task=TASK, heads={"input": 3, "price": 1})


def test_source_gives_numbers_in_their_units(net: tuple[Spec, nn.Module], tmp_path: Path) -> None:
    spec, model = net
    scales = scales_of(TASK, {"kind": 3, "price": 1})
    torchfile.write(spec.trace, tmp_path / "x.py", spec.canonical, model, scales=scales)
    done = subprocess.run([sys.executable, str(tmp_path / "x.py")], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("ok"), done.stderr
    space: dict[str, Any] = {"__name__": "x", "__file__": str(tmp_path / "x.py")}
    exec(compile((tmp_path / "x.py").read_text("utf-8"), "x.py", "exec"), space)  # noqa: S102 - to be run
    x = torch.randn(3, 6)
    with torch.no_grad():
        torch.testing.assert_close(space["load"]()(x), torch.cat(deployed(model, form_of(spec))(x), 1))
