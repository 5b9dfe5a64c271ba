"""Words of axes, channels and scales against their formulas written in torch, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.emit.build import build
from archdsl.errors import SpecError
from archdsl.expand import expand
from archdsl.ir.cost import cost
from archdsl.ir.field import fields
from archdsl.ir.trace import Trace, trace_node
from archdsl.syntax.parse import parse
from archdsl.train.fused.model import fuse
from archdsl.train.init import initialise
from archdsl.train.optim.parts import weights_of

IMAGE, TOKENS, VECTOR = (6, 5, 7), (5, 6), (6,)
CPU = torch.device("cpu")


def traced(text: str, shape: tuple[int, ...]) -> Trace:
    """The trace of exactly what is written: no head is added."""
    return trace_node(expand(parse(text)).root, shape, 10)


def model_of(text: str, shape: tuple[int, ...]) -> nn.Module:
    model = build(traced(text, shape)).double()
    with torch.no_grad():
        for p in model.parameters():  # every weight counts, those that begin at 0 as well
            p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    return model


def values(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def holds(text: str, shape: tuple[int, ...], expected: Tensor) -> None:
    torch.testing.assert_close(model_of(text, shape)(values(shape)), expected)


@pytest.mark.holds("transpose")
def test_transpose_makes_a_linear_layer_of_tokens() -> None:
    x, model = values(TOKENS), model_of("transpose linear(4) transpose", TOKENS)
    weight, bias = model.parameters()
    expected = torch.stack([x[:, :, c] @ weight.T + bias for c in range(6)], 2)
    torch.testing.assert_close(model(x), expected)
    assert cost(traced("transpose linear(4) transpose", TOKENS)).macs == 5 * 6 * 4


@pytest.mark.holds("roll")
def test_roll_moves_in_a_circle() -> None:
    x = values(IMAGE)
    rows, columns = [(i - 2) % 5 for i in range(5)], [(j + 3) % 7 for j in range(7)]
    holds("roll(2, -3)", IMAGE, x[:, :, rows][:, :, :, columns])
    holds("roll(1)", IMAGE, torch.cat((x[:, :, -1:], x[:, :, :-1]), 2).roll(1, 3))
    holds("roll(12, -17) roll(-2, 3)", IMAGE, x)
    assert not traced("roll(5, 14)", IMAGE).rows  # once round
    assert traced("roll(4, 0)", IMAGE).rows[0].layer.window == ((1, 1), (1, 1), (-1, 0))


@pytest.mark.holds("reduce")
@pytest.mark.parametrize("shape", [IMAGE, TOKENS, VECTOR])
def test_reduce_leaves_one_channel(shape: tuple[int, ...]) -> None:
    x = values(shape)
    each = x.movedim(-1, 1) if len(shape) == 2 else x  # channels first
    for by, expected in (
        ("mean", each.mean(1)),
        ("sum", each.sum(1)),
        ("max", each.max(1).values),
        ("min", each.min(1).values),
    ):
        holds(f"reduce({by})", shape, expected.unsqueeze(-1 if len(shape) == 2 else 1))


@pytest.mark.holds("sub")
@pytest.mark.parametrize("shape", [IMAGE, TOKENS, VECTOR])
def test_sub_takes_the_others_from_the_first(shape: tuple[int, ...]) -> None:
    x = values(shape)
    holds("sub(id | tanh | times(3))", shape, x - x.tanh() - 3 * x)
    holds("sub(tanh | sub(id | tanh))", shape, x.tanh() - (x - x.tanh()))


@pytest.mark.holds("mul")
def test_gates_of_channels_pixels_and_tokens() -> None:
    x, t = values(IMAGE), values(TOKENS)
    holds("mul(id | reduce(mean) sigmoid)", IMAGE, x * x.mean(1, keepdim=True).sigmoid())
    holds("mul(gap | reduce(max) | id)", IMAGE, x.mean((2, 3))[:, :, None, None] * x.amax(1, keepdim=True) * x)
    holds("mul(reduce(mean) | id)", TOKENS, t * t.mean(2, keepdim=True))
    holds("mul(id | gap sigmoid)", TOKENS, t * t.mean(1)[:, None].sigmoid())


@pytest.mark.holds("add mul sub")
def test_one_channel_or_place_is_for_all() -> None:
    x, t, v = values(IMAGE), values(TOKENS), values(VECTOR)
    down, across, means = x.mean(3, keepdim=True), x.mean(2, keepdim=True), x.mean((2, 3))[:, :, None, None]
    rows, columns = f"avgpool(1x{IMAGE[2]}, s=1, p=0)", f"avgpool({IMAGE[1]}x1, s=1, p=0)"
    holds(f"mul(id | {rows} sigmoid | {columns} sigmoid)", IMAGE, x * down.sigmoid() * across.sigmoid())
    holds(f"mul({rows} | {columns})", IMAGE, down * across)
    holds("add(gap | reduce(mean))", IMAGE, means + x.mean(1, keepdim=True).expand(-1, 1, -1, -1))
    holds("sub(gap(keep) | id | reduce(max))", IMAGE, means - x - x.amax(1, keepdim=True))
    holds("sub(id | gap)", TOKENS, t - t.mean(1)[:, None])
    holds("add(reduce(mean) | gap)", TOKENS, t.mean(2, keepdim=True) + t.mean(1)[:, None])
    holds("mul(id | part(1, 6))", VECTOR, v * v[:, :1])
    holds("sub(id | times(2)) abs", VECTOR, v.abs())


def test_branches_of_unlike_numbers_are_refused() -> None:
    for text in (
        "add(conv(4) | conv(8))",
        "add(id | tokens)",
        "sub(id | maxpool(2))",
        "mul(id | gap linear(2))",
        "mul(id | maxpool(2) conv(1))",
        "mul(tokens | gap linear(5))",
        "add(gap | gap linear(2))",
    ):
        with pytest.raises(SpecError) as error:
            traced(f"conv(6) {text}", IMAGE)
        assert error.value.diagnostics[0].code == "A304", text


@pytest.mark.parametrize("text", ["sub(id | gap)", "add(id | conv(6, 16, p=0))", "mul(conv(6, 1x16, p=0) | id)"])
def test_what_all_places_see_makes_them_see_everything(text: str) -> None:
    trace = traced(f"conv(6) {text} conv(6)", (6, 16, 16))
    assert [f is None for f in fields(trace)][-2:] == [True, True]
    assert cost(traced("conv(6) sub(id | gap) conv(6)", (6, 16, 16))).field == (3, 3)  # of the last one that does not


def test_a_gate_of_pixels_counts_for_the_receptive_field_and_one_of_channels_does_not() -> None:
    def field(text: str) -> tuple[int, int] | None:
        return cost(traced(text, (6, 32, 32))).field

    assert field("conv(6) mul(id | conv(1, 7) sigmoid)") == (9, 9)
    assert field("conv(6) mul(id | gap sigmoid)") == (3, 3)
    assert field("conv(6) tokens mul(id | gap sigmoid) untokens") == (3, 3)


@pytest.mark.holds("cat stack")
def test_tokens_side_by_side_and_vectors_as_tokens() -> None:
    t, v = values(TOKENS), values(VECTOR)
    holds("cat(id | tanh slice(2), channels)", TOKENS, torch.cat((t, t.tanh()[:, :, 2:]), 2))
    holds("cat(id | tanh)", TOKENS, torch.cat((t, t.tanh()), 1))
    holds("cat(part(2, 3) | tanh)", VECTOR, torch.cat((v[:, 2:4], v.tanh()), 1))
    holds("cat(part(2, 2) | part(1, 2), channels)", TOKENS, t.roll(3, 2))
    holds("cat(id | tanh, channels)", IMAGE, torch.cat((values(IMAGE), values(IMAGE).tanh()), 1))
    holds("stack(id | tanh | id)", VECTOR, torch.stack((v, v.tanh(), v), 1))
    holds("stack(id | tanh) take(1)", VECTOR, v.tanh())


@pytest.mark.holds("scale")
@pytest.mark.parametrize("shape", [IMAGE, TOKENS, VECTOR])
def test_one_factor_for_the_whole_value(shape: tuple[int, ...]) -> None:
    model = build(traced("scale(0, one)", shape)).double()
    initialise(model, 0)
    (factor,) = model.parameters()
    assert (factor.shape, factor.item()) == ((), 0)
    nn.init.constant_(factor, 0.3)
    torch.testing.assert_close(model(values(shape)), 0.3 * values(shape))


@pytest.mark.holds("affine")
@pytest.mark.parametrize("shape", [IMAGE, TOKENS, VECTOR])
def test_affine_scales_and_shifts_each_channel(shape: tuple[int, ...]) -> None:
    x, model = values(shape), model_of("affine", shape)
    weight, bias = (p.detach().flatten() for p in model.parameters())
    each = x.movedim(1, -1) if len(shape) == 3 else x  # channels last
    expected = each * weight + bias
    torch.testing.assert_close(model(x), expected.movedim(-1, 1) if len(shape) == 3 else expected)
    initialise(model, 0)
    torch.testing.assert_close(model(x), x)
    assert not weights_of(model)


@pytest.mark.holds("affine")
@pytest.mark.parametrize("shape", [IMAGE, TOKENS, VECTOR])
def test_one_factor_and_one_shift_for_the_whole_value(shape: tuple[int, ...]) -> None:
    model = model_of("affine(0.5, one)", shape)
    weight, bias = model.parameters()
    assert weight.shape == bias.shape == (1,)
    torch.testing.assert_close(model(values(shape)), values(shape) * weight + bias)


@pytest.mark.holds("upsample resize")
def test_bilinear_interpolation() -> None:
    x = values(IMAGE)
    holds("upsample(3, bilinear)", IMAGE, functional.interpolate(x, scale_factor=3, mode="bilinear"))
    holds("resize(9x4, bilinear)", IMAGE, functional.interpolate(x, (9, 4), mode="bilinear"))
    row = values((1, 1, 4))  # by hand: places 1/4 and 3/4 between two pixels, the border repeated
    pairs = row[..., [0, 0, 1, 1, 2, 2, 3, 3]], row[..., [0, 1, 0, 2, 1, 3, 2, 3]]
    holds("upsample(2, bilinear)", (1, 1, 4), (0.75 * pairs[0] + 0.25 * pairs[1]).repeat(1, 1, 2, 1))


@pytest.mark.parametrize(
    "word", ["upsample(2, bilinear)", "upsample(3, bilinear)", "resize(10x22, bilinear)", "resize(32x24, bicubic)"]
)
def test_the_field_of_an_interpolation_is_what_gradients_reach(word: str) -> None:
    trace = traced(f"conv(1, 3) {word}", (1, 16, 16))
    model, x = model_of(f"conv(1, 3) {word}", (1, 16, 16)), values((1, 16, 16))[:1].requires_grad_()
    out, most = model(x), (0, 0)
    for i in range(out.shape[2] // 3, out.shape[2] * 2 // 3):
        for j in range(out.shape[3] // 3, out.shape[3] * 2 // 3):
            (gradient,) = torch.autograd.grad(out[0, 0, i, j], x, retain_graph=True)
            seen = gradient[0, 0] != 0
            most = max(most[0], int(seen.any(1).sum())), max(most[1], int(seen.any(0).sum()))
    assert cost(trace).field == most


@pytest.mark.parametrize(
    "text",
    [
        "conv(4) mul(id | conv(1) sigmoid) flatten linear(3)",
        "conv(4) sub(id | conv(1)) add(gap | id) abs flatten linear(3)",
        "conv(4) tokens mul(id | gap sigmoid) transpose linear(4) cat(id | id, channels) gap linear(3)",
        "conv(4) sub(id | relu) affine grn scale(0.5, one) reduce(max) roll(1) flatten linear(3)",
        "conv(4) gap stack(id | tanh) transpose softmax flatten linear(3)",
    ],
)
def test_seeds_as_one_net_give_what_each_gives(text: str) -> None:
    trace = traced(text, (2, 2, 2))
    fused, alone = fuse(trace, 2, CPU), [build(trace), build(trace)]
    for seed, model in enumerate(alone):
        initialise(model, seed)
    fused.take(alone)
    x = torch.rand(4, 2, 2, 2)
    found = fused.net(torch.cat((x, x), 1)).chunk(2, 1)
    for model, ours in zip(alone, found, strict=True):
        torch.testing.assert_close(ours, model(x))


@pytest.mark.parametrize(
    ("text", "shape", "code"),
    [
        ("transpose", IMAGE, "A301"),
        ("transpose", VECTOR, "A301"),
        ("roll(1)", TOKENS, "A301"),
        ("grn", VECTOR, "A301"),
        ("upsample(2, bilinear)", TOKENS, "A301"),
        ("resize(4, bilinear)", VECTOR, "A301"),
        ("sub(id | conv(4))", IMAGE, "A304"),
        ("mul(id | conv(2))", IMAGE, "A304"),
        ("mul(id | linear(2))", TOKENS, "A304"),
        ("stack(id | id)", TOKENS, "A304"),
        ("stack(id | linear(2))", VECTOR, "A304"),
        ("cat(id | transpose)", TOKENS, "A304"),
        ("cat(id | transpose, channels)", TOKENS, "A304"),
        ("reduce(median)", IMAGE, "A208"),
        ("part(2, 4)", TOKENS, "A303"),
    ],
)
def test_refusals_have_place_and_remedy(text: str, shape: tuple[int, ...], code: str) -> None:
    with pytest.raises(SpecError) as caught:
        traced(text, shape)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    assert diagnostic.span is not None
    assert diagnostic.help
