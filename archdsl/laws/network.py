"""Laws of networks: what a word says of itself is what torch finds in the module that is built of it."""

from __future__ import annotations

import re
from types import ModuleType

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from archdsl.emit.build import build
from archdsl.emit.inputs import random_inputs
from archdsl.emit.source import source
from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.ir.trace import Trace
from archdsl.laws.law import NET, equal, expect, law
from archdsl.registry.shapes import Ids, batch_of
from archdsl.registry.types import Shape
from archdsl.syntax.parse import parse

IDS = Ids(16, 50)
TOKENS = (16, 8)


def input_of(text: str, image: Shape = (3, 32, 32)) -> Shape:
    """``image``, or a sequence of ids or tokens where a network has to have one; with the default head it may end in anything."""
    graph = expand(parse(f"task features\nnet {text}"))
    try:
        complete(graph, image, 10)
    except SpecError as error:
        said = str(error)
        return IDS if "takes ids" in said else TOKENS if "takes tokens" in said else image
    return image


def trace_of(text: str) -> Trace:
    """The trace of an example for a small image, and for as many classes as its own head has, if any."""
    head = re.search(r"linear\((\d+)\)$", text)
    return complete(expand(parse(text)), input_of(text), int(head[1]) if head else 10).trace


def inputs(trace: Trace, model: nn.Module, count: int = 2) -> torch.Tensor:
    """A batch for the network, on its device."""
    generator = torch.Generator().manual_seed(0)
    return random_inputs(batch_of(trace.input, count), generator).to(next(model.parameters()).device)


def adaptive(trace: Trace) -> bool:
    """Whether a solver chooses its steps by the numbers that it finds."""
    return any("adaptive" in row.op.entry.traits for row in trace.flat())


def model_of(trace: Trace) -> nn.Module:
    """The network, without numbers where those do not matter: a solver with steps of its own needs them."""
    with torch.device("cpu" if adaptive(trace) else "meta"):
        return build(trace)


def declared(trace: Trace, kind: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of weights or buffers as the rows say, bodies behind their owner's."""
    return {f"{r.path}.{name}": tuple(s) for r in trace.flat() for name, s in getattr(r.layer, kind).items()}


@law("weights", *NET)
def weights_are_those_declared(text: str) -> None:
    """The module's weights and buffers have the declared names, shapes and order."""
    trace = trace_of(text)
    model = model_of(trace)
    weights = {name: tuple(p.shape) for name, p in model.named_parameters()}
    equal("weights", weights, declared(trace, "weights"))
    saved = model.state_dict()  # a buffer that is not saved, such as the rate of a dropout, is not part of the net
    buffers = {name: tuple(b.shape) for name, b in model.named_buffers() if name in saved}
    equal("buffers", buffers, declared(trace, "buffers"))
    equal("the state dict", set(saved), {*weights, *declared(trace, "buffers")})
    for row in trace.flat():  # in order, so that weights can be copied from another library's network in sequence
        own = [n.removeprefix(row.path + ".") for n in weights if n.startswith(row.path + ".")]
        equal(f"the order of {row.path}", [n for n in own if n in row.layer.weights], list(row.layer.weights))


@law("shapes", *NET)
def shapes_are_those_traced(text: str) -> None:
    """The module on the meta device gives the traced shapes."""
    trace = trace_of(text)
    seen: dict[str, tuple[int, ...]] = {}
    model = model_of(trace)
    for row in trace.rows:
        if row.layer.module is not None:
            home = row.module or row.path
            model.get_submodule(home).register_forward_hook(
                lambda _m, _i, out, path=home: seen.__setitem__(path, tuple(out.shape[1:]))  # type: ignore[misc]
            )
    equal("the result", tuple(model(inputs(trace, model)).shape), (2, *trace.out))
    traced = {r.module or r.path: tuple(r.layer.out) for r in trace.rows if r.layer.module is not None}
    equal("results of layers", seen, traced)


@law("MACs", *NET)
def twice_the_macs_are_torchs_flops(text: str) -> None:
    """Twice the MACs are the floating-point operations that torch counts."""
    trace = trace_of(text)
    model, counter = model_of(trace).eval(), FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(inputs(trace, model, 1))
    counted, macs = counter.get_total_flops(), sum(r.layer.macs for r in trace.rows)
    if adaptive(trace) and "solver" not in text:
        expect(counted >= 2 * macs > 0, f"torch counts {counted} operations, fewer than twice the {macs} MACs")
    else:
        equal("torch's count of operations", counted, 2 * macs)


@law("gradients", *NET)
def gradients_reach_every_weight(text: str) -> None:
    """A backward pass gives each weight a gradient."""
    trace = trace_of(text)
    model = model_of(trace)
    model(inputs(trace, model)).square().sum().backward()
    equal(
        "weights without a gradient", [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None], []
    )


@law("source", *NET)
def source_gives_an_equal_module(text: str) -> None:
    """The emitted source has the keys and the outputs of the built module."""
    trace = trace_of(text)
    model = build(trace).eval()
    other = run(source(trace)).eval()
    equal("keys of the source's module", list(other.state_dict()), list(model.state_dict()))
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        x = inputs(trace, model)
        torch.testing.assert_close(other(x), model(x))


def run(text: str) -> nn.Module:
    """The network of an emitted source, in a module of its own. The source is ours: no text of a user is in it as code."""
    space = ModuleType("model")
    exec(compile(text, "model.py", "exec"), vars(space))  # noqa: S102
    module: nn.Module = space.Network()
    return module
