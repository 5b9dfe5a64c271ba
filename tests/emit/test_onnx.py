"""The exported file: what is in it, and that a wrong or interrupted one gets no name."""

from __future__ import annotations

import copy
import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archdsl import __version__
from archdsl.errors import ArchError, EnvError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from archdsl.export.agree import compare  # noqa: E402 - behind the check for onnx
from archdsl.export.deploy import Form  # noqa: E402
from archdsl.export.onnx import OPSET, Report, convert, export, gate  # noqa: E402

SHAPE = (3, 16, 16)
FORM = Form(SHAPE, 10)

pytestmark = pytest.mark.usefixtures("one_registry")


def write(exported: SimpleNamespace, path: Path, **options: Any) -> Report:
    return export(exported.model, path, FORM, **options)


@pytest.fixture
def model(exported: SimpleNamespace) -> nn.Module:
    """The exported net in training mode, of one's own."""
    return copy.deepcopy(exported.model)


@pytest.fixture
def again(exported: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Exports from now on convert to the file that is there already, changed by a function, without the wait."""

    def use(change: Callable[[Any], object] = lambda proto: None) -> None:
        proto = onnx.load(exported.path)
        change(proto)
        monkeypatch.setattr(convert, "convert", lambda *_: proto)

    return use


def test_one_file_with_a_free_batch(exported: SimpleNamespace) -> None:
    assert os.listdir(exported.path.parent) == ["model.onnx"]
    proto = onnx.load(exported.path, load_external_data=False)
    onnx.checker.check_model(str(exported.path), full_check=True)
    for value, rest in ((proto.graph.input[0], list(SHAPE)), (proto.graph.output[0], [10])):
        batch, *shape = value.type.tensor_type.shape.dim
        assert batch.dim_param
        assert not batch.HasField("dim_value")
        assert [d.dim_value for d in shape] == rest
    assert [v.name for v in (*proto.graph.input, *proto.graph.output)] == ["input", "logits"]


def test_the_opset_is_the_default_one_where_group_norm_is_one_node(exported: SimpleNamespace) -> None:
    proto = onnx.load(exported.path)
    assert {o.domain: o.version for o in proto.opset_import} == {"": OPSET}
    assert [n.op_type for n in proto.graph.node].count("GroupNormalization") == 1


def test_the_report_says_what_is_there(exported: SimpleNamespace) -> None:
    report, proto = exported.report, onnx.load(exported.path)
    assert (report.path, report.opset, report.nodes) == (exported.path, OPSET, len(proto.graph.node))
    assert report.bytes == exported.path.stat().st_size
    assert list(report.agreement.differences) == [1, 2, 7]
    assert report.difference <= 1e-5 < report.agreement.spread


def test_metadata_says_what_the_network_is(exported: SimpleNamespace) -> None:
    assert {p.key: p.value for p in onnx.load(exported.path).metadata_props} == {
        "archdsl.spec": exported.spec.canonical,
        "archdsl.version": __version__,
        "archdsl.input": "3x16x16",
        "archdsl.classes": "10",
        "archdsl.layout": "NCHW",
        "archdsl.takes": "float32, normalised by the caller",
        "archdsl.gives": "logits",
        "archdsl.mode": "eval",
        "archdsl.precision": "float32",
    }


def test_labels_name_the_weights_and_no_path_of_this_machine_is_in_the_file(
    exported: SimpleNamespace, repo: Path
) -> None:
    data = exported.path.read_bytes()
    assert "stem.weight" in {t.name for t in onnx.load(exported.path).graph.initializer}
    assert str(repo).encode() not in data
    assert b".py" not in data


def test_the_model_stays_as_it_was(exported: SimpleNamespace) -> None:
    assert all(module.training for module in exported.model.modules())
    assert all(p.requires_grad for p in exported.model.parameters())
    assert exported.model.state_dict().keys() == exported.state.keys()
    assert all(torch.equal(v, exported.state[k]) for k, v in exported.model.state_dict().items())


def test_a_hundred_random_inputs(exported: SimpleNamespace, model: nn.Module) -> None:
    """Of every size, small and large: within 1e-4 of the largest logit, and the same first choice."""
    run = gate.runner(exported.path)
    model.eval()
    for number in range(100):
        x = torch.randn(1 + number % 9, *SHAPE, generator=torch.Generator().manual_seed(number)) * 10 ** (
            number % 5 - 2
        )
        with torch.no_grad():
            wanted = model(x).numpy()
        compare(wanted, run(x.numpy()), len(x))


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_other_batches_run_as_in_eval_mode(exported: SimpleNamespace, model: nn.Module, batch: int) -> None:
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    x = torch.randn(batch, *SHAPE)
    with torch.no_grad():
        wanted = model.eval()(x).numpy()
    np.testing.assert_allclose(session.run(None, {"input": x.numpy()})[0], wanted, rtol=1e-4, atol=1e-5)


def test_a_double_model_is_written_in_single_precision_twice_alike_and_in_silence(
    exported: SimpleNamespace, model: nn.Module, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    metadata = {"archdsl.spec": exported.spec.canonical}
    export(model.double(), tmp_path / "double.onnx", FORM, metadata=metadata)
    assert all(p.dtype is torch.float64 for p in model.parameters())
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "double.onnx").read_bytes() == exported.path.read_bytes()


def _bend(proto: Any) -> None:
    head = next(t for t in proto.graph.initializer if t.name == "head.weight")
    head.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(head) * np.float32(1.01), head.name))


def _rename(proto: Any) -> None:
    proto.graph.node[0].op_type = "Nonsense"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_bend, "differs from torch by"),
        (_rename, "invalid"),
        (lambda proto: proto.graph.input[0].type.tensor_type.shape.dim[1].ClearField("dim_value"), "should be one"),
        (lambda proto: proto.opset_import.add(domain="", version=18), "invalid|opset"),
        (lambda proto: proto.ClearField("metadata_props"), "metadata is missing"),
    ],
    ids=["weights", "operator", "shape", "opset", "metadata"],
)
def test_a_wrong_file_gets_no_name(
    exported: SimpleNamespace, tmp_path: Path, again: Any, change: Any, message: str
) -> None:
    again(change)
    (tmp_path / "x.onnx").write_text("what was here before")
    with pytest.raises(ArchError, match=message):
        write(exported, tmp_path / "x.onnx")
    assert os.listdir(tmp_path) == ["x.onnx"]
    assert (tmp_path / "x.onnx").read_text() == "what was here before"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit(143), MemoryError, OSError(errno.ENOSPC, "No space")])
def test_an_end_before_the_end_leaves_no_file(
    exported: SimpleNamespace, tmp_path: Path, again: Any, monkeypatch: pytest.MonkeyPatch, stop: Any
) -> None:
    again()

    def fail(*_: object) -> None:
        assert os.listdir(tmp_path)  # it is written by now, under another name
        raise stop

    monkeypatch.setattr(gate, "parity", fail)
    with pytest.raises(EnvError if isinstance(stop, OSError) else BaseException):
        write(exported, tmp_path / "x.onnx")
    assert not os.listdir(tmp_path)


def test_a_whole_file_takes_the_place_of_another(exported: SimpleNamespace, tmp_path: Path, again: Any) -> None:
    again()
    (tmp_path / "x.onnx").write_text("what was here before")
    write(exported, tmp_path / "x.onnx")
    assert os.listdir(tmp_path) == ["x.onnx"]
    onnx.checker.check_model(str(tmp_path / "x.onnx"))
