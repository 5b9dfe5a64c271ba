"""A labelled part used again: one set of weights, all other figures those of the network written out."""

from __future__ import annotations

import os
import runpy
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from archdsl.accelerate.native.conv import fuse_convs
from archdsl.accelerate.native.norm import fuse_norms
from archdsl.accelerate.plan import PLAIN
from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.emit.source import source
from archdsl.errors import SpecError
from archdsl.expand import expand
from archdsl.export.fold import fold
from archdsl.ir.blocks import blocks
from archdsl.ir.cost import cost
from archdsl.ir.text import network
from archdsl.ir.trace import Trace, trace_node
from archdsl.runs.run import Run
from archdsl.syntax.parse import parse
from archdsl.train.fit import fit
from archdsl.train.fused.model import fuse
from archdsl.train.init import initialise
from archdsl.train.loop import Training
from archdsl.train.options import FitOptions
from archdsl.train.signals import Interrupted

# A text, the same written out, and which layer with weights of the second is which of the first.
NETS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "in a row": (
        "f: (conv(3) bn relu) again(f)",
        "conv(3) bn relu conv(3) bn relu",
        (0, 1, 0, 1),
    ),
    "in two branches": (
        "conv(4) as x sub(f: (conv(8, s=2) relu) conv(5) | @x tanh again(f) conv(5))",
        "conv(4) as x sub(conv(8, s=2) relu conv(5) | @x tanh conv(8, s=2) relu conv(5))",
        (0, 1, 2, 1, 3),
    ),
    "a part inside of a part": (
        "a: conv(3) b: (again(a) relu conv(3) affine) again(b) again(a)",
        "conv(3) conv(3) relu conv(3) affine conv(3) relu conv(3) affine conv(3)",
        (0, 0, 1, 2, 0, 1, 2, 0),
    ),
    "of several sizes": (
        "conv(4) f: conv(4) cat(gap | maxpool(2) again(f) gap)",
        "conv(4) conv(4) cat(gap | maxpool(2) conv(4) gap)",
        (0, 1, 1),
    ),
    "with a skip and a name": (
        "f: (as x conv(3) relu add(id | @x)) again(f)",
        "as x conv(3) relu add(id | @x) as y conv(3) relu add(id | @y)",
        (0, 0),
    ),
    "with a network inside": (
        "f: shared(conv(3) relu, 2) tanh again(f)",
        "shared(conv(3) relu, 2) tanh shared(conv(3) relu, 2)",
        (0, 0),
    ),
    "in each copy": (
        "(res(f: conv(3) relu again(f)))*2",
        "(res(conv(3) relu conv(3)))*2",
        (0, 0, 1, 1),
    ),
}
every = pytest.mark.parametrize(("text", "out", "which"), NETS.values(), ids=list(NETS))


def traced(text: str, shape: tuple[int, ...] = (3, 8, 8)) -> Trace:
    return trace_node(expand(parse(text)).root, shape, 10)


def holders(model: nn.Module) -> list[nn.Module]:
    return [m for m in model.modules() if list(m.parameters(recurse=False))]


