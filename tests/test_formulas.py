"""The numbered formulas of docs/formulas.md: each computed in numpy, and compared with what the word of a text does.

Numbers are float64 where the word keeps them. Where a word draws at random, the test reads the mask or the weight that was
drawn, and computes the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archdsl.api import experiment_of, load
from archdsl.data.augment import augment, mix
from archdsl.data.augment.draws import Draws
from archdsl.emit.build import build
from archdsl.evaluate.mc import alive, predict
from archdsl.runs.events import EpochDone
from archdsl.settings.experiment import DataSettings, TrainSettings
from archdsl.train.early_stopping import EarlyStopping
from archdsl.train.loss import loss
from archdsl.train.optim import Update, reparametrise

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "formulas.md").read_text("utf-8")
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


# -- images and targets ---------------------------------------------------------------------------------------


def mixed_loss(logits: torch.Tensor, target: Any, weight: float, labels: Array) -> None:
    """The loss of mixed images is the cross-entropy with mixed one-hot targets."""
    onehot = np.eye(10)[labels]
    soft = weight * onehot + (1 - weight) * np.roll(onehot, 1, 0)
    same(loss(logits, target), -(soft * log_softmax(logits.numpy())).sum(1).mean(), 1e-6)  # λ is float32


def test_formula_01_mixup() -> None:
    words = data_settings("mixup(0.4)").augment
    x, labels = tensor(8, 3, 4, 4), torch.arange(8)
    mixed, target = mix(x, labels, words, Draws(0, CPU), 1)
    weight = float(target.share)
    same(mixed, weight * x.numpy() + (1 - weight) * np.roll(x.numpy(), 1, 0), 1e-6)
    mixed_loss(tensor(8, 10), target, weight, labels.numpy())
    weights = [float(mix(x, labels, words, Draws(0, CPU), step)[1].share) for step in range(4000)]
    assert np.mean(weights) == pytest.approx(0.5, abs=0.03), "the mean of Beta(α, α)"
    assert np.var(weights) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01), "its variance, 1 / (4·(2α + 1))"


def test_formula_02_cutmix() -> None:
    words = data_settings("cutmix(1)").augment
    x, labels = tensor(8, 3, 10, 12), torch.arange(8)
    for step in range(20):
        mixed, target = mix(x, labels, words, Draws(0, CPU), step)
        own = (mixed == x).all(1).all(0).numpy()  # (10, 12): which pixels stayed
        rows, columns = np.flatnonzero(~own.all(1)), np.flatnonzero(~own.all(0))
        if len(rows):
            box = np.zeros((10, 12), bool)
            box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
            assert (box == ~own).all(), "what changed is one box"
        same(mixed, np.where(own, x.numpy(), np.roll(x.numpy(), 1, 0)))
        assert float(target.share) == pytest.approx(own.mean(), abs=1e-6)
        mixed_loss(tensor(8, 10), target, own.mean(), labels.numpy())


def test_formula_03_label_smoothing() -> None:
    smooth = train_settings("adam smooth(0.1)").smooth
    logits, labels = tensor(6, 10), torch.arange(6)
    soft = (1 - 0.1) * np.eye(10)[:6] + 0.1 / 10
    target = mix(tensor(6, 1, 2, 2), labels, (), Draws(0, CPU), 0)[1]
    same(loss(logits, target, smooth), -(soft * log_softmax(logits.numpy())).sum(1).mean())


def test_formula_03_additive_brightness() -> None:
    words = data_settings("brightness(0.2, additive)").augment
    x = torch.from_numpy(RNG.integers(60, 196, (500, 1, 4, 4), np.uint8))  # nothing is cut off at 0 or 255
    added = augment(x, words, Draws(0, CPU), 0).numpy().astype(float) - x.numpy()
    constant = added[:, 0, 0, 0]
    assert (added == constant[:, None, None, None]).all(), "one constant for an image"
    assert np.abs(constant).max() <= 0.2 * 255
    assert constant.mean() == pytest.approx(0, abs=3 * 0.2 * 255 / np.sqrt(3 * 500)), "of a uniform distribution"
    assert constant.std() == pytest.approx(0.2 * 255 / np.sqrt(3), rel=0.06)
    bright = augment(torch.full_like(x, 250), words, Draws(0, CPU), 0).numpy().astype(float)
    assert (bright == np.clip(250 + constant, 0, 255)[:, None, None, None]).all()


def test_formula_03_additive_noise() -> None:
    noise = layer("noise(0.3) gap linear(10)", "noise")
    x = tensor(200, 3, 8, 8)
    drawn = (noise(x) - x).numpy()
    assert drawn.mean() == pytest.approx(0, abs=5 * 0.3 / np.sqrt(drawn.size))
    assert drawn.std() == pytest.approx(0.3, rel=0.01)
    same(noise.eval()(x), x.numpy())


# -- what ends a run ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "power", "eps"), [("converged(1e-4, squared)", 2, 1e-4), ("converged(1e-3)", 1, 1e-3)]
)
def test_formula_04_early_stopping(words: str, power: int, eps: float) -> None:
    losses = 0.3 + 2 * 0.7 ** np.arange(60)
    changes = np.abs(np.diff(losses)) ** power
    expected = int(np.flatnonzero(changes < eps)[0]) + 2  # epochs count from 1, and a change needs two
    stopping = EarlyStopping(train_settings(f"adam epochs(100) {words}"))
    ended = 0
    for epoch, value in enumerate(losses, 1):
        stopping.follow(EpochDone(epoch, epoch, float(value), 0.5, None, None, 0.1, 1.0, 1.0))
        if stopping.why:
            ended = epoch
            break
    assert ended == expected


# -- penalties and decay --------------------------------------------------------------------------------------


class Quadratic(nn.Module):
    """½·‖w - z‖² over a matrix with zeros in it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3, bias=False).double()
        self.z = torch.from_numpy(np.linspace(-1.5, 1.5, 12).reshape(3, 4))
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(np.linspace(0.9, -0.9, 12).reshape(3, 4)))
            self.linear.weight[0] = 0.0

    def forward(self) -> torch.Tensor:
        return 0.5 * (self.linear.weight - self.z).square().sum()


