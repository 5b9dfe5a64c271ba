"""Eight bits: calibrated on the data it is given, evaluated on the rest, refused where it costs too much."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from archdsl.errors import ArchError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from archdsl.export.deploy import Form  # noqa: E402 - behind the check for onnx
from archdsl.export.onnx import convert, export, gate, quantize  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_registry")

FORM = Form((3, 16, 16), 10)


def batches(seed: int, count: int = 4) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    for _ in range(count):
        yield generator.normal(size=(16, *FORM.input)).astype(np.float32)


@pytest.fixture
def data(exported: SimpleNamespace) -> Any:
    """Labels are what the float32 network says, so that its accuracy is 1."""
    run = gate.runner(exported.path)

    def test() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for x in batches(1):
            yield x, run(x).argmax(1)

    return lambda drop: quantize.QuantizationData(lambda: batches(0), test, drop)


@pytest.fixture
def again(exported: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The conversion has been done."""
    proto = onnx.load(exported.path)
    monkeypatch.setattr(convert, "convert", lambda *_: proto)


@pytest.mark.usefixtures("again")
def test_a_quantised_file_has_eight_bits_and_an_accuracy(exported: SimpleNamespace, data: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    report = export(exported.model, path, FORM, int8=data(1.0))
    assert os.listdir(tmp_path) == ["x.onnx"]
    cost = report.quantized
    assert cost is not None
    assert (cost.images, cost.calibrated, cost.accuracy32) == (64, 64, 1.0)
    assert 0.5 < cost.accuracy8 == cost.same <= 1
    proto = onnx.load(path)
    onnx.checker.check_model(str(path), full_check=True)
    assert {p.key: p.value for p in proto.metadata_props}["archdsl.precision"] == "int8"
    weights = {t.name: t for t in proto.graph.initializer}
    assert weights["stem.weight_quantized"].data_type == onnx.TensorProto.INT8
    assert list(weights["stem.weight_scale"].dims) == [8]  # a scale for each channel
    assert {n.op_type for n in proto.graph.node} >= {"QuantizeLinear", "DequantizeLinear", "GroupNormalization"}
    assert report.nodes == len(proto.graph.node)
    run = gate.runner(path)
    for batch in (1, 3):
        assert run(np.ones((batch, *FORM.input), np.float32)).shape == (batch, 10)


@pytest.mark.usefixtures("again")
def test_a_large_drop_is_refused(
    exported: SimpleNamespace, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = quantize.Quantized(64, 64, 1.0, 0.89, 0.89, 1)
    monkeypatch.setattr(quantize, "_accuracies", lambda *_: cost)
    with pytest.raises(ArchError, match=r"on 64 test images is 89\.00%, and 100\.00% in float32; a drop of 10\.00%"):
        export(exported.model, tmp_path / "x.onnx", FORM, int8=data(0.1))
    assert not os.listdir(tmp_path)
    export(exported.model, tmp_path / "x.onnx", FORM, int8=data(0.12))
    assert os.listdir(tmp_path) == ["x.onnx"]


@pytest.mark.usefixtures("again")
def test_no_test_images(exported: SimpleNamespace, data: Any, tmp_path: Path) -> None:
    with pytest.raises(ArchError, match="no test images"):
        export(
            exported.model,
            tmp_path / "x.onnx",
            FORM,
            int8=quantize.QuantizationData(lambda: batches(0), lambda: iter(())),
        )
    assert not os.listdir(tmp_path)


def test_images_are_normalised_outside_of_what_is_quantised(made: Any, tmp_path: Path) -> None:
    spec, model = made("conv(8) bn relu gap linear(10)")
    form = Form(spec.input, 10, "nhwc", (0.5,) * 3, (0.25,) * 3, softmax=True)
    draw = torch.Generator().manual_seed(0)
    images = [form.sample(16, draw).numpy() for _ in range(3)]
    labels = np.zeros(16, np.int64)
    data = quantize.QuantizationData(lambda: iter(images), lambda: iter([(images[0], labels)]), 1.0)
    export(model, tmp_path / "x.onnx", form, int8=data)
    proto = onnx.load(tmp_path / "x.onnx")
    order = [n.op_type for n in proto.graph.node]
    assert order.index("QuantizeLinear") > order.index("Mul")
    assert gate.runner(tmp_path / "x.onnx")(images[0]).sum(1) == pytest.approx(1, abs=1e-3)