def pair(text: str, out: str, which: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """A network, and the one written out, whose layers hold the very same parameters and buffers."""
    model, long = build(traced(text)), build(traced(out))
    mine, theirs = holders(model), holders(long)
    assert (len(mine), len(theirs)) == (max(which) + 1, len(which))
    for module, number in zip(theirs, which, strict=True):
        module._parameters, module._buffers = mine[number]._parameters, mine[number]._buffers
    return model, long


@pytest.mark.holds("again")
@every
def test_values_gradients_and_statistics_are_those_of_the_network_written_out(
    text: str, out: str, which: tuple[int, ...]
) -> None:
    x = torch.rand(4, 3, 8, 8)
    found = []
    for number in (0, 1):
        torch.manual_seed(0)
        model, long = pair(text, out, which)
        made = (model, long)[number]
        loss = made(x).square().sum()
        loss.backward()
        found.append([loss, *(p.grad for p in model.parameters()), *model.buffers()])
    torch.testing.assert_close(found[0], found[1])


@every
def test_figures_are_those_of_the_network_written_out_but_for_the_weights(
    text: str, out: str, which: tuple[int, ...]
) -> None:
    ours, theirs = cost(traced(text)), cost(traced(out))
    model = build(traced(text))
    assert ours.params == sum(p.numel() for p in model.parameters()) < theirs.params
    assert ours.buffers == sum(b.numel() for b in model.buffers())
    assert replace(ours, params=0, buffers=0) == replace(theirs, params=0, buffers=0)


@every
def test_every_form_of_the_network_has_the_same_keys_and_values(
    text: str, out: str, which: tuple[int, ...], tmp_path: Path
) -> None:
    trace, x = traced(text), torch.rand(2, 3, 8, 8)
    model = build(trace).eval()
    (tmp_path / "model.py").write_text(source(trace), "utf-8")
    names = runpy.run_path(str(tmp_path / "model.py"))
    for other in (build(trace, whole=False).eval(), names["Network"]().eval()):
        assert list(other.state_dict()) == list(model.state_dict())
        other.load_state_dict(model.state_dict())
        torch.testing.assert_close(other(x), model(x))
    again = expand(parse(network(trace.graph))).root  # as text, and read again
    assert cost(trace_node(again, (3, 8, 8), 10)) == cost(trace)


def test_the_hash_says_which_weights_are_shared() -> None:
    def found(text: str) -> str:
        return load(f"net {text} gap linear(10)", input=(3, 8, 8), classes=10).hash

    texts = ("f: conv(3) g: conv(3) again(f)", "f: conv(3) g: conv(3) again(g)", "f: conv(3) g: conv(3) conv(3)")
    assert len({found(t) for t in texts}) == 3


def test_rewritten_nets_keep_it() -> None:
    text = "f: (conv(8) bn relu maxpool(2)) conv(3) again(f)"
    torch.manual_seed(0)
    model, x = build(traced(text, (3, 16, 16))).train(), torch.rand(4, 3, 16, 16).to(memory_format=torch.channels_last)
    fast = fuse_norms(fuse_convs(model, "float32"))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    results = []
    for net in (model, fast):
        model.load_state_dict(state)
        model.zero_grad()
        out = net(x)
        out.square().sum().backward()
        results.append([out, *(p.grad for p in model.parameters()), *(b.clone() for b in model.buffers())])
    # A bias in front of a batch norm has the gradient 0, so that what is there is rounding: up to some thousandths.
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-2)
    expected = model.eval()(x)
    assert fold(model) == 0  # its convolution is called twice, so the norm stays
    torch.testing.assert_close(model(x), expected)


def test_seeds_as_one_net_give_what_each_gives() -> None:
    trace = traced("f: (conv(3) bn relu) tanh again(f) gap h: linear(3) affine again(h)")
    fused, alone = fuse(trace, 2, torch.device("cpu")), [build(trace), build(trace)]
    for seed, model in enumerate(alone):
        initialise(model, seed)
    fused.take(alone)
    x = torch.rand(4, 3, 8, 8)
    for model, ours in zip(alone, fused.net(torch.cat((x, x), 1)).chunk(2, 1), strict=True):
        torch.testing.assert_close(ours, model(x))


def test_a_trace_that_lost_the_first_use_still_has_the_weights() -> None:
    trace = traced("res(f: conv(3)) res(again(f))")
    assert len(blocks(trace)) == 2
    rest = replace(trace, rows=trace.rows[2:], output=1)
    rest = replace(rest, rows=(rest.rows[0]._replace(inputs=(-1,)), rest.rows[1]._replace(inputs=(0, -1))))
    assert list(build(rest).state_dict()) == list(build(trace).state_dict())


