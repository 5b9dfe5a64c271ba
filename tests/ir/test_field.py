"""Receptive field and stride against what gradients really reach, and against published figures."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archdsl.emit.build import build
from archdsl.expand import expand
from archdsl.ir.cost import cost
from archdsl.ir.field import fields
from archdsl.ir.trace import Trace, trace_node
from archdsl.syntax.parse import parse

WIRINGS = [
    "conv(2, 3)",
    "conv(2, 3, s=2) conv(2, 3)",
    "conv(2, 1x5) conv(2, 3x1)",
    "conv(2, 3, dilation=3)",
    "conv(2) maxpool(2) conv(2)",
    "cat(conv(2, 1) | conv(2, 5) | id) conv(2)",
    "res(conv(2) relu conv(2)) conv(2, s=2)",
    "conv(2) as a maxpool(3, s=1, p=1) conv(2) cat(@a conv(2, 7) | id)",
    "vgg[2x2,2x1]",
    "plain[2x2,2x1] +res",
    "conv(2, s=2) cat(conv(2, s=2) | maxpool(2)) avgpool(3, s=2, p=1)",
    "zeropad(1, 0, 1, 0) conv(2, 2, p=0)",
    "avgpool(4, s=2, p=1) conv(2, 3, s=3, dilation=2)",
    "bottleneck[2x2,2x2](s=2)",
    "dwconv(3) conv(4) dwconv(5, s=2)",
    "conv(2) dropconnect(conv(2, 5, s=2) relu conv(2), 0.1) conv(2)",
]


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


@pytest.mark.parametrize(
    ("text", "size", "field", "stride"),
    [
        # Araujo et al. 2019, "Computing receptive fields of convolutional neural networks", table 1
        (
            "conv(64, 11, s=4, p=2) maxpool(3, s=2) conv(192, 5) maxpool(3, s=2) conv(384) conv(384) conv(256) maxpool(3, s=2)",
            224,
            195,
            32,
        ),
        ("vgg[64x2,128x2,256x3,512x3,512x3]", 224, 212, 32),
    ],
)
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


# Layers by whether they keep the size, for random wirings; weights are positive, so that no two ways cancel.
KEEP = st.sampled_from(
    [
        "conv(2)",
        "conv(2, 1x5)",
        "dwconv(3)",
        "conv(2, 3, dilation=2)",
        "avgpool(3, s=1, p=1)",
        "relu",
        "conv(2, 4, s=2, p=1) upsample(2)",
        "upsample(2) conv(2, 5, s=2)",
        "conv(8, 1) depthtospace(2) conv(2, s=2)",
        "conv(2, s=2) upconv(2)",
        "upconv(2, 4, s=2, p=1) avgpool(2)",
        "resize(21) resize(64)",
        "tokens untokens",
        "attention(1, window=4)",
        "attention(1, window=4, shift=2)",
        "shared(conv(2) relu, 2)",
        "ode(conv(2) relu, solver=midpoint, steps=1)",
    ]
)


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=2).map(" ".join)
    pair = st.tuples(body, body)
    return st.one_of(
        pair.map(lambda p: f"mul({p[0]} | {p[1]})"),
        pair.map(lambda p: f"cat({p[0]} | {p[1]}) conv(2, 1)"),
        body.map(lambda b: f"mul(conv(2, 1) | {b})"),
        body.map(lambda b: f"add({b} | id)"),
        body.map(lambda b: f"shared({b}, 2)"),
    )


BODIES = st.lists(st.recursive(KEEP, _joined, max_leaves=4), min_size=1, max_size=2).map(" ".join)
ENDS = st.sampled_from(
    ["", "conv(2, s=2)", "avgpool(3, s=3)", "upsample(3)", "conv(2, 4, s=2, p=0) upsample(2)", "resize(9)"]
)


def hulls(trace: Trace, positions: range) -> list[tuple[int, int]]:
    """Of outputs along the diagonal, first and last row of the input that they depend on, by gradients."""
    model = build(trace).double().eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.uniform_(0.5, 1.0)
            weight /= weight[0].numel()  # means, so that products of products neither overflow nor vanish
    x = (torch.rand(1, *trace.input, dtype=torch.float64) + 0.1).requires_grad_()
    out = model(x)
    found = []
    for at in positions:
        (gradient,) = torch.autograd.grad(out[0, :, at, at].sum(), x, retain_graph=True)
        rows = (gradient[0] != 0).any(0).any(1).nonzero()
        found.append((int(rows.min()), int(rows.max())))
    return found


@given(BODIES, ENDS)
@settings(max_examples=60)
def test_each_position_sees_what_its_gradient_reaches(body: str, end: str) -> None:
    trace = trace_node(expand(parse(f"conv(2, 1) {body} {end}")).root, (2, 64, 64), 10)
    field = fields(trace)[trace.output]
    assert field is not None
    middle = trace.out[1] // 2
    positions = range(max(0, middle - 3), min(trace.out[1], middle + 3))
    expected = [(field.rows.low(i), field.rows.high(i)) for i in positions]
    assume(all(low > 4 and high < 59 for low, high in expected))  # at the border, padding hides a part
    assert hulls(trace, positions) == expected
    assert field.size == cost(trace).field


@pytest.mark.parametrize("text", ["attention(1, grid=4)", "conv(2) attention(1, grid=8)", "attention(1, grid=1x2)"])
def test_attention_in_a_grid_sees_from_the_first_to_the_last(text: str) -> None:
    trace = trace_node(expand(parse(text)).root, (2, 16, 16), 10)
    field = fields(trace)[trace.output]
    assert field is not None
    seen = [(max(0, field.rows.low(i)), min(15, field.rows.high(i))) for i in range(16)]
    assert hulls(trace, range(16)) == seen


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("conv(4) mul(conv(4, 7) | id)", (9, 9)),
        ("conv(4) mul(conv(4, 7) sigmoid | conv(4, 9))", (11, 11)),
        # of full size, and it sees everything: so does the product, and the last image that does not is before it
        ("conv(4) mul(id | gap linear(1024) pixels) conv(4)", None),
        ("patch(8, 16) tokens mul(id | attention(2)) untokens conv(16)", (8, 8)),
        ("patch(8, 16) mul(id | tokens attention(2) untokens) conv(16)", (8, 8)),
        ("conv(4) mul(id | gap(keep) conv(4, 1) sigmoid) conv(4)", (5, 5)),
        ("conv(4) se(2) conv(4)", (5, 5)),
        ("conv(4) mul(conv(4, 32, p=0) sigmoid | id) conv(4)", (5, 5)),  # a gate without global pooling
        ("conv(4) mul(gap | id) mul(gmp | id)", (3, 3)),
    ],
)
def test_a_product_of_full_size_counts_and_a_gate_does_not(text: str, field: tuple[int, int] | None) -> None:
    if "pixels" in text:  # a vector becomes an image of full size by a transposed window alone
        text = text.replace("gap linear(1024) pixels", "gap(keep) upconv(4, 32, s=1)")
        field = (3, 3)
    assert cost(traced(text, 32)).field == field


@pytest.mark.parametrize(
    ("text", "field", "stride"),
    [
        ("conv(4, s=2) upsample(2)", (3, 3), (1, 1)),
        ("conv(4) upsample(2)", (3, 3), (0.5, 0.5)),
        ("conv(4) as a maxpool(2) conv(4) upsample(2) cat(id | @a) conv(4)", (10, 10), (1, 1)),  # a small U-Net
        ("resize(7)", (6, 6), (32 / 7, 32 / 7)),
        ("conv(4, 2, s=2, p=0) upconv(4)", (2, 2), (1, 1)),
    ],
)
def test_enlarging_brings_the_stride_down(text: str, field: tuple[int, int], stride: tuple[float, float]) -> None:
    total = cost(traced(text, 32))
    assert (total.field, total.stride) == (field, stride)
