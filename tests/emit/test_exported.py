"""A program of torch.export: loaded again it answers as the network, at any batch."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archdsl.errors import ArchError, EnvError
from archdsl.export import exported
from archdsl.export.deploy import Form

TEXT = "conv(8) bn relu as a drop(0.5) conv(8) add(id | @a) gap linear(10)"


def loaded(path: Path) -> tuple[Any, dict[str, str]]:
    extra = {exported.METADATA: ""}
    module = torch.export.load(io.BytesIO(path.read_bytes()), extra_files=extra).module()
    return module, json.loads(extra[exported.METADATA])


def test_equal_answers_and_metadata(made: Any, tmp_path: Path) -> None:
    spec, model = made(TEXT)
    report = exported.export(model, tmp_path / "x.pt2", Form(spec.input, 10), metadata={"archdsl.hash": spec.hash})
    assert os.listdir(tmp_path) == ["x.pt2"]
    assert report.bytes == (tmp_path / "x.pt2").stat().st_size
    module, about = loaded(tmp_path / "x.pt2")
    assert (about["archdsl.hash"], about["archdsl.mode"]) == (spec.hash, "eval")
    model.eval()
    for batch in (1, 3, 11):
        x = torch.randn(batch, *spec.input)
        with torch.no_grad():
            torch.testing.assert_close(module(x), model(x))


def test_without_folding_the_bits_are_the_same(made: Any, tmp_path: Path) -> None:
    spec, model = made(TEXT)
    report = exported.export(model, tmp_path / "x.pt2", Form(spec.input, 10, folded=False))
    assert set(report.agreement.differences.values()) == {0.0}


def test_live_dropout(made: Any, tmp_path: Path) -> None:
    spec, model = made(TEXT)
    exported.export(model, tmp_path / "x.pt2", Form(spec.input, 10, mc=True))
    module, about = loaded(tmp_path / "x.pt2")
    x = torch.randn(2, *spec.input)
    assert about["archdsl.mode"] == "mc-dropout"
    assert not torch.equal(module(x), module(x))


def test_what_is_refused_leaves_no_file(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, model = made("conv(4) ode(conv(4) tanh) gap linear(10)")
    with pytest.raises(ArchError, match="dopri5"):
        exported.export(model, tmp_path / "x.pt2", Form(spec.input, 10))
    spec, model = made(TEXT)
    with pytest.raises(EnvError, match="no folder"):
        exported.export(model, tmp_path / "nowhere" / "x.pt2", Form(spec.input, 10))
    monkeypatch.setattr(exported, "_runner", lambda file: lambda x: torch.zeros(len(x), 10).numpy())
    with pytest.raises(ArchError, match="the loaded program differs from torch"):
        exported.export(model, tmp_path / "x.pt2", Form(spec.input, 10))
    assert not os.listdir(tmp_path)


def test_the_remedy_names_no_option_of_onnx(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported, "_runner", lambda file: lambda x: np.full((len(x), 10), 7, np.float32))
    spec, model = made(TEXT)
    with pytest.raises(ArchError, match="differs from torch") as refused:
        exported.export(model, tmp_path / "x.pt2", Form(spec.input, 10))
    assert refused.value.help == "the source always does: model.py"
    assert not os.listdir(tmp_path)
