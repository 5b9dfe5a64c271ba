"""Convolutions on tiles are those of torch, with their gradients; where the processor has no tiles, they are imitated."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import archdsl
from archdsl.accelerate import plan as plans
from archdsl.accelerate.fast import fast
from archdsl.accelerate.hardware import kernels
from archdsl.accelerate.native.conv import FastConv, takes
from archdsl.accelerate.plan import PLAIN, Plan, choose, has_kernels, unprobed
from archdsl.emit.build import build
from tests.train.libraries import has_amx
from tests.train.test_native_conv import both, check, exact, layer

LAST = torch.channels_last
CPU = torch.device("cpu")
# images, input channels, output channels, height, width, padding: rows of whole tiles and of parts, channels that fill tiles and
# that do not, several images in a tile, more images than a group has, many weights.
SHAPES = (
    (3, 24, 24, 9, 8, 1),
    (2, 8, 40, 5, 6, 0),
    (2, 16, 8, 7, 7, 1),
    (1, 200, 328, 4, 5, 1),
    (3, 16, 16, 16, 16, 1),
    (2, 33, 31, 7, 9, 1),
    (5, 16, 48, 5, 16, 0),
    (1, 16, 16, 3, 3, 1),
    (2, 48, 80, 6, 11, 2),
    (2, 64, 128, 6, 32, 1),
    (37, 32, 16, 4, 4, 1),
    (2, 1024, 32, 4, 4, 1),
    (64, 16, 16, 24, 24, 1),  # several groups for a part of the gradient of the weights, the last one smaller
)


def images(n: int, c: int, h: int, w: int) -> Tensor:
    return torch.randn(n, c, h, w).to(torch.bfloat16).to(memory_format=LAST)


def rounded(of: nn.Conv2d) -> nn.Conv2d:
    """With weights that bf16 has, so that only sums and outputs are rounded."""
    with torch.no_grad():
        of.weight.copy_(of.weight.bfloat16())
    return of


@pytest.mark.usefixtures("tile_library")
def test_values_and_gradients_are_those_of_torch() -> None:
    for n, ins, outs, h, w, pad in SHAPES:
        for bias, form in ((True, LAST), (False, torch.contiguous_format)):
            torch.manual_seed(h)
            mine = rounded(layer(ins, outs, pad, bias)).to(memory_format=form)
            assert takes(mine, amx=True)
            x = images(n, ins, h, w)
            with torch.autocast("cpu", torch.bfloat16):
                ours = FastConv(mine, amx=True)
                assert ours._fits(x)
                (y, z), (dx, right), *parameters = both(ours, exact(mine), x)
            assert y.dtype is dx.dtype is torch.bfloat16
            assert y.is_contiguous(memory_format=LAST)
            for found, expected in ((y, z), (dx, right)):
                largest = float(expected.detach().abs().max())
                torch.testing.assert_close(found.double(), expected, rtol=2**-8 * 1.001, atol=2e-5 * largest)
            check(parameters)


@pytest.mark.usefixtures("tile_library")
def test_threads_and_other_images_change_no_bit() -> None:
    before = torch.get_num_threads()
    conv = FastConv(layer(40, 72, 1), amx=True)
    x = images(19, 40, 8, 8)
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            conv.zero_grad()
            given = x.clone().requires_grad_()
            with torch.autocast("cpu", torch.bfloat16):
                y = conv(given)
                alone = conv(x[7:8].contiguous(memory_format=LAST))
            assert torch.equal(y[7:8], alone)
            y.backward(torch.ones_like(y))
            assert given.grad is not None
            assert conv.conv.weight.grad is not None
            found.append((y.detach(), given.grad, conv.conv.weight.grad.clone()))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.usefixtures("tile_library")
def test_what_is_not_finite_stays_in_its_windows() -> None:
    for value in (float("nan"), float("inf")):
        x = images(2, 16, 8, 8)
        x[1, 3, 4, 5] = value
        with torch.autocast("cpu", torch.bfloat16):
            y = FastConv(layer(16, 16, 1), amx=True)(x)
        outside = torch.ones(2, 8, 8, dtype=torch.bool)
        outside[1, 3:6, 4:7] = False
        finite = y.isfinite().all(1)
        assert not finite[~outside].any()
        assert finite[outside].all()


def test_few_channels_and_fp32_are_left_to_others() -> None:
    assert not takes(layer(3, 16, 1), amx=True)
    assert takes(layer(12, 20, 1), amx=True)
    x = torch.randn(2, 12, 8, 8).to(memory_format=LAST).requires_grad_()
    conv = FastConv(layer(12, 20, 1), amx=True)
    assert not conv._fits(x)
    assert torch.equal(conv(x), conv.conv(x))


def test_a_plan_says_that_it_takes_tiles() -> None:
    plan = Plan("bf16", channels_last=True, fused=True, native=True, amx=True)
    assert plan.record()["amx"] is True
    assert Plan.of(plan.record()) == plan
    assert "amx" not in replace(plan, amx=False).record()  # as plans of earlier versions
    model = archdsl.model("conv(9) relu conv(9) gap linear(4)", input=(3, 8, 8), classes=4)
    forms = plan, replace(plan, amx=False), replace(plan, native=False, amx=False)
    named = [kernels(form, CPU, model) for form in forms]
    assert named[0].endswith("with AMX")
    assert len(set(named)) == 3  # none is `unused`, which equals any other
    assert kernels(Plan(), CPU, model) == "unused"


def test_a_plan_with_tiles_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan("bf16", channels_last=True, fused=True, native=True, amx=True)
    monkeypatch.setattr(plans, "available", lambda *given: True)
    for answer in (True, False):
        monkeypatch.setattr(plans, "granted", lambda answer=answer: answer)
        assert has_kernels(plan, layer(16, 16, 1)) is answer
        assert has_kernels(replace(plan, amx=False), layer(16, 16, 1))
        assert has_kernels(plan, layer(3, 16, 1))  # which no tiles do


@has_amx
def test_auto_takes_tiles_where_there_are_some() -> None:
    model = build(archdsl.load("vgg[32x2] +bn gap linear(4)", input=(3, 16, 16), classes=4).trace)
    plan, words = choose(model, (8, 3, 16, 16), 5, CPU)
    assert plan.amx
    assert "AMX" in words
    assert unprobed(CPU).amx
    assert not unprobed(CPU, "fp32").amx
    assert not choose(model, (8, 3, 16, 16), 5, CPU, "fp32")[0].amx
    assert PLAIN.amx is False
    plain = build(archdsl.load("conv(16) bn relu gap linear(4)", input=(3, 16, 16), classes=4).trace)
    found, said = choose(plain, (8, 3, 16, 16), 5, CPU)
    assert found.native
    assert not found.amx  # its only convolution has too few channels
    assert "AMX" not in said
    net = fast(model, plan)
    assert any(isinstance(m, FastConv) and m.amx for m in net.modules())