def weights_after(words: str, steps: int) -> Array:
    settings, model = train_settings(words), Quadratic()
    if settings.spred:
        reparametrise(model)
    update = Update(model, settings)
    for _ in range(steps):
        update.zero()
        model().backward()
        update.apply()
    return model.linear.weight.detach().numpy().copy()


def by_rule(rule: Callable[[Array, Array, int], Array], steps: int) -> Array:
    """The same by a rule: new weights from weights, gradient and the step counted from 1."""
    start = Quadratic()
    w, z = start.linear.weight.detach().numpy().copy(), start.z.numpy()
    for t in range(1, steps + 1):
        w = rule(w, w - z, t)
    return w


def test_formula_05_l2_penalty() -> None:
    expected = by_rule(lambda w, g, _: w - 0.1 * (g + 0.05 * w), 7)
    np.testing.assert_allclose(weights_after("sgd(0.1, momentum=0) l2(0.05)", 7), expected, rtol=1e-12)


def test_formula_06_l1_penalty() -> None:
    expected = by_rule(lambda w, g, _: w - 0.1 * (g + 0.05 * np.sign(w)), 7)
    np.testing.assert_allclose(weights_after("sgd(0.1, momentum=0) l1(0.05)", 7), expected, rtol=1e-12)


def test_formula_07_spred() -> None:
    """Plain gradients of a·b with decay on both end at the minimum of the L1 penalty, the soft threshold."""
    z, rate = np.linspace(-1.5, 1.5, 12).reshape(3, 4), 0.3
    soft = np.sign(z) * np.maximum(np.abs(z) - rate, 0)
    np.testing.assert_allclose(weights_after(f"sgd(0.1, momentum=0) spred({rate})", 4000), soft, atol=1e-8)
    a = np.linspace(0.01, 5, 200_000)  # the identity behind it: the least of (a² + b²)/2 with a·b = w is |w|
    for w in (-1.3, 0.4, 2.0):
        assert ((a**2 + (w / a) ** 2) / 2).min() == pytest.approx(abs(w), rel=1e-8)


