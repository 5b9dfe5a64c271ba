"""Labels that torch or Python needs for itself are refused; every other one becomes a key."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import fx, nn

from archdsl.emit.build import build
from archdsl.emit.source import source
from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.expand.env import RESERVED
from archdsl.ir.reserved import CLASHING, RESERVED_LABELS
from archdsl.registry import entries
from archdsl.syntax.parse import parse


def test_every_name_of_a_torch_module_is_reserved() -> None:
    graph = fx.Graph()
    graph.output(graph.placeholder("x"))
    built = fx.GraphModule(nn.Module(), graph)
    names = {n for n in {*dir(nn.Module()), *dir(built)} if not n.startswith("_")}
    assert names <= RESERVED_LABELS


@pytest.mark.parametrize("label", ["forward", "train", "type", "self", "_modules", "__class__", "graph", "class"])
def test_a_reserved_label_is_refused(label: str) -> None:
    with pytest.raises(SpecError, match="A212"):
        expand(parse(f"{label}: conv(8)"))


@pytest.mark.parametrize("label", ["stem", "x", "x1", "conv2", "nn", "torch", "Group", "name", "stage1"])
def test_any_other_label_is_a_key(label: str) -> None:
    trace = complete(expand(parse(f"{label}: conv(8) relu conv(8)")), (3, 32, 32), 10).trace
    model = build(trace)
    assert f"{label}.weight" in model.state_dict()
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_no_word_has_the_name_of_an_attribute_of_a_torch_module() -> None:
    assert {e.name for e in entries("net")}.isdisjoint(RESERVED_LABELS)


@pytest.mark.parametrize("name", sorted(CLASHING - RESERVED))
def test_a_let_may_have_the_name_of_an_attribute_of_a_torch_module(name: str) -> None:
    net = "{0}(8) maxpool {0}(8) ({0}(8) relu)*2 res({0}(8) relu) outer(8) shared({0}(8), 2)"
    text = f"let {name}(c) = conv(c) relu\nlet outer(c) = {name}(c) relu\nnet {net.format(name)} gap linear(10)"
    trace = complete(expand(parse(text)), (3, 8, 8), 10).trace
    space: dict[str, Any] = {"__name__": "network"}
    exec(source(trace), space)  # noqa: S102
    models = build(trace), build(trace, whole=False), space["Network"]()
    x, keys = torch.rand(2, 3, 8, 8), [list(m.state_dict()) for m in models]
    assert keys[0] == keys[1] == keys[2]
    assert any(f"{name}_." in key for key in keys[0])
    for model in models:
        assert model(x).shape == (2, 10)


def test_a_let_of_another_name_keeps_it() -> None:
    text = "let submodule(c) = conv(c) relu\nlet graph2(c) = conv(c) relu\nnet submodule(8) submodule(8) graph2(8) gap linear(10)"
    keys = build(complete(expand(parse(text)), (3, 8, 8), 10).trace).state_dict()
    assert [k.partition(".")[0] for k in keys if k.endswith("weight")] == [
        "submodule",
        "submodule2",
        "graph2",
        "linear",
    ]
