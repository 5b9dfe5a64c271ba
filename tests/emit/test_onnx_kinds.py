"""The forms of an ONNX file: preprocessing, softmax, half precision, live dropout, batch norm kept, weights outside."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archdsl.data.normalise import normalise
from archdsl.errors import ArchError
from archdsl.evaluate import alive, predict

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from archdsl.export.deploy import Form  # noqa: E402 - behind the check for onnx
from archdsl.export.onnx import export, gate  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_registry")

TEXT = "stem: conv(8, ws=standard) bn relu add(id | conv(8) bn) gap drop(0.5) linear(10)"
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


# Dropout that is a step of a layer.
STEPS = [
    "patch(8, 16) tokens attention(4, drop=0.3) gap linear(10)",
    "patch(8, 16) tokens attention(4, drop=0.3, kv=2) gap linear(10)",
    "conv(8) outlook(conv(162, 1) | id, 2, drop=0.3) gap linear(10)",
    "patch(8, 16) tokens lstm(8, layers=2, drop=0.3) take(-1) linear(10)",
    "patch(8, 16) tokens gru(8, layers=2, drop=0.3) take(-1) linear(10)",
]


def kinds(path: Path) -> Counter[str]:
    return Counter(n.op_type for n in onnx.load(path).graph.node)


def about(path: Path) -> dict[str, str]:
    return {p.key: p.value for p in onnx.load(path).metadata_props}


def test_bytes_in_and_probabilities_out(made: Any, lived: Any, tmp_path: Path) -> None:
    spec, model = made(TEXT)
    lived(model, spec.input)
    path = tmp_path / "x.onnx"
    export(model, path, Form(spec.input, 10, "nhwc", MEAN, STD, softmax=True))
    x = torch.randint(256, (5, *spec.input), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    with torch.no_grad():
        wanted = model.eval()(normalise(MEAN, STD, torch.device("cpu"))(x)).softmax(1).numpy()
    given = gate.runner(path)(x.permute(0, 2, 3, 1).contiguous().numpy())
    np.testing.assert_allclose(given, wanted, atol=1e-5)
    np.testing.assert_allclose(given.sum(1), 1, atol=1e-6)
    assert np.ptp(given, 0).max() > 1e-3
    assert (about(path)["archdsl.layout"], about(path)["archdsl.gives"]) == ("NHWC", "probabilities")
    names = {t.name for t in onnx.load(path).graph.initializer}
    assert {"stem.weight", "stem.bias", "linear.weight"} <= names  # named as in the run
    assert not kinds(path).keys() & {"BatchNormalization", "Dropout"}


@pytest.mark.parametrize("ends", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_half_precision(made: Any, tmp_path: Path, ends: bool) -> None:
    spec, model = made(TEXT)
    path = tmp_path / "x.onnx"
    report = export(model, path, Form(spec.input, 10, half=True, half_ends=ends))
    assert 1e-6 < report.difference < 2e-2  # it is another precision, and near
    proto = onnx.load(path)
    assert {t.data_type for t in proto.graph.initializer if len(t.dims) > 1} == {onnx.TensorProto.FLOAT16}
    kind = onnx.TensorProto.FLOAT16 if ends else onnx.TensorProto.FLOAT
    assert {v.type.tensor_type.elem_type for v in (*proto.graph.input, *proto.graph.output)} == {kind}
    assert about(path)["archdsl.precision"] == "float16"


def test_live_dropout_draws_anew_and_its_mean_is_that_of_ours(made: Any, tmp_path: Path) -> None:
    spec, model = made("conv(16) relu spatial(0.2, late) gap drop(0.4) linear(10) ")
    with torch.no_grad():
        model.get_parameter("linear.weight").mul_(10)
    path = tmp_path / "x.onnx"
    export(model, path, Form(spec.input, 10, mc=True, softmax=True))
    assert about(path)["archdsl.mode"] == "mc-dropout"
    run, x = gate.runner(path), torch.randn(3, *spec.input, generator=torch.Generator().manual_seed(1))
    passes = np.stack([run(x.numpy()) for _ in range(400)])
    assert len({p.tobytes() for p in passes}) == 400
    assert "Dropout" not in kinds(path)  # onnxruntime's would keep, or drop, the first value of a batch for good
    assert np.ptp(passes[:, 0], axis=0).min() > 0
    assert not [a for n in onnx.load(path).graph.node for a in n.attribute if a.name == "seed"]
    with alive(model), torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        wanted = predict(model, x, passes=400).probs.numpy()
    assert np.abs(passes.mean(0) - wanted).max() < 6 * passes.std(0).max() * (2 / 400) ** 0.5
    assert np.abs(run(x.numpy()) - wanted).max() > 1e-3


def test_batch_norm_is_kept_where_asked_for(made: Any, tmp_path: Path) -> None:
    spec, model = made("conv(8) bn relu gap linear(10)")
    export(model, tmp_path / "kept.onnx", Form(spec.input, 10, folded=False))
    assert kinds(tmp_path / "kept.onnx")["BatchNormalization"] == 1
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(tmp_path / "kept.onnx").graph.initializer}
    assert np.array_equal(weights["conv.weight"], model.get_parameter("conv.weight").detach().numpy())


def test_weights_in_a_second_file_where_asked_for(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, model = made("conv(32) relu gap linear(10)")
    monkeypatch.setattr("archdsl.export.onnx.exporter.LIMIT", 100)
    report = export(model, tmp_path / "x.onnx", Form(spec.input, 10), external=True)
    assert sorted(os.listdir(tmp_path)) == ["x.onnx", "x.onnx.data"]
    assert report.bytes == sum(p.stat().st_size for p in tmp_path.iterdir())
    assert (tmp_path / "x.onnx").stat().st_mode == (tmp_path / "x.onnx.data").stat().st_mode
    onnx.checker.check_model(str(tmp_path / "x.onnx"), full_check=True)
    x = np.ones((2, *spec.input), np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(gate.runner(tmp_path / "x.onnx")(x), model.eval()(torch.from_numpy(x)), atol=1e-5)


def test_the_second_file_of_small_tensors_and_of_none(made: Any, tmp_path: Path) -> None:
    """onnx leaves tensors of less than 1024 bytes inside, so that there was no second file, and no export."""
    spec, model = made("conv(2) relu gap linear(10)")
    export(model, tmp_path / "x.onnx", Form(spec.input, 10), external=True)
    assert sorted(os.listdir(tmp_path)) == ["x.onnx", "x.onnx.data"]
    spec, model = made("relu gap", (10, 4, 4))
    export(model, tmp_path / "y.onnx", Form(spec.input, 10), external=True)
    assert sorted(os.listdir(tmp_path)) == ["x.onnx", "x.onnx.data", "y.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "conv(8) relu droppath(0.3) gap linear(10)",
        "conv(8) add(id | conv(8) droppath(0.3)) gap linear(10)",
        "conv(8) dropblock(0.2, 3) gap linear(10)",
        "cutout(6) conv(8) gap linear(10)",
        "dropconnect(conv(8) bn relu, 0.3) gap linear(10)",
        "noise(0.3) conv(8) gap linear(10)",
        "conv(8) drop(0.3, early) spatial(0.3, late=60%) gap linear(10)",
        *STEPS,
    ],
)
def test_each_word_that_draws_is_alive(text: str, made: Any, tmp_path: Path) -> None:
    spec, model = made(text)
    export(model, tmp_path / "x.onnx", Form(spec.input, 10, mc=True))
    run, x = gate.runner(tmp_path / "x.onnx"), np.random.default_rng(0).normal(size=(2, *spec.input)).astype("f")
    assert len({run(x).tobytes() for _ in range(20)}) > 1


@pytest.mark.parametrize("text", STEPS[:1])
def test_dropout_within_a_layer_draws_anew_at_each_call(text: str, made: Any, tmp_path: Path) -> None:
    spec, model = made(text)
    export(model, tmp_path / "x.onnx", Form(spec.input, 10, mc=True))
    assert "Dropout" not in kinds(tmp_path / "x.onnx")
    assert kinds(tmp_path / "x.onnx")["RandomUniformLike"]


def test_dropout_that_no_file_has_is_refused(made: Any, tmp_path: Path) -> None:
    spec, model = made("patch(8, 16) tokens rnn(8, layers=2, drop=0.3) take(-1) drop(0.1) linear(10)")
    with pytest.raises(ArchError, match="between the layers of `rnn` would not be active"):
        export(model, tmp_path / "x.onnx", Form(spec.input, 10, mc=True))
    assert not list(tmp_path.iterdir())
    export(model, tmp_path / "x.onnx", Form(spec.input, 10))
