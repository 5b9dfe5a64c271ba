"""Weights that are not weights: of a run of another format, not finite, whole numbers, or changed since they were written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from archdsl.cli.main import main
from archdsl.errors import EnvError, StoreError
from archdsl.transfer.begin import transferred
from archdsl.transfer.copy import copy_weights
from archdsl.transfer.read import Weights, read_weights
from tests.cli.folders import finished
from tests.train.transfer.conftest import made, weights

NET = "conv(4) bn relu gap linear(classes)"


def changed(name: str, value: torch.Tensor) -> Weights:
    source = weights(made(NET))
    return Weights("old", {**source.state, name: value}, source.sha)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["conv.weight", "bn.running_var"])
def test_values_that_are_not_finite_are_refused(bad: float, name: str) -> None:
    value = weights(made(NET)).state[name].clone()
    value.view(-1)[-1] = bad
    model, trace = made(NET, 1)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    for reshape in (False, True):
        with pytest.raises(EnvError, match=rf"`{name}` holds NaN or infinity"):
            transferred(model, trace, changed(name, value), reshape)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items()), "nothing is half carried over"


@pytest.mark.parametrize("kind", [torch.int64, torch.int8, torch.bool, torch.complex64])
def test_other_kinds_of_numbers_are_no_weights(kind: torch.dtype) -> None:
    value = weights(made(NET)).state["conv.weight"].to(kind)
    model, trace = made(NET, 1)
    with pytest.raises(
        EnvError, match=rf"`conv\.weight` holds {str(kind)[6:]} values, and `conv\.weight` takes float32"
    ):
        copy_weights(model.state_dict(), trace, changed("conv.weight", value))


def test_a_number_too_large_for_float32_is_refused_and_rounding_is_said() -> None:
    model, trace = made(NET, 1)
    value = weights(made(NET)).state["conv.weight"].double()
    found = copy_weights(model.state_dict(), trace, changed("conv.weight", value))
    assert found.notes == ("1 tensors are rounded from float64",)
    half = copy_weights(model.state_dict(), trace, changed("conv.weight", value.half()))
    assert half.notes == (), "what is narrower is exact"
    value.view(-1)[0] = 1e300
    with pytest.raises(EnvError, match="NaN or infinity"):
        copy_weights(model.state_dict(), trace, changed("conv.weight", value))


def test_counters_stay_whole_numbers() -> None:
    model, trace = made(NET, 1)
    found = copy_weights(model.state_dict(), trace, weights(made(NET)))
    assert found.state["bn.num_batches_tracked"].dtype is torch.int64


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder as `archdsl train` leaves it, as far as its weights are concerned."""
    import hashlib

    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "spec.arch").write_text(f"input 3x16x16\nclasses 10\nnet {NET}\n")
    save_file(dict(weights(made(NET)).state), folder / "model.safetensors")
    sha = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    about = {"format": 1, "name": "run", "hash": "0" * 16, "identity": "0" * 64}
    (folder / "settings.json").write_text(json.dumps(about))
    (folder / "versions.json").write_text("{}")
    (folder / "result.json").write_text(json.dumps(finished(weights_sha256=sha)))
    return folder


def test_a_run_of_a_newer_format_is_refused_by_all_who_read_runs(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_weights(str(run)).state
    (run / "settings.json").write_text(json.dumps({"format": 99}))
    Path("x.png").touch()
    for source in (run, run / "model.safetensors"):
        with pytest.raises(StoreError, match="has the format 99"):
            read_weights(str(source))
    text = f'input 3x16x16\nclasses 10\nnet {NET}\ndata fashion-mini\ntrain sgd(0.1) init("{run}")\n'
    for args in (
        ["transfer", str(run), text],
        ["eval", str(run)],
        ["predict", str(run), "x.png"],
        ["export", str(run), "x.onnx"],
        ["runs", "show", str(run)],
        ["plot", str(run), "--label", "a"],
        ["draw", str(run)],
        ["bench", str(run)],
        ["diff", str(run), "lenet5"],
    ):
        code = main(args)
        err = capsys.readouterr().err
        assert code == 5, (args, err)
        assert "use the newer archdsl that wrote it" in err, args


def test_weights_that_are_not_those_of_the_run_are_refused(run: Path) -> None:
    other = weights(made(NET, 5)).state
    save_file(dict(other), run / "model.safetensors")
    with pytest.raises(StoreError, match="have changed since the run wrote them"):
        read_weights(str(run))
