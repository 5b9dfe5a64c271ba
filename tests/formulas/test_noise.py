"""Formulas (10) to (14): dropout and its kin.

Each formula of docs/formulas.md is computed in numpy and compared with what the word of a text does. Where a word draws at
random, the test reads the mask or the weight that was drawn, and computes the rest.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.evaluate.mc import alive, predict
from tests.formulas.common import Array, layer, log_softmax, same, tensor


def kept_fraction(kept: Array, p: float) -> None:
    """Of independent draws, within five standard deviations."""
    assert kept.mean() == pytest.approx(1 - p, abs=5 * np.sqrt(p * (1 - p) / kept.size))


def test_formula_10_dropout() -> None:
    drop = layer("conv(8) drop(0.3) gap linear(10)", "drop")
    x = tensor(50, 8, 8, 8)
    out = drop(x.clone())  # it may work in place
    kept = (out != 0).numpy()
    same(out, x.numpy() * kept / (1 - 0.3))
    kept_fraction(kept, 0.3)
    same(drop.eval()(x), x.numpy())


def test_formula_11_spatial_dropout() -> None:
    spatial = layer("conv(8) spatial(0.3) gap linear(10)", "spatial")
    x = tensor(200, 8, 4, 4)
    out = spatial(x.clone())
    kept = (out != 0).numpy()
    assert (kept == kept[:, :, :1, :1]).all(), "channels go as a whole"
    same(out, x.numpy() * kept / (1 - 0.3))
    kept_fraction(kept[:, :, 0, 0], 0.3)


def test_formula_11_dropblock() -> None:
    p, size, side = 0.2, 3, 8
    block = layer(f"conv(4) dropblock({p}, {size}) gap linear(10)", "dropblock")
    x = tensor(300, 4, side, side)
    inner = side - size + 1
    gamma = p / size**2 * side**2 / inner**2
    torch.manual_seed(1)
    out = block(x)
    torch.manual_seed(1)
    corners = x.new_empty(300, 4, inner, inner).bernoulli_(gamma).numpy()  # the draws of the layer
    kept = np.ones(x.shape)
    for n, c, i, j in zip(*np.nonzero(corners), strict=True):
        kept[n, c, i : i + size, j : j + size] = 0
    same(out, x.numpy() * kept * kept.size / kept.sum())
    assert corners.mean() == pytest.approx(gamma, rel=0.1)


def test_formula_12_dropconnect() -> None:
    connect = layer("flatten dropconnect(linear(10), 0.4)", "dropconnect", (1, 2, 3))
    state = {name.rpartition(".")[2]: value.detach().numpy() for name, value in connect.named_parameters()}
    x = tensor(5, 6)
    torch.manual_seed(3)
    out = connect(x)
    torch.manual_seed(3)
    kept = (nn.functional.dropout(torch.ones(10, 6, dtype=torch.float64), 0.4) > 0).numpy()  # the draws of the layer
    same(out, x.numpy() @ (state["weight"] * kept / (1 - 0.4)).T + state["bias"])
    assert 0 < kept.sum() < 60
    same(connect.eval()(x), x.numpy() @ state["weight"].T + state["bias"])


def test_formula_13_stochastic_depth() -> None:
    path = layer("conv(4) add(id | conv(4) droppath(0.4)) gap linear(10)", "add.droppath")
    x = tensor(2000, 4, 2, 2)
    out = path(x)
    kept = (out != 0).numpy().any((1, 2, 3))
    same(out, x.numpy() * kept[:, None, None, None] / (1 - 0.4))
    kept_fraction(kept, 0.4)
    rows = load("net resnet[8x4] +droppath(0.2)", input=(3, 8, 8), classes=10).trace.rows
    rates = [row.op.args[0] for row in rows if row.op.name == "droppath"]
    np.testing.assert_allclose(rates, [block / 4 * 0.2 for block in (1, 2, 3, 4)])


def test_formula_14_mc_dropout() -> None:
    torch.manual_seed(0)
    text = "net flatten linear(30) relu drop(0.5) linear(10)"
    model = build(load(text, input=(1, 3, 3), classes=10).trace).double().eval()
    x, passes = tensor(6, 1, 3, 3), 25
    with torch.no_grad(), alive(model):
        torch.manual_seed(5)
        found = predict(model, x, passes)
        torch.manual_seed(5)
        probs = np.stack([np.exp(log_softmax(model(x).numpy())) for _ in range(passes)])  # (passes, 6, 10)
    mean = probs.mean(0)
    entropy = -(mean * np.log(mean)).sum(1)
    assert found.information is not None
    same(found.probs, mean)
    same(found.entropy, entropy)
    same(found.information, entropy + (probs * np.log(probs)).sum(2).mean(0))
