"""The word `heads`: its counts against brute force, what `classes` is in it, and what is refused."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.emit.source import source
from archdsl.errors import SpecError
from archdsl.ir.fans import heads_of
from archdsl.ir.text import network
from archdsl.words.tasks import Several

TEXT = "conv(8) relu gap heads(kind: (linear(32) relu linear(3)) | box: linear(4) | price: linear(1))"
INPUT = (3, 8, 8)


def test_counts_by_brute_force() -> None:
    spec = load(TEXT, input=INPUT)
    model = build(spec.trace).eval()
    numbers = []
    for module in model.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda m, given, out: numbers.append(out.numel()))
    with FlopCounterMode(display=False) as flops:
        out = model(torch.randn(1, *INPUT))
    assert out.shape == (1, 8)
    assert spec.cost.params == sum(p.numel() for p in model.parameters())
    assert spec.cost.flops == flops.get_total_flops()
    assert spec.cost.activations == sum(numbers) + 8  # the vector in which the heads meet
    assert spec.cost.depth == 3
    assert heads_of(spec.trace) == {"kind": 3, "box": 4, "price": 1}
    assert (spec.classes, spec.task) == (8, Several())


def test_the_vector_is_that_of_each_head() -> None:
    model = build(load(TEXT, input=INPUT).trace).eval()
    x = torch.randn(2, *INPUT)
    parts = dict(model.named_modules())
    trunk = parts["gap"](parts["relu"](parts["conv"](x)))
    own = parts["heads.price"](trunk)
    assert torch.equal(model(x)[:, 7:], own)


def test_the_text_reads_back_and_source_is_an_equal_net(tmp_path: Path) -> None:
    spec = load(TEXT, input=INPUT)
    again = load(network(spec.trace.graph), input=INPUT)
    assert again.hash == spec.hash
    assert load(TEXT.replace("price", "cost"), input=INPUT).hash != spec.hash, "labels are names of heads"
    (tmp_path / "x.py").write_text(source(spec.trace, "x"))
    theirs, ours = runpy.run_path(str(tmp_path / "x.py"))["Network"](), build(spec.trace)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, *INPUT)
    assert torch.equal(theirs.eval()(x), ours.eval()(x))


def test_classes_are_those_that_are_stated() -> None:
    text = "gap heads(kind: linear(classes) | price: linear(1))"
    assert heads_of(load(text, input=INPUT, classes=5).trace) == {"kind": 5, "price": 1}
    with pytest.raises(SpecError, match="the number of classes is not known here"):
        load(text, input=INPUT)
    assert not any(n.code == "A510" for n in load(TEXT, input=INPUT).notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gap heads(linear(3) | price: linear(1))", "has no label"),
        ("gap heads(kind: linear(3) linear(3) | price: linear(1))", "has no label"),
        ("gap heads(kind: linear(3), price: linear(1))", "separated by `|`"),
        ("gap heads(kind: linear(3))", "`heads` has one branch"),
        ("gap heads(kind: linear(3) | kind: linear(1))", "already taken"),
        ("gap heads(kind: linear(3) | price: id)", "no layer of its own"),
        ("gap heads(kind: linear(3) | price: linear(1)) relu", "something follows `heads`"),
        ("gap res(heads(kind: linear(3) | price: linear(1)))", "something follows `heads`"),
        ("heads(mask: conv(3) | price: (gap linear(1)))", "`heads` takes vectors"),
        ("task classification\nnet gap heads(kind: linear(3) | price: linear(1))", "its data one target"),
        ("data fashion-mini\nnet gap heads(kind: linear(3) | price: linear(1))", "its data one target"),
        ("task heads\nnet gap linear(3)", "does not end in `heads`"),
    ],
)
def test_heads_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(text if "\n" in text else f"net {text}", **({} if "data" in text else {"input": INPUT}))
    found = caught.value.diagnostics[0]
    assert message in found.message, found.message
    assert found.span is not None
    assert found.help


def test_heads_inside_a_let_and_under_a_label() -> None:
    lets = "let top(c) = heads(a: linear(c) | b: (linear(8) relu linear(1)))\nnet gap top(2)"
    assert heads_of(load(lets, input=INPUT).trace) == {"a": 2, "b": 1}
    labelled = load("gap out: heads(heads: linear(2) | b: linear(1))", input=INPUT)
    assert heads_of(labelled.trace) == {"heads": 2, "b": 1}
    assert build(labelled.trace)(torch.randn(1, *INPUT)).shape == (1, 3)


def test_any_output_may_have_heads() -> None:
    assert load("task features\nnet gap heads(a: linear(3) | b: linear(1))", input=INPUT).task.name == "features"
    assert load("task heads\nnet gap heads(a: linear(3) | b: linear(1))", input=INPUT).task == Several()