def test_formula_08_group_lasso() -> None:
    def rule(w: Array, g: Array, _: int) -> Array:
        norms = np.sqrt((w**2).sum(1, keepdims=True))
        return w - 0.1 * (g + 0.05 * np.sqrt(4) * np.divide(w, norms, out=np.zeros_like(w), where=norms > 0))

    found = weights_after("sgd(0.1, momentum=0) grouplasso(0.05)", 7)
    np.testing.assert_allclose(found, by_rule(rule, 7), rtol=1e-12)


def test_formula_09_decoupled_weight_decay() -> None:
    """Equal to the L2 penalty under SGD; under Adam both follow rules of their own, which differ."""
    coupled, decoupled = (weights_after(f"sgd(0.1, momentum=0) {word}(0.05)", 7) for word in ("l2", "wd"))
    np.testing.assert_allclose(decoupled, coupled, rtol=1e-12)
    moments: dict[str, Any] = {}

    def adam(w: Array, g: Array, t: int) -> Array:
        if t == 1:
            moments.update(m=0.0, v=0.0)
        moments["m"] = 0.9 * moments["m"] + 0.1 * g
        moments["v"] = 0.999 * moments["v"] + 0.001 * g * g
        return w - 0.1 * (moments["m"] / (1 - 0.9**t)) / (np.sqrt(moments["v"] / (1 - 0.999**t)) + 1e-8)

    shrunk = by_rule(lambda w, g, t: adam(w, g, t) - 0.1 * 0.05 * w, 7)
    through = by_rule(lambda w, g, t: adam(w, g + 0.05 * w, t), 7)
    np.testing.assert_allclose(weights_after("adam(0.1) wd(0.05)", 7), shrunk, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weights_after("adam(0.1) l2(0.05)", 7), through, rtol=1e-9, atol=1e-12)
    assert np.abs(shrunk - through).max() > 1e-3


# -- dropout and its kin --------------------------------------------------------------------------------------


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


# -- normalisation --------------------------------------------------------------------------------------------


def normalised(x: Array, axes: tuple[int, ...]) -> Array:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def scaled(module: nn.Module) -> tuple[Array, Array]:
    """Random scales and shifts, (C, 1, 1), put into a layer."""
    gamma, beta = RNG.standard_normal(6), RNG.standard_normal(6)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(gamma))  # type: ignore[operator]
        module.bias.copy_(torch.from_numpy(beta))  # type: ignore[operator]
    return gamma[:, None, None], beta[:, None, None]


def test_formula_15_batch_normalisation() -> None:
    bn = layer("conv(6) bn gap linear(10)", "bn")
    gamma, beta = scaled(bn)
    mean, variance = np.zeros(6), np.ones(6)
    for _ in range(5):
        x = 2 + 3 * tensor(7, 6, 4, 4)
        same(bn(x), gamma * normalised(x.numpy(), (0, 2, 3)) + beta)
        mean = 0.9 * mean + 0.1 * x.numpy().mean((0, 2, 3))
        variance = 0.9 * variance + 0.1 * x.numpy().var((0, 2, 3), ddof=1)
    same(bn.running_mean, mean)  # type: ignore[arg-type]
    same(bn.running_var, variance)  # type: ignore[arg-type]
    x = tensor(3, 6, 4, 4)
    centred = (x.numpy() - mean[:, None, None]) / np.sqrt(variance[:, None, None] + 1e-5)
    same(bn.eval()(x), gamma * centred + beta)


def test_formula_16_layer_instance_and_group_normalisation() -> None:
    x = 2 + 3 * tensor(7, 6, 4, 4)
    groups = x.numpy().reshape(7, 3, 2, 4, 4)
    for word, name, expected in (
        ("in", "in_", normalised(x.numpy(), (2, 3))),
        ("gn(3)", "gn", normalised(groups, (2, 3, 4)).reshape(x.shape)),
        ("gn(1)", "gn", normalised(x.numpy(), (1, 2, 3))),
    ):
        module = layer(f"conv(6) {word} gap linear(10)", name)
        gamma, beta = scaled(module)
        same(module(x), gamma * expected + beta)
    module = layer("conv(6) ln gap linear(10)", "ln")
    gamma, beta = scaled(module)
    centred = (x.numpy() - x.numpy().mean(1, keepdims=True)) / np.sqrt(x.numpy().var(1, keepdims=True) + 1e-6)
    same(module(x), gamma * centred + beta)


