"""Folding changes how a network is written, not what it answers."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.emit.layers import ScaledStdConv2d, StdConv2d
from archdsl.export.alive import enliven
from archdsl.export.fold import fold, merge
from archdsl.train.optim.spred import reparametrise

SHAPE = (3, 12, 12)
Lively = Callable[[nn.Module, tuple[int, ...]], nn.Module]

# A text, and how many of its batch norms go into the layer before them.
NETS = {
    "conv(8) bn relu conv(8) bn(zero) gap linear(10)": 2,
    "conv(8) bn(affine=false) gap linear(10)": 1,
    "conv(8) bn(eps=1e-2) relu gap linear(10) bn": 2,
    "upconv(8) bn relu gap linear(10)": 1,
    "dwconv(3) bn relu conv(8, groups=1) bn gap linear(10)": 2,
    "bn conv(8) relu bn gap linear(10)": 0,  # nothing before it that could take it
    "conv(8) as a bn relu add(id | @a) gap linear(10)": 0,  # what comes before it is read again
    "conv(8) bn as a relu add(id | @a) gap linear(10)": 1,
    "conv(8) shared(conv(8) bn relu, 3) gap linear(10)": 1,
    "conv(8) ode(conv(8) bn tanh conv(8) bn, solver=rk4, steps=2) gap linear(10)": 2,
    "dropconnect(conv(8) bn relu, 0.3) gap linear(10)": 1,
    "conv(8, ws=standard) bn relu conv(8, ws=scaled) gap linear(10)": 1,
    "plain[8x2,16x2] +res": 10,
    "mobilenetv2[8x1,16x2]": 9,
}


def images(count: int = 5) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(0))


def norms(model: nn.Module) -> int:
    return sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())


@pytest.mark.parametrize("text", NETS)
def test_equal_answers(text: str, lived: Lively) -> None:
    model = lived(build(load(text, input=SHAPE, classes=10).trace), SHAPE)
    folded = copy.deepcopy(model)
    count = fold(folded)
    assert count == norms(model) - norms(folded) == NETS[text]
    assert not [m for m in folded.modules() if isinstance(m, StdConv2d | ScaledStdConv2d)]
    with torch.no_grad():
        wanted, given = model(images()), folded(images())
    assert (wanted - wanted[:1]).abs().max() > 1e-3 * wanted.abs().max()  # the answers depend on the images
    assert (given - wanted).abs().max() <= 5e-6 * wanted.abs().max()


def test_in_training_mode_nothing_is_folded() -> None:
    model = build(load("conv(8) bn relu gap linear(10)", input=SHAPE, classes=10).trace)
    assert fold(model) == 0
    assert norms(model) == 1


def test_products_become_weights(lived: Lively) -> None:
    model = lived(build(load("conv(8) bn relu gap linear(10)", input=SHAPE, classes=10).trace), SHAPE)
    keys = list(model.state_dict())
    with torch.no_grad():
        wanted = model(images())
        reparametrise(model)
        merge(model)
        assert sorted(model.state_dict()) == sorted(keys)
        torch.testing.assert_close(model(images()), wanted)


@pytest.mark.parametrize(
    "text",
    [
        "dropconnect(conv(8) bn relu, 0.5) gap linear(10)",
        "dropconnect(conv(8, ws=standard) relu, 0.5) gap linear(10)",
        "conv(8) bn drop(0.5) gap linear(10)",
    ],
)
def test_with_dropout_alive_the_same_draws_give_the_same_answers(text: str, lived: Lively) -> None:
    model = lived(build(load(text, input=SHAPE, classes=10).trace), SHAPE)
    enliven(model)
    folded = copy.deepcopy(model)
    fold(folded)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(3)
        wanted = model(images())
        torch.manual_seed(3)
        torch.testing.assert_close(folded(images()), wanted)
        assert not torch.equal(model(images()), wanted)
