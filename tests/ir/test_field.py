"""Receptive field and stride against what gradients really reach, and against published figures."""

from __future__ import annotations

import pytest
import torch

from archdsl.emit.build import build
from archdsl.expand import expand
from archdsl.ir.cost import cost
from archdsl.ir.trace import Trace, trace_node
from archdsl.syntax.parse import parse

WIRINGS = [
    "conv(2, 3)", "conv(2, 3, s=2) conv(2, 3)", "conv(2, 1x5) conv(2, 3x1)", "conv(2, 3, dilation=3)",
    "conv(2) maxpool(2) conv(2)", "cat(conv(2, 1) | conv(2, 5) | id) conv(2)", "res(conv(2) relu conv(2)) conv(2, s=2)",
    "conv(2) as a maxpool(3, s=1, p=1) conv(2) cat(@a conv(2, 7) | id)", "vgg[2x2,2x1]", "plain[2x2,2x1] +res",
    "conv(2, s=2) cat(conv(2, s=2) | maxpool(2)) avgpool(3, s=2, p=1)", "zeropad(1, 0, 1, 0) conv(2, 2, p=0)",
    "avgpool(4, s=2, p=1) conv(2, 3, s=3, dilation=2)", "bottleneck[2x2,2x2](s=2)", "dwconv(3) conv(4) dwconv(5, s=2)",
    "conv(2) dropconnect(conv(2, 5, s=2) relu conv(2), 0.1) conv(2)",
]  # fmt: skip


def traced(text: str, size: int) -> Trace:
    return trace_node(expand(parse(text)).root, (3, size, size), 10)


def reached(trace: Trace) -> tuple[int, int]:
    """Rows and columns of the input that one value in the middle of the output depends on."""
    model = build(trace).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.fill_(1.0 if name.endswith("weight") else 0.0)
    x = torch.rand(1, *trace.input).requires_grad_()  # max pooling lets one pixel through: average over draws
    seen = torch.zeros(trace.input[1:], dtype=torch.bool)
    for seed in range(40):
        with torch.no_grad():
            x.copy_(torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)))
        out = model(x)
        (gradient,) = torch.autograd.grad(out[0, :, out.shape[2] // 2, out.shape[3] // 2].sum(), x)
        seen |= (gradient[0] != 0).any(0)
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


@pytest.mark.parametrize("text", WIRINGS)
def test_the_field_is_what_gradients_reach(text: str) -> None:
    trace = traced(text, 64)
    assert cost(trace).field == reached(trace)


@pytest.mark.parametrize("text", WIRINGS)
def test_the_stride_is_how_far_neighbours_lie_apart(text: str) -> None:
    stride = cost(traced(text, 64)).stride
    small, large = traced(text, 64).out, traced(text, 64 + 48).out
    assert stride is not None
    assert stride[0] == 48 // (large[1] - small[1])


@pytest.mark.parametrize(("text", "size", "field", "stride"), [
    # Araujo et al. 2019, "Computing receptive fields of convolutional neural networks", table 1
    ("conv(64, 11, s=4, p=2) maxpool(3, s=2) conv(192, 5) maxpool(3, s=2) conv(384) conv(384) conv(256) maxpool(3, s=2)",
     224, 195, 32),
    ("vgg[64x2,128x2,256x3,512x3,512x3]", 224, 212, 32),
])  # fmt: skip
def test_published_fields(text: str, size: int, field: int, stride: int) -> None:
    total = cost(traced(text, size))
    assert total.field == (field, field)
    assert total.stride == (stride, stride)


def test_a_gate_is_not_counted() -> None:
    for gate in ("se(4)", "mul(id | gap linear(cin) sigmoid)", "mul(gap(keep) conv(cin, 1) sigmoid | id)"):
        bare, gated = (
            cost(traced("conv(8, s=2) conv(8, s=2)", 32)),
            cost(traced(f"conv(8, s=2) {gate} conv(8, s=2)", 32)),
        )
        assert (gated.field, gated.stride) == (bare.field, bare.stride) == ((7, 7), (4, 4))
    assert cost(traced("conv(8) gap", 32)).field == (3, 3)