# -- residual nets and ODEs -----------------------------------------------------------------------------------


def test_formula_17_residual_block_and_its_gradient() -> None:
    """y = x + f(x), and the gradient at x is that at y times I + ∂f/∂x; of L blocks the product of all."""
    torch.manual_seed(0)
    text = "net flatten (res(linear(6) tanh linear(6)))*3 linear(10)"
    model = build(load(text, input=(1, 2, 3), classes=10).trace).double()
    given, x = RNG.standard_normal(6), tensor(1, 1, 2, 3).requires_grad_()
    seen: list[torch.Tensor] = []
    model.get_submodule("linear").register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    model(x)
    (seen[0] @ torch.from_numpy(given)).sum().backward()
    weights = [p.detach().numpy() for p in model.parameters()]  # of the blocks, then of the head
    y, jacobian = x.detach().numpy().reshape(6), np.eye(6)
    for first, shift, second, more in (weights[n : n + 4] for n in (0, 4, 8)):
        inner = np.tanh(first @ y + shift)
        jacobian = (np.eye(6) + second @ np.diag(1 - inner**2) @ first) @ jacobian
        y = y + second @ inner + more
    same(seen[0][0], y)
    assert x.grad is not None
    same(x.grad.reshape(6), given @ jacobian)


def exponential(a: Array) -> Array:
    """The matrix exponential by its series."""
    total = term = np.eye(len(a))
    for n in range(1, 40):
        term = term @ a / n
        total = total + term
    return total


def test_formula_18_neural_ode() -> None:
    """dx/dt = A·x has the solution exp(A·t)·x; one step of Euler is a residual block."""
    x = tensor(5, 4)
    for words, t, tolerance in (
        ("solver=rk4, steps=200", 1.0, 1e-9), ("t=2, rtol=1e-10, atol=1e-10", 2.0, 1e-8),
        ("rtol=1e-10, atol=1e-10, adjoint", 1.0, 1e-8),
    ):  # fmt: skip
        ode = layer(f"flatten ode(linear(4, bias=false), {words}) linear(10)", "ode", (1, 2, 2))
        (weight,) = (p.detach().numpy() for p in ode.parameters())
        same(ode(x), x.numpy() @ exponential(weight * t).T, tolerance)
    one = layer("flatten ode(linear(4, bias=false), solver=euler, steps=1) linear(10)", "ode", (1, 2, 2))
    same(one(x), x.numpy() + x.numpy() @ next(one.parameters()).detach().numpy().T)


def test_formula_18_a_function_of_the_time() -> None:
    """dx/dt = A·x + b·t, from the last column of f's weight, by its series: x(1) = exp(A)·x + Σ Aⁿ·b / (n + 2)!."""
    ode = layer("flatten ode(linear(4, bias=false), time, solver=rk4, steps=200) linear(10)", "ode", (1, 2, 2))
    weight = next(ode.parameters()).detach().numpy()
    a, b = weight[:, :4], weight[:, 4]
    drift, term = np.zeros(4), b / 2
    for n in range(40):
        drift, term = drift + term, a @ term / (n + 3)
    x = tensor(5, 4)
    same(ode(x), x.numpy() @ exponential(a).T + drift, 1e-9)


# -- the page -------------------------------------------------------------------------------------------------


def test_the_page_has_every_formula_and_names_tests_that_exist() -> None:
    own = {name for name in globals() if name.startswith("test_formula_")}
    assert [int(n) for n in re.findall(r"(?m)^## \((\d+)\) ", PAGE)] == list(range(1, 19))
    for section in re.split(r"(?m)^## ", PAGE)[1:]:
        number = re.match(r"\((\d+)\)", section)
        named = set(re.findall(r"test_formula_\w+", section))
        if number:
            assert named, section[:40]
            assert all(name.startswith(f"test_formula_{int(number[1]):02}_") for name in named)
            assert "$$" in section
            assert re.search(r"arXiv:\d{4}\.\d{4,5}|\(before arXiv\)", section), section[:40]
    assert set(re.findall(r"test_formula_\w+", PAGE)) == own
