"""Layers round a network of one's own."""

from __future__ import annotations

from math import prod
from typing import Any, Literal

from archdsl.ir.layer import Layer, Misfit, Run, words
from archdsl.ir.trace import Body
from archdsl.registry import op
from archdsl.registry.types import Count, Net, Positive, Shape

# Evaluations of the network, for each step of a fixed solver. dopri5 makes two that choose its first step (Hairer et al.
# 1993, II.4) and six for each step that it tries (Dormand & Prince 1980). How many it tries depends on the data; two are
# counted. Its first step is longer than the whole way only where f changes the state by less than about 1e-5.
EVALUATIONS = {"euler": 1, "midpoint": 2, "rk4": 4, "dopri5": 2 + 2 * 6}
HELD = {"euler": 0, "midpoint": 1, "rk4": 4, "dopri5": 8}  # states and slopes kept beside an evaluation
STEPS = 4


def _body(f: Any, x: Shape, word: str) -> Body:
    """The traced network, which must give the shape of ``x``."""
    assert isinstance(f, Body)
    if f.out != x:
        help = f"its result is its next argument: give {words(x)}"
        raise Misfit(f"the network in `{word}` takes {words(f.trace.input)} and gives {words(f.out)}", "A307", help)
    return f


@op("conv(8) shared(conv(8) relu, 3)", paper="Liang & Hu 2015, Recurrent CNN for object recognition")
def shared(x: Shape, f: Net, n: Count) -> Layer:
    """The network `f`, `n` times in a row with the same weights: they count once. MACs, activations, layers, depth and
    receptive field are those of the network written out `n` times."""
    body = _body(f, x, "shared")
    return Layer(out=x, macs=n * body.macs, module=lambda nn, f: nn.Shared(f, n), run=Run(n))


@op(
    "conv(8) ode(conv(8) bn tanh conv(8))",
    "conv(8) ode(conv(8) tanh conv(8), solver=rk4, steps=2, t=0.5)",
    "conv(8) ode(conv(8) tanh conv(8), rtol=1e-4, adjoint)",
    "conv(8) ode(conv(8) tanh conv(8), time, solver=rk4)",
    paper="Chen et al. 2018, Neural ordinary differential equations, arXiv:1806.07366",
    traits="adaptive timed",
)
def ode(
    x: Shape,
    f: Net,
    t: Positive = 1.0,
    solver: Literal["dopri5", "rk4", "midpoint", "euler"] = "dopri5",
    steps: Count | None = None,
    rtol: Positive | None = None,
    atol: Positive | None = None,
    adjoint: bool = False,
    time: bool = False,
) -> Layer:
    """Neural ODE: the state at time `t` of dx/dt = f(x), from what arrives at time 0. `f` gives the shape that arrives.

    With `time` it is dx/dt = f(x, t): `f` takes one channel more, which has the time as its only value (the last number of a
    vector or token), as the first layer of Chen et al. does. `cin` counts it.

    `rk4`, `midpoint` and `euler` take `steps` equal steps (4), and all their evaluations of `f` count into the MACs, the
    depth and the activations; one step of `euler` is a residual block. `dopri5` (torchdiffeq) chooses its steps within
    `rtol` and `atol` (1e-3), and how many depends on the data: 2 + 6 evaluations for each step that it tries. The figures
    count two steps, 14 evaluations, which is what a smooth `f` takes; a stiff one takes more. With `adjoint` its gradient
    is solved backwards in time, in constant memory; without, it goes back through the solver's steps.
    """
    body = _body(f, x, "ode")
    settings: dict[str, Any] = ({"t": t} if t != 1 else {}) | ({"time": True} if time else {})
    if solver == "dopri5":
        if steps is not None:
            raise Misfit("`dopri5` chooses its own steps", help="leave `steps` out, or write `solver=rk4`")
        settings |= {k: v for k, v in (("rtol", rtol), ("atol", atol), ("adjoint", adjoint)) if v}
        return _solved(x, body, solver, 1, settings, adjoint)
    if rtol is not None or atol is not None or adjoint:
        raise Misfit(
            f"`{solver}` takes equal steps: `rtol`, `atol` and `adjoint` belong to `dopri5`",
            help="leave them out, or write `solver=dopri5`",
        )
    count = STEPS if steps is None else steps
    settings |= {"solver": str(solver), "steps": count}
    return _solved(x, body, solver, count, settings)


def _solved(x: Shape, body: Body, solver: str, steps: int, settings: dict[str, Any], adjoint: bool = False) -> Layer:
    calls = EVALUATIONS[solver] * steps
    made = prod(body.trace.input) if body.trace.input != x else 0  # the state with its time, beside the state
    held = HELD[solver] * prod(x) + (prod(x) if made else 0)
    run = Run(calls, states=True, held=held, kept=1 if adjoint else None, made=made)
    return Layer(out=x, macs=calls * body.macs, module=lambda nn, f: nn.Ode(f, **settings), run=run)
