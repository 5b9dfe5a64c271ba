"""What an export refuses before it begins, in words, and how outputs are compared."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.errors import ArchError, EnvError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from archdsl.export.agree import compare
from archdsl.export.deploy import Form
from archdsl.export.onnx import convert, export, gate

pytestmark = pytest.mark.usefixtures("one_registry")


@pytest.fixture
def unreached(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the conversion, which takes long, has begun")

    monkeypatch.setattr(convert, "convert", fail)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere/x.onnx", "no folder"),
        ("folder", "is a folder"),
        ("file/x.onnx", "[Nn]ot a directory"),
        ("/proc/x", "cannot"),
    ],
)
@pytest.mark.usefixtures("unreached")
def test_a_place_that_cannot_be_written(exported: SimpleNamespace, tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(EnvError, match=message) as caught:
        export(exported.model, tmp_path / place, Form((3, 16, 16), 10))
    assert caught.value.exit_code == 4
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="no folder is read-only to root")
@pytest.mark.usefixtures("unreached")
def test_a_folder_that_is_read_only(exported: SimpleNamespace, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(EnvError, match="cannot write"):
            export(exported.model, tmp_path / "x.onnx", Form((3, 16, 16), 10))
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.usefixtures("unreached")
def test_without_the_extra(exported: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.extras.installed", lambda name: False)
    with pytest.raises(EnvError, match="onnxscript") as caught:
        export(exported.model, tmp_path / "x.onnx", Form((3, 16, 16), 10))
    assert "pip install 'archdsl[onnx]'" in str(caught.value)


@pytest.mark.usefixtures("unreached")
def test_more_than_a_protobuf_holds(exported: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        large = nn.Linear(2**15, 2**14)  # 2 GiB, none of it in memory
    with pytest.raises(ArchError, match=r"2\.1 GB.*hold no more than 1\.5") as caught:
        export(large, tmp_path / "x.onnx", Form((2**15,), 2**14))
    assert "--external-data" in str(caught.value)


@pytest.mark.usefixtures("unreached")
def test_an_adaptive_solver_by_its_place(made: Any, tmp_path: Path) -> None:
    spec, model = made("conv(4) flow: ode(conv(4) tanh conv(4)) gap linear(10)")
    with pytest.raises(ArchError, match=r"`ode` at flow has no ONNX form: dopri5") as caught:
        export(model, tmp_path / "x.onnx", Form(spec.input, 10))
    assert "solver=rk4" in str(caught.value)


@pytest.mark.usefixtures("unreached")
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_a_run_that_diverged(made: Any, tmp_path: Path, value: float) -> None:
    spec, model = made("conv(4) gap linear(10)")
    with torch.no_grad():
        model.get_parameter("conv.weight")[0] = value
    with pytest.raises(ArchError, match=r"conv\.weight hold NaN or infinity"):
        export(model, tmp_path / "x.onnx", Form(spec.input, 10))


class Choosy(nn.Module):
    """A layer whose way depends on what arrives."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if float(x.sum()) > 0 else -x


def test_a_layer_without_an_onnx_form_by_its_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential()
    model.add_module("first", nn.Linear(8, 8))
    model.add_module("odd", Choosy())
    with pytest.raises(ArchError, match=r"`odd` \(Choosy\) has no ONNX form") as caught:
        export(model, tmp_path / "x.onnx", Form((8,), 8))
    assert len(str(caught.value).splitlines()) == 2
    assert not os.listdir(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_other_classes_than_the_model_has(exported: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(ArchError, match="logits should be one tensor"):
        gate.check_file(exported.path, Form((3, 16, 16), 11), exported.report.opset)


WANTED = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], np.float32)


@pytest.mark.parametrize("given", [WANTED, WANTED + 2e-4, WANTED * np.float32(1 + 5e-5)])
def test_what_rounding_does_passes(given: np.ndarray) -> None:
    assert compare(WANTED, given.astype(np.float32), 2) <= 1e-4


@pytest.mark.parametrize(
    "given",
    [WANTED + np.float32(4e-4), WANTED[:, ::-1], WANTED * np.nan, WANTED[:1], WANTED * 0],
    ids=["shifted", "turned", "nan", "short", "zero"],
)
def test_what_rounding_does_not_do_is_refused(given: np.ndarray) -> None:
    with pytest.raises(ArchError, match="refused"):
        compare(WANTED, given, 2)


def test_another_first_choice_is_refused_unless_it_is_a_tie() -> None:
    wanted = np.array([[1.0, 1.0 + 9e-5, 0.5]], np.float32)
    with pytest.raises(ArchError, match="prefers another class"):
        compare(wanted, wanted[:, [1, 0, 2]], 1)
    tied = np.array([[1.0, 1.0 + 2e-6, 0.5]], np.float32)
    assert compare(tied, tied[:, [1, 0, 2]], 1) < 1e-5


def test_logits_that_hardly_move_are_reported(made: Callable[..., Any], tmp_path: Path) -> None:
    spec, model = made("conv(4) scale(1e-6) gap linear(10)")
    with torch.no_grad():
        model.get_parameter("scale.weight").fill_(1e-9)
    report = export(model, tmp_path / "x.onnx", Form(spec.input, 10))
    assert report.agreement.spread < 1e-4


def test_a_network_that_overflows(made: Callable[..., Any], tmp_path: Path) -> None:
    spec, model = made("conv(4) gap linear(10)")
    with torch.no_grad():
        model.get_parameter("conv.weight").fill_(3e38)
    with pytest.raises(ArchError, match="the network gives NaN or infinity"):
        export(model, tmp_path / "x.onnx", Form(spec.input, 10))
    assert not os.listdir(tmp_path)
