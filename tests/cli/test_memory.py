"""Memory that does not suffice: one message and one exit code, whichever command torch runs in."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NoReturn

import onnxruntime
import pytest
import torch

from archdsl.cli.main import main
from archdsl.emit.memory import is_out_of_memory
from archdsl.errors import EnvError
from tests.cli.conftest import Run

NET = "net conv(4) relu gap linear(classes)\ndata fashion-mini subset(40)\ntrain sgd(0.1) epochs(1)\n"
SAID = "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"


def no_memory(*args: Any, **more: Any) -> NoReturn:
    raise RuntimeError(SAID)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained")
    assert main(["train", NET, "--runs", str(place), "--precision", "plain", "--device", "cpu", "--quiet"]) == 0
    (run,) = place.iterdir()
    return run


@pytest.mark.parametrize(
    ("args", "where"),
    [
        (["train", NET, "--precision", "plain"], "archdsl.train.fit.prepare"),
        (["train", NET, "--precision", "plain"], "archdsl.emit.build.build"),
        (["eval", "RUN"], "archdsl.evaluate.evaluate.predict"),
        (["eval", "RUN"], "archdsl.evaluate.load.viewed"),
        (["predict", "RUN", "x.png"], "archdsl.evaluate.evaluate.predict"),
        (["bench", NET, "--rounds", "1"], "archdsl.export.latency._clock"),
        (["bench", NET, "--rounds", "1"], "archdsl.export.latency.eager"),
        (["export", NET, "x.onnx"], "torch.onnx.export"),
        (["export", NET, "x.pt2"], "torch.export.export"),
        (["export", "RUN", "x.onnx"], "archdsl.export.onnx.gate.onnxruntime.InferenceSession"),
        (["transfer", "RUN", NET], "archdsl.transfer.begin.copy_weights"),
        (["import", "torchvision:squeezenet1_0", "--trace"], "archdsl.importer.gate.build_alike"),
        (["import", "torchvision:squeezenet1_0", "--trace"], "archdsl.importer.trace._fill"),
        (["draw", NET, "--profile", "x.svg"], "archdsl.report.profile.profile"),
    ],
)
def test_every_command(args: list[str], where: str, run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    Image.new("L", (28, 28)).save("x.png")
    module, _, name = where.rpartition(".")
    # The module itself: a package may give a function the name of one of its modules.
    holder = onnxruntime if "onnxruntime" in module else importlib.import_module(module)
    monkeypatch.setattr(holder, name, no_memory)
    done = run(*[str(trained) if a == "RUN" else a for a in args])
    assert (done.code, done.out) == (4, ""), done.err
    assert "not enough memory" in done.err
    assert "help: " in done.err
    assert "internal" not in done.err
    assert not list(Path().glob("x.onnx")) + list(Path().glob("x.pt2"))


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (RuntimeError(SAID), True),
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried"), True),
        (RuntimeError("Placeholder storage has not been allocated on MPS device!"), False),
        (ValueError("x"), False),
    ],
)
def test_what_the_libraries_say(error: Exception, means: bool) -> None:
    assert is_out_of_memory(error) is means


def test_in_the_process_that_imports_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.importer import worker

    monkeypatch.setattr("archdsl.importer.importing.imported", no_memory)
    answer = worker._answer({"shape": None, "name": "N", "path": "n.py", "unused": False})
    assert answer["exit_code"] == EnvError.exit_code
    assert "not enough memory" in answer["error"]
