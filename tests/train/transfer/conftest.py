"""Small nets, their state dicts and files of weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from archdsl.emit.build import build
from archdsl.ir.trace import Trace
from archdsl.train.init import initialise
from archdsl.transfer.read import Weights, keys, trace_of

Made = tuple[nn.Module, Trace]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights, no cache and no network but what the test makes."""
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    monkeypatch.delenv("ARCHDSL_WEIGHTS", raising=False)


def made(net: str, seed: int = 0, input: str = "3x16x16", classes: int = 10) -> Made:
    """A net with weights of a seed, batch norm's statistics shaken, in eval mode."""
    trace = trace_of(f"input {input}\nclasses {classes}\nnet {net}\n")
    model = build(trace)
    initialise(model, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(torch.rand(value.shape, generator=generator) + (0.5 if "var" in name else 0.1))
    return model.eval(), trace


def weights(made: Made, source: str = "old", known: bool = True) -> Weights:
    """What a source of this net would hold; `known` where it says how the net is wired."""
    model, trace = made
    state = model.state_dict()
    return Weights(source, {n: state[n] for n in keys(trace)}, "0" * 16, (), trace if known else None)


def logits(model: nn.Module, input: tuple[int, ...] = (3, 16, 16)) -> Tensor:
    """Those of two random images."""
    with torch.no_grad():
        return model.eval()(torch.randn(2, *input, generator=torch.Generator().manual_seed(5)))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Writes an object as torch.save does."""

    def save(value: object, name: str = "weights.pth") -> Path:
        torch.save(value, tmp_path / name)
        return tmp_path / name

    return save
