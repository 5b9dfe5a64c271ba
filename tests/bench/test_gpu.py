"""Benchmarks of a GPU say what they lack; their contenders are programs that are there."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

import pytest
import torch

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.syspath_prepend(str(BENCH / "peers"))


@pytest.mark.parametrize("name", ["g1_resnet18", "g2_vgg", "g3_airbench94"])
def test_without_a_gpu_they_end_with_4(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", [f"{name}.py"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(BENCH / f"{name}.py"), run_name="__main__")
    assert end.value.code == 4
    said = capsys.readouterr().err
    assert f"{name}.py: torch {torch.__version__} sees no CUDA device here" in said
    assert "help: " in said


def test_each_contender_is_a_program() -> None:
    sides = runpy.run_path(str(BENCH / "_gpu.py"))["SIDES"]
    for script, _, _ in sides.values():
        # torchvision's reference is run where its program is there.
        if script != "torchvision_reference.py":
            ast.parse((BENCH / "peers" / script).read_text(encoding="utf-8"))
    for script in ("ours94.py", "airbench94.py"):
        ast.parse((BENCH / "peers" / script).read_text(encoding="utf-8"))
