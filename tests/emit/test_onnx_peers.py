"""Every way in which torch's exporter writes another file than was meant, and says nothing: each is refused here."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from archdsl.errors import ArchError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from archdsl.export.deploy import Form, deployed  # noqa: E402 - behind the check for onnx
from archdsl.export.onnx import OPSET, convert, export, gate  # noqa: E402

SHAPE = (3, 16, 16)
FORM = Form(SHAPE, 10)
BATCH = ({0: torch.export.Dim("batch")},)

pytestmark = pytest.mark.usefixtures("one_registry")


def torch_writes(model: nn.Module, path: Path, **options: Any) -> Path:
    """What torch's exporter does with these options, without our care."""
    names = {"input_names": [convert.INPUT], "output_names": [FORM.output], "verbose": False}
    with convert.quiet():
        torch.onnx.export(model, (torch.zeros(2, *SHAPE),), path, dynamo=True, **{**names, **options})
    return path


def described(path: Path) -> Path:
    """The same file with our metadata, so that nothing but its real fault is found."""
    proto = onnx.load(path, load_external_data=False)
    for key, value in FORM.about().items():
        proto.metadata_props.add(key=key, value=value)
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.fixture
def model(exported: SimpleNamespace) -> nn.Module:
    """The exported net in training mode, of one's own."""
    return copy.deepcopy(exported.model)


def test_a_wrong_graph_passes_torchs_verify_and_not_ours(model: nn.Module, tmp_path: Path) -> None:
    """`verify=True` looks at a net whose dropout is alive, so that no two passes agree, and raises nothing."""
    path = torch_writes(model, tmp_path / "x", dynamic_shapes=BATCH, opset_version=OPSET, verify=True)
    with pytest.raises(ArchError, match="differs from torch"):
        gate.parity(path, deployed(model, FORM.plain), FORM)


def test_a_net_in_training_mode_is_exported_without_its_dropout(exported: SimpleNamespace) -> None:
    assert all(module.training for module in exported.model.modules())
    kinds = {n.op_type for n in onnx.load(exported.path).graph.node}
    assert not {k for k in kinds if k == "Dropout" or k.startswith("Random")}
    assert "BatchNormalization" not in kinds  # folded, by the statistics that the net has gathered


@pytest.mark.parametrize("opset", [pytest.param(13, marks=pytest.mark.slow), 17])
def test_another_opset_than_the_one_asked_for(
    exported: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opset: int
) -> None:
    monkeypatch.setattr("archdsl.export.onnx.exporter.OLDEST", 13)
    with pytest.raises(ArchError, match=f"wrote opset 18 instead of {opset}"):
        export(exported.model, tmp_path / "x.onnx", FORM, opset=opset)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("opset", [-1, 13, 17, 99])
def test_an_opset_that_torch_cannot_write_is_refused_at_once(
    exported: SimpleNamespace, tmp_path: Path, opset: int
) -> None:
    with pytest.raises(ArchError, match=f"opset {opset} cannot be written") as caught:
        export(exported.model, tmp_path / "x.onnx", FORM, opset=opset)
    assert caught.value.exit_code == 2
    assert not os.listdir(tmp_path)


def test_a_second_file_with_the_weights(model: nn.Module, tmp_path: Path) -> None:
    path = torch_writes(model.eval(), tmp_path / "x.onnx", dynamic_shapes=BATCH, opset_version=OPSET)
    assert len(os.listdir(tmp_path)) == 2
    with pytest.raises(ArchError, match="another file"):
        gate.check_file(described(path), FORM, OPSET)


def test_a_frozen_batch(model: nn.Module, tmp_path: Path) -> None:
    path = torch_writes(model.eval(), tmp_path / "x.onnx", opset_version=OPSET, external_data=False)
    with pytest.raises(ArchError, match="frozen at 2"):
        gate.check_file(described(path), FORM, OPSET)
    with pytest.raises(ArchError, match="fails at batch 1"):
        gate.parity(path, model, FORM)


def test_shapes_by_the_name_of_the_input(exported: SimpleNamespace, model: nn.Module, tmp_path: Path) -> None:
    """torch knows the argument `x` and not the input's name in the file, so that we give shapes by place."""
    shapes = {"input": BATCH[0]}
    with pytest.raises(Exception, match=r"(?s)input"):
        torch_writes(model.eval(), tmp_path / "x.onnx", dynamic_shapes=shapes, opset_version=OPSET)
    (given,) = onnx.load(exported.path).graph.input
    assert given.name == "input"
    assert given.type.tensor_type.shape.dim[0].dim_param


@pytest.mark.parametrize("opset", [18, pytest.param(20, marks=pytest.mark.slow)])
def test_group_norm_before_the_opset_that_has_it(made: Any, tmp_path: Path, opset: int) -> None:
    """The operator of opset 18 scales groups, not channels, and is deprecated; ours is put together from others."""
    spec, model = made("conv(8) gn(4) gap linear(10)")
    report = export(model, tmp_path / "x.onnx", Form(spec.input, 10), opset=opset)
    proto = onnx.load(tmp_path / "x.onnx")
    assert {o.version for o in proto.opset_import if o.domain == ""} == {opset}
    assert "GroupNormalization" not in {n.op_type for n in proto.graph.node}
    assert report.difference < 1e-5


def test_no_metadata(model: nn.Module, tmp_path: Path) -> None:
    path = torch_writes(
        model.eval(), tmp_path / "x.onnx", dynamic_shapes=BATCH, opset_version=OPSET, external_data=False
    )
    assert not [p for p in onnx.load(path).metadata_props if p.key.startswith("archdsl.")]
    with pytest.raises(ArchError, match="metadata is missing"):
        gate.check_file(path, FORM, OPSET)
    gate.check_file(described(path), FORM, OPSET)
