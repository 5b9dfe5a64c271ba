"""Classes that torch lacks are found by their names: a file is all that a new one needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from archdsl.api import load
from archdsl.emit import layers
from archdsl.emit.build import NAMESPACE, build
from archdsl.emit.classes import sources
from archdsl.emit.source import source
from archdsl.errors import ArchError
from archdsl.files import classes_in
from archdsl.ir.layer import Layer
from archdsl.registry import op
from archdsl.registry.types import Shape
from archdsl.train import optim
from archdsl.train.optim import make
from archdsl.train.optim.make import Optim
from tests.emit.test_source import network
from tests.train.laws import no_word_stays

LAYER = """import torch
from torch import nn


class Doubled(nn.Module):
    def forward(self, x):
        return torch.add(x, x)
"""
OPTIMIZER = """import torch


class Plain(torch.optim.Optimizer):
    of_weights = {of_weights}

    def __init__(self, groups, {more}factor):
        super().__init__(groups, {{"factor": factor}})
        self.places = {places}

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad, alpha=-group["factor"])
"""


@pytest.fixture(autouse=True)
def new_words() -> Iterator[None]:
    with no_word_stays():
        yield


def test_each_class_of_ours_is_there() -> None:
    found = classes_in(Path(layers.__file__).parent)
    assert len(found) > 50
    assert all(issubclass(getattr(layers, name), nn.Module) for name in found)
    assert not hasattr(layers, "Nothing")


def test_the_names_are_known_without_torch() -> None:
    code = "import sys, archdsl.words, archdsl.emit.layers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_layer_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "doubled_layer.py").write_text(LAYER, "utf-8")
    monkeypatch.setattr(layers, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(layers, "__path__", [str(tmp_path)])
    monkeypatch.setitem(sources(), "Doubled", LAYER.split("\n\n\n")[1].strip())  # read from the same files

    @op("conv(8) doubled")
    def doubled(x: Shape) -> Layer:
        """Twice the values."""
        return Layer(out=x, module=lambda nn: nn.Doubled())

    trace = load("conv(8) doubled gap linear(10)", input=(3, 8, 8), classes=10).trace
    model, x = build(trace), torch.randn(2, 3, 8, 8)
    other = network(source(trace))
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(x), model(x))
    monkeypatch.delattr(layers, "Doubled")


def test_a_layer_that_is_nowhere_says_where_it_belongs() -> None:
    @op("conv(8) lost")
    def lost(x: Shape) -> Layer:
        """A module that nobody wrote."""
        return Layer(out=x, module=lambda nn: nn.Lost())

    trace = load("conv(8) lost gap linear(10)", input=(3, 8, 8), classes=10).trace
    with pytest.raises(ArchError, match="no module class is called `Lost`") as refused:
        build(trace)
    assert "archdsl/emit/layers" in refused.value.help
    assert not hasattr(NAMESPACE, "Lost")


@pytest.mark.parametrize("of_weights", [True, False])
def test_an_optimizer_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_weights: bool) -> None:
    text = OPTIMIZER.format(
        of_weights=of_weights, more="weights, " * of_weights, places="weights" if of_weights else "()"
    )
    (tmp_path / f"plain_{of_weights}.py").write_text(text, "utf-8")
    monkeypatch.setattr(make, "__file__", str(tmp_path / "make.py"))
    monkeypatch.setattr(optim, "__path__", [str(tmp_path)])
    net = nn.Linear(3, 2, bias=False)
    before = net.weight.detach().clone()
    made: Any = Optim(net, torch.device("cpu"), held=False).Plain([{"params": [net.weight], "lr": 0.1}], factor=0.5)
    net.weight.grad = torch.ones_like(net.weight)
    made.step()
    assert torch.equal(net.weight, before - 0.5)
    assert [w.value is net.weight for w in made.places] == [True] * of_weights


def test_an_optimizer_that_is_nowhere_says_where_it_belongs() -> None:
    own = Optim(nn.Linear(3, 2), torch.device("cpu"), held=False)
    with pytest.raises(ArchError, match="no optimiser is called `Lost`") as refused:
        own.Lost([])
    assert "archdsl/train/optim" in refused.value.help
    assert not hasattr(own, "Lost")
    assert {type(own.Lion([nn.Parameter(torch.ones(1))], betas=(0.9, 0.99))).__name__} == {"Lion"}
    assert own.lr_scheduler is torch.optim.lr_scheduler
    with pytest.raises(ArchError):
        own.Update([])  # a class of this folder that is not an optimiser


def test_two_classes_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.py").write_text("class Same:\n    pass\n", "utf-8")
    with pytest.raises(RuntimeError, match="both have a class Same"):
        classes_in(tmp_path)
