"""Networks as arguments: shared weights and neural ODEs."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from archdsl.emit import layers
from archdsl.emit.build import build
from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.ir.cost import cost, evaluations
from archdsl.ir.trace import Trace
from archdsl.syntax.parse import parse
from archdsl.train.scores import Evaluations


def trace_of(text: str) -> Trace:
    return complete(expand(parse(text)), (3, 32, 32), 10).trace


class Scaled(nn.Module):
    """dx/dt = a·x, with a count of its evaluations."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a, self.calls = nn.Parameter(torch.tensor(a, dtype=torch.float64)), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.a * x


# The first terms of the exponential series: a solver of order n gets n + 1 of them right in one step.
@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_one_step_has_the_order_of_its_solver(solver: str, order: int) -> None:
    x = layers.Ode(Scaled(0.7), solver=solver, steps=1)(torch.ones(1, 1, dtype=torch.float64))
    assert x.item() == pytest.approx(sum(0.7**i / math.factorial(i) for i in range(order + 1)), rel=1e-12)


@pytest.mark.parametrize("solver", ["euler", "midpoint", "rk4", "dopri5"])
def test_solvers_approach_the_exponential(solver: str) -> None:
    x = layers.Ode(Scaled(-1.0), t=2.0, solver=solver, steps=400)(torch.ones(2, 3, dtype=torch.float64))
    torch.testing.assert_close(x, torch.full((2, 3), math.exp(-2), dtype=torch.float64), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(("solver", "calls"), [("euler", 3), ("midpoint", 6), ("rk4", 12)])
def test_evaluations_are_those_counted(solver: str, calls: int) -> None:
    f = Scaled(0.1)
    layers.Ode(f, solver=solver, steps=3)(torch.ones(1, 1, dtype=torch.float64))
    assert f.calls == calls
    one = trace_of("conv(8) conv(8)").rows[1].layer.macs
    assert trace_of(f"conv(8) ode(conv(8), solver={solver}, steps=3)").rows[1].layer.macs == calls * one


class Ramp(nn.Module):
    """dx/dt = 3·t², from the time that arrives behind the state."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 3 * x[:, -1:] ** 2


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"solver": "euler", "steps": 100}, 0.2),
        ({"solver": "midpoint", "steps": 100}, 1e-3),
        ({"solver": "rk4", "steps": 2}, 1e-12),
        ({"rtol": 1e-9, "atol": 1e-9}, 1e-6),
        ({"rtol": 1e-9, "atol": 1e-9, "adjoint": True}, 1e-6),
    ],
)
def test_a_network_that_sees_the_time_is_integrated_over_it(settings: dict[str, Any], error: float) -> None:
    """The integral of 3·t² from 0 to 2 is 8; rk4 is Simpson's rule here, which is exact for cubes."""
    x = torch.ones(4, 1, dtype=torch.float64)
    found = layers.Ode(Ramp(), t=2.0, time=True, **settings)(x)
    assert (found - 9).abs().max().item() < error


@pytest.mark.parametrize("shape", [(5, 7, 7), (6, 5), (5,)], ids=["image", "tokens", "vector"])
def test_the_time_is_one_channel_more(shape: tuple[int, ...]) -> None:
    given: list[torch.Tensor] = []

    def slope(x: torch.Tensor) -> torch.Tensor:
        given.append(x)
        return torch.zeros(2, *shape)

    layers.Ode(slope, t=3.0, solver="euler", steps=2, time=True)(torch.rand(2, *shape))  # type: ignore[arg-type]
    dim = 1 if len(shape) == 3 else -1
    assert [x.select(dim, -1).unique().tolist() for x in given] == [[0.0], [1.5]]
    assert all(x.shape[dim] == 6 for x in given)


def test_the_time_is_counted() -> None:
    plain, timed = (trace_of(f"conv(8) ode(conv(8) tanh conv(8){more}, solver=rk4)") for more in ("", ", time"))
    assert cost(timed).params - cost(plain).params == 8 * 9
    assert cost(timed).macs - cost(plain).macs == 16 * 8 * 9 * 32 * 32
    assert cost(timed).activations - cost(plain).activations == 16 * 9 * 32 * 32
    assert evaluations(timed) == evaluations(plain) == 16
    assert evaluations(trace_of("conv(8) shared(ode(conv(8), solver=midpoint, steps=3), 2)")) == 12
    assert evaluations(trace_of("conv(8)")) == 0


@pytest.mark.parametrize(("solver", "calls"), [("solver=rk4, steps=3", 12), ("rtol=1e-3", 14)])
def test_evaluations_are_measured(solver: str, calls: int) -> None:
    model = build(trace_of(f"conv(8) ode(conv(8) tanh conv(8), {solver})"))
    with torch.no_grad(), Evaluations(model) as count:
        for _ in range(2):
            model(torch.rand(2, 3, 32, 32))
    assert count.mean == calls
    model(torch.rand(2, 3, 32, 32))
    assert count.mean == calls, "nothing is counted behind it"


@pytest.mark.parametrize("adjoint", [False, True])
def test_dopri5_is_counted_as_the_two_steps_that_it_takes(adjoint: bool) -> None:
    trace = trace_of(f"conv(8) ode(conv(8) tanh conv(8){', adjoint' if adjoint else ''})")
    ode = build(trace).get_submodule("ode")
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    ode.get_submodule("f").register_forward_hook(count)
    with torch.no_grad():
        ode(torch.randn(4, 8, 32, 32, generator=torch.Generator().manual_seed(0)))
    one = trace_of("conv(8) conv(8) conv(8)").rows[1:3]
    assert calls == 14
    assert trace.rows[1].layer.macs == calls * sum(r.layer.macs for r in one)


@pytest.mark.parametrize(("t", "tolerance"), [(0.01, 1e-3), (1.0, 1e-3), (20.0, 1e-6)])
def test_dopri5_evaluates_twice_and_six_times_a_step(t: float, tolerance: float) -> None:
    f = Scaled(1.0)
    layers.Ode(f, t=t, rtol=tolerance, atol=tolerance)(torch.ones(1, 1, dtype=torch.float64))
    assert f.calls % 6 == 2


def test_both_gradients_agree() -> None:
    def gradients(adjoint: bool) -> tuple[torch.Tensor, ...]:
        f, x = Scaled(0.5), torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
        layers.Ode(f, rtol=1e-9, atol=1e-9, adjoint=adjoint)(x).sum().backward()
        assert f.a.grad is not None
        assert x.grad is not None
        return f.a.grad, x.grad

    for through, back in zip(gradients(False), gradients(True), strict=True):
        torch.testing.assert_close(through, back, rtol=1e-6, atol=1e-8)


def test_shared_weights_count_once_and_their_work_each_time() -> None:
    once, thrice = (trace_of(f"conv(8) shared(conv(8) relu, {n})") for n in (1, 3))
    assert cost(once).params == cost(thrice).params == 3 * 8 * 9 + 8 + 8 * 8 * 9 + 8 + 8 * 10 + 10
    assert thrice.rows[1].layer.macs == 3 * once.rows[1].layer.macs
    model = build(thrice)
    x = torch.rand(2, 3, 32, 32)
    first, inner = model.get_submodule("conv"), model.get_submodule("shared.f")
    expected = inner(inner(inner(first(x))))
    torch.testing.assert_close(model.get_submodule("shared")(first(x)), expected)


REFUSED: list[tuple[str, str]] = [
    ("conv(8) ode(conv(16))", "A307"),
    ("conv(8) ode(conv(9), time)", "A307"),
    ("conv(8) shared(conv(8, s=2), 2)", "A307"),
    ("conv(8) ode(conv(8), steps=3)", "A302"),
    ("conv(8) ode(conv(8), solver=rk4, rtol=1e-3)", "A302"),
    ("conv(8) ode(conv(8), solver=euler, adjoint)", "A302"),
    ("conv(8) ode(conv(8), solver=heun)", "A208"),
    ("conv(8) shared(conv(8), 0)", "A209"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_what_does_not_fit_is_refused(text: str, code: str) -> None:
    with pytest.raises(SpecError) as error:
        trace_of(text)
    assert [d.code for d in error.value.diagnostics] == [code]


def test_weights_inside_are_found_under_their_argument() -> None:
    make: Callable[[str], list[str]] = lambda text: [n for n, _ in build(trace_of(text)).named_parameters()]  # noqa: E731
    assert make("conv(8) ode(first: conv(8) tanh conv(8))")[2] == "ode.f.first.weight"
    assert make("conv(8) twice: shared(conv(8), 2)")[2] == "twice.f.conv.weight"


def test_an_ode_that_was_first_evaluated_in_inference_mode_can_be_trained() -> None:
    """In a process of its own: the constants of torchdiffeq are made when it is imported."""
    code = """
import torch
from archdsl.emit.build import build
from archdsl.api import load
net = build(load("net ode(linear(3), solver=dopri5) linear(2)", input=3, classes=2).trace).double()
x = torch.ones(2, 3, dtype=torch.float64)
with torch.inference_mode():
    net(x)
net(x).sum().backward()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
