"""Sums and gates are part of the layers before them, and no NaN is lost where bounds on the values say that there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

from archdsl.accelerate.bounds import IMAGES, bounds, within
from archdsl.accelerate.inference import Answering, answering
from archdsl.accelerate.packed import PackedConv
from archdsl.api import load
from archdsl.emit.build import build
from archdsl.emit.inputs import random_inputs
from archdsl.registry.shapes import batch_of
from tests.emit.test_answering import _net, _small

NETS = {
    "sum": "conv(8) add(conv(8, k=1) | id) relu gap linear(10)",
    "sum of two convolutions": "conv(8) relu add(conv(16, k=1, s=2) bn | conv(16, s=2) bn) relu6 gap linear(10)",
    "our kernels": "conv(16) relu add(conv(16) bn | id) relu add(conv(16) bn relu conv(16) bn | id) gap linear(10)",
    "a sum that another layer reads, too": "conv(8) add(conv(8, k=1) | id) as x relu conv(8) add(id | @x) gap linear(10)",
    "a convolution that another layer reads, too": "conv(8) conv(8, k=1) as x add(id | conv(8) relu) add(id | @x) gap linear(10)",
    "one channel over all": "conv(8) add(conv(1) | id) relu gap linear(10)",
    "one place over all": "conv(8) add(conv(8, k=1) | avgpool(16)) relu gap linear(10)",
    "twice the same": "conv(8) conv(8, k=1) as x add(@x | @x) relu gap linear(10)",
    "inverted residuals": "mobilenetv2[8x1(t=1),8x2,16x2] gap linear(10)",
}


class Recorder(fx.Interpreter):
    """The values of each node in a pass."""

    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__(net)
        self.values: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.values[n] = super().run_node(n)
        return self.values[n]


@pytest.mark.parametrize("text", NETS.values(), ids=NETS)
def test_sums_are_those_of_the_net(text: str) -> None:
    model = _net(text)
    quick = answering(model, True)
    assert isinstance(quick, Answering)
    for images in (torch.randn(3, 3, 16, 16), 1e6 * torch.randn(3, 3, 16, 16)):  # within the bounds, and beyond
        with torch.no_grad():
            expected = model(images)
        found = quick(images)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert not quick.guard.holds


def test_sums_and_gates_leave_the_graph() -> None:
    net = answering(_net(NETS["sum of two convolutions"]), True)
    assert isinstance(net, Answering)
    left = [n for n in net.net.graph.nodes if n.op == "call_function"]
    assert not left
    kinds = [type(net.net.get_submodule(str(n.target))) for n in net.net.graph.nodes if n.op == "call_module"]
    assert kinds.count(PackedConv) == 3
    assert nn.ReLU6 not in kinds
    net(torch.randn(2, 3, 16, 16))
    assert net.guard.holds
    assert all(m.works and m.tried for m in net.net.modules() if isinstance(m, PackedConv)), "oneDNN takes the sum"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["image", "weight", "bias", "statistics"])
@pytest.mark.parametrize("text", [NETS["sum"], NETS["sum of two convolutions"], NETS["inverted residuals"]])
def test_a_nan_comes_through_sums_and_gates(text: str, where: str, bad: float) -> None:
    model = _net(text)
    images = torch.randn(2, 3, 16, 16)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and m.running_mean is not None]
    with torch.no_grad():
        if where == "image":
            images[0, 0, 3, 3] = bad
        elif where == "weight":
            next(model.parameters()).flatten()[0] = bad
        elif where == "bias":
            next(m for m in model.modules() if isinstance(m, nn.Linear)).bias[0] = bad
        elif norms:
            assert norms[0].running_mean is not None
            norms[0].running_mean[0] = bad
        expected = model(images)
    found = answering(model, True)(images)
    assert torch.equal(found.isnan(), expected.isnan())
    assert torch.equal(found.isinf(), expected.isinf())


IMAGE_NETS = [path for path in _small() if len(load(path).trace.input) == 3]


@pytest.mark.parametrize("path", IMAGE_NETS, ids=lambda p: "/".join(p.parts[-2:]))
def test_no_value_is_larger_than_its_bound(path: Path) -> None:
    torch.manual_seed(0)
    spec = load(path)
    net = build(spec.trace).eval()
    images = random_inputs(batch_of(spec.trace.input, 2))
    assert isinstance(net, fx.GraphModule)
    images = images / images.abs().max() * IMAGES
    assert within(images)
    found = bounds(net)
    recorder = Recorder(net)
    with torch.no_grad():
        recorder.run(images)
    for node, most in found.items():
        value = recorder.values[node]
        if isinstance(value, Tensor):
            assert float(value.abs().max()) <= most * 1.001 + 1e-6, node
    assert found  # the images at least


def test_what_the_bounds_are() -> None:
    model = _net("conv(8) relu conv(8) relu6 gap linear(10)")
    by_name = {node.name: most for node, most in bounds(model).items()}
    first, second = (m for m in model.modules() if isinstance(m, nn.Conv2d))
    with torch.no_grad():
        assert first.bias is not None
        most = IMAGES * float(first.weight.abs().flatten(1).sum(1).max()) + float(first.bias.abs().max())
    values = list(by_name.values())
    assert values[:3] == pytest.approx([IMAGES, most, most])
    assert values[4] == 6.0
    with torch.no_grad():
        second.weight[0, 0, 0, 0] = float("nan")
    assert len(bounds(model)) == 3, "nothing is known behind it"


def test_each_operand_counts() -> None:
    """Also where two operands are one value; a number is not known, and nothing is behind it."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            one = torch.cat([x + x, x * x], 1)
            return one * 1e20

    found = bounds(fx.symbolic_trace(Net()))
    assert list(found.values()) == [IMAGES, 2 * IMAGES, IMAGES**2, IMAGES**2]


def test_images_within_the_bounds() -> None:
    assert within(torch.full((1, 1, 2, 2), IMAGES))
    assert not within(torch.full((1, 1, 2, 2), 2 * IMAGES))
    assert not within(torch.tensor([[float("nan")]]))
    assert not within(torch.empty(0, 1, 2, 2))
