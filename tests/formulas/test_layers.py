"""Formulas (15) to (18): normalisation, residual nets and ODEs.

Each formula of docs/formulas.md is computed in numpy and compared with what the word of a text does. Where a word draws at
random, the test reads the mask or the weight that was drawn, and computes the rest.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from archdsl.api import load
from archdsl.emit.build import build
from tests.formulas.common import RNG, Array, layer, same, tensor


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
        ("solver=rk4, steps=200", 1.0, 1e-9),
        ("t=2, rtol=1e-10, atol=1e-10", 2.0, 1e-8),
        ("rtol=1e-10, atol=1e-10, adjoint", 1.0, 1e-8),
    ):
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
