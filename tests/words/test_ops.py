"""The laws that every layer, join and block obeys, tried on the examples of its entry."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from archdsl.emit.build import build
from archdsl.emit.inputs import random_inputs
from archdsl.emit.source import source
from archdsl.expand import complete, expand
from archdsl.ir.trace import Trace
from archdsl.registry import Entry, entries
from archdsl.registry.shapes import batch_of
from archdsl.syntax.parse import parse
from tests.examples import input_of

EXAMPLES = [(entry, text) for entry in entries("net") for text in entry.examples]
# A network of published size takes as long as all other examples of layers; its family has a small example, too.
CASES = pytest.mark.parametrize(
    ("entry", "text"),
    [pytest.param(e, t, id=f"{e.name}-{t}", marks=[pytest.mark.slow] if "672x6" in t else []) for e, t in EXAMPLES],
)


def trace_of(text: str) -> Trace:
    """The trace of an example for a small image, and for as many classes as its own head has, if any."""
    head = re.search(r"linear\((\d+)\)$", text)
    return complete(expand(parse(text)), input_of(text), int(head[1]) if head else 10).trace


def inputs(trace: Trace, model: torch.nn.Module, count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return random_inputs(batch_of(trace.input, count), generator).to(next(model.parameters()).device)


def model_of(trace: Trace, entry: Entry) -> torch.nn.Module:
    """The network, without numbers where those do not matter: a solver with steps of its own needs them."""
    with torch.device("cpu" if "adaptive" in entry.traits else "meta"):
        return build(trace)


def declared(trace: Trace, kind: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of weights or buffers as the rows say, bodies behind their owner's."""
    return {f"{r.path}.{name}": tuple(s) for r in trace.flat() for name, s in getattr(r.layer, kind).items()}


@CASES
def test_weights_are_those_declared(entry: Entry, text: str) -> None:
    trace = trace_of(text)
    model = model_of(trace, entry)
    weights = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert weights == declared(trace, "weights")
    saved = model.state_dict()  # a buffer that is not saved, such as the rate of a dropout, is no part of the net
    buffers = {name: tuple(b.shape) for name, b in model.named_buffers() if name in saved}
    assert buffers == declared(trace, "buffers")
    assert set(model.state_dict()) == {*weights, *declared(trace, "buffers")}
    for row in trace.flat():  # in order, so that weights can be copied from another library's network in sequence
        own = [n.removeprefix(row.path + ".") for n in weights if n.startswith(row.path + ".")]
        assert [n for n in own if n in row.layer.weights] == list(row.layer.weights)


@CASES
def test_shapes_are_those_traced(entry: Entry, text: str) -> None:
    trace = trace_of(text)
    seen: dict[str, tuple[int, ...]] = {}
    model = model_of(trace, entry)
    for row in trace.rows:
        if row.layer.module is not None:
            home = row.module or row.path
            model.get_submodule(home).register_forward_hook(
                lambda _m, _i, out, path=home: seen.__setitem__(path, tuple(out.shape[1:]))
            )
    assert tuple(model(inputs(trace, model)).shape) == (2, *trace.out)
    assert seen == {r.module or r.path: r.layer.out for r in trace.rows if r.layer.module is not None}


@CASES
def test_twice_the_macs_are_torchs_flops(entry: Entry, text: str) -> None:
    trace = trace_of(text)
    model, counter = model_of(trace, entry).eval(), FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(inputs(trace, model, 1))
    counted, macs = counter.get_total_flops(), sum(r.layer.macs for r in trace.rows)
    if "adaptive" in entry.traits and "solver" not in text:
        assert counted >= 2 * macs > 0
    else:
        assert counted == 2 * macs


@CASES
def test_gradients_reach_every_weight(entry: Entry, text: str) -> None:
    trace = trace_of(text)
    model = model_of(trace, entry)
    model(inputs(trace, model)).square().sum().backward()
    assert not [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]


@CASES
def test_source_gives_an_equal_module(entry: Entry, text: str, tmp_path: Path) -> None:
    trace = trace_of(text)
    model = build(trace).eval()
    (tmp_path / "model.py").write_text(source(trace), "utf-8")
    other = runpy.run_path(str(tmp_path / "model.py"))["Network"]().eval()
    assert list(other.state_dict()) == list(model.state_dict())
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        x = inputs(trace, model)
        torch.testing.assert_close(other(x), model(x))
