"""What the tests of the formulas share: settings and layers from a text, and comparison in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.settings.experiment import DataSettings, TrainSettings

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
Array = np.ndarray[Any, Any]


def train_settings(words: str) -> TrainSettings:
    return experiment_of(load(f"net gap linear(10)\ndata fashion-mini\ntrain {words}"), checked=False).train


def data_settings(words: str) -> DataSettings:
    return experiment_of(load(f"net gap linear(10)\ndata fashion-mini {words}"), checked=False).data


def layer(net: str, name: str, shape: tuple[int, ...] = (3, 8, 8)) -> nn.Module:
    """A layer of a network, in float64."""
    torch.manual_seed(0)
    return build(load(f"net {net}", input=shape, classes=10).trace).double().get_submodule(name)


def tensor(*shape: int) -> torch.Tensor:
    return torch.from_numpy(RNG.standard_normal(shape))


def same(ours: torch.Tensor, expected: Array | float, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
