"""One exported file for many questions, and models whose weights hide nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from archdsl.api import Spec, load
from archdsl.emit.build import build
from archdsl.emit.inputs import random_inputs
from archdsl.laws.files import functions_read_once, shake
from archdsl.registry.shapes import batch_of
from archdsl.runs.run import FORMAT

SPEC = "stem: conv(8) bn relu conv(8) gn(4) relu drop(0.5) add(id | conv(8) droppath(0.2)) gap head: linear(10)"


@pytest.fixture(scope="session")
def one_registry() -> Iterator[None]:
    """Most of the time of a small export is spent once for all that use this."""
    pytest.importorskip("onnx")
    with functions_read_once():
        yield


@pytest.fixture
def threads() -> Iterator[None]:
    """Torch has as many threads after a test as before it."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def lively(model: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """A shaken model in eval mode whose batch norms have seen images: fresh statistics let next to nothing of an image
    through fifty layers, and then any two graphs would agree. Without batch norm the weights are He's (2015), which keep
    the scale of an image."""
    shake(model)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    for module in model.modules():
        if not norms and isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        model.train()(random_inputs(batch_of(shape, 4), torch.Generator().manual_seed(2)))
    return model.eval()


@pytest.fixture
def shaken() -> Callable[[nn.Module], nn.Module]:
    return shake


def untrained(folder: Path, text: str) -> Path:
    """What a run of a text on Fashion-MNIST leaves, with weights that hide nothing."""
    folder.mkdir()
    (folder / "spec.arch").write_text(text)
    about = {
        "format": FORMAT,
        "name": "run",
        "hash": "0" * 16,
        "identity": "0" * 64,
        "classes": list("abcdefghij"),
        "data": {"input": [1, 28, 28]},
        "normalise": {"mean": [0.25], "std": [0.5]},
    }
    (folder / "settings.json").write_text(json.dumps(about))
    (folder / "versions.json").write_text("{}")
    save_file(dict(shake(build(load(text).trace)).state_dict()), folder / "model.safetensors")
    return folder


@pytest.fixture
def lived() -> Callable[[nn.Module, tuple[int, ...]], nn.Module]:
    return lively


@pytest.fixture
def made() -> Callable[..., tuple[Spec, nn.Module]]:
    def make(text: str, shape: tuple[int, ...] = (3, 16, 16)) -> tuple[Spec, nn.Module]:
        spec = load(text, input=shape, classes=10)
        return spec, shake(build(spec.trace))

    return make


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, one_registry: None) -> SimpleNamespace:
    """The net of SPEC in training mode, exported once; ``state`` is a copy of its state from before."""
    pytest.importorskip("onnx")
    from archdsl.export.deploy import Form
    from archdsl.export.onnx import export

    spec = load(SPEC, input=(3, 16, 16), classes=10)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)  # the same weights whichever tests ran before: eight bits suit some random nets better
        model = shake(build(spec.trace))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    path: Path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    report = export(model, path, Form(spec.input, 10), metadata={"archdsl.spec": spec.canonical})
    return SimpleNamespace(spec=spec, model=model, state=state, path=path, report=report)
