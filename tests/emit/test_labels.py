"""Labels that torch or Python needs for itself are refused; every other one becomes a key."""

from __future__ import annotations

import pytest
import torch
from torch import fx, nn

from archdsl.emit.build import build
from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.ir.reserved import RESERVED_LABELS
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