def test_it_exports(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from archdsl.export.deploy import Form
    from archdsl.export.onnx import export

    spec = load(
        "net f: (conv(3) relu) sub(again(f) | maxpool(3, s=1, p=1) again(f)) gap linear(10)",
        input=(3, 8, 8),
        classes=10,
    )
    assert export(build(spec.trace), tmp_path / "x.onnx", Form(spec.input, 10)).difference < 1e-5


@pytest.mark.parametrize(
    ("text", "code", "what"),
    [
        ("again(f) f: conv(3)", "A223", "no part before this point has the label `f`"),
        ("f: (conv(3) again(f))", "A223", "no part before"),
        ("(f: conv(3))*2 again(f)", "A223", "may be 2 parts here: block1.f, block2.f"),
        ("f: conv(8) again(f)", "A302", "the weight of `conv` is 8x3x3x3 there, and for what arrives here 8x8x3x3"),
        ("f: bn gap again(f)", "A302", "cannot be used again"),
        ("conv(8) f: attention(2) maxpool(2) again(f)", "A302", "`attention` is made for the size that arrives there"),
        ("patch(2, 8) tokens f: attention(2, rotary) take(0, 8) again(f)", "A302", "`attention` is made for the size"),
        ("f: conv(3) ode(again(f), solver=euler)", "A223", "no part before"),
        ("f: conv(3) g: conv(3) again(f..g)", "A208", "one label"),
        ("f: conv(3) again(conv(3))", "A208", "a label"),
    ],
)
def test_refusals(text: str, code: str, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        traced(text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    assert what in diagnostic.message
    assert diagnostic.span is not None
    assert diagnostic.help


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ('g: (f: conv(3) relu) again("g.f")', "g.f"),
        ("g: (f: conv(3) relu) again(f)", "g.f"),
        ("f: conv(3) g: (f: conv(3) again(f))", "g.f"),
        ("f: conv(3) g: (f: conv(3)) again(f)", "f"),
        ('(f: conv(3))*2 again("block2.f")', "block2.f"),
    ],
)
def test_which_part_a_label_means(text: str, module: str) -> None:
    assert traced(text).rows[-1].module == module


def test_a_run_resumes_to_the_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "net f: (conv(1) bn relu drop(0.1)) sub(again(f) | maxpool(3, s=1, p=1) again(f)) gap h: linear(1) again(h) linear(10)\n"
        "data fashion-mini subset(64) valid(32)\ntrain adam(1e-2) epochs(2) batch(16)"
    )
    spec = load(text)

    def go(out: Path) -> Run:
        return fit(build(spec.trace), experiment_of(spec), FitOptions(out=out, device="cpu", plan=PLAIN))

    straight = go(tmp_path / "straight").state()
    real, stops = Training._step, [3]

    def step(self: Training, *given: object) -> None:
        real(self, *given)  # type: ignore[arg-type]
        if stops and self.state.step == stops[0]:
            stops.pop()
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Training, "_step", step)
    with pytest.raises(Interrupted):
        go(tmp_path / "stopped")
    resumed = go(tmp_path / "stopped").state()
    assert set(resumed) == set(build(spec.trace).state_dict()) == set(straight)
    assert all(torch.equal(resumed[name], straight[name]) for name in straight)


def test_the_vector_of_the_padding_is_not_trained_by_the_output_layer_either() -> None:
    model: Any = build(
        load("input 12 ids(11)\nclasses 11\ntask tokens\nnet e: embed(4, padding=3) gru(4) again(e)").trace
    )
    ids, table = torch.arange(24).view(2, 12) % 11, model.e.weight
    given = model(ids)
    torch.testing.assert_close(given, model.gru(table[ids]) @ table.T)
    given.exp().sum().backward()
    assert table.grad.any(1).logical_not().nonzero().flatten().tolist() == [3]
    torch.testing.assert_close(model.eval()(ids), given)
