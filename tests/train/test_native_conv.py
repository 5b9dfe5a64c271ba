"""Convolutions by minimal filtering are those of torch, with their gradients, and what does not fit is left to torch."""

from __future__ import annotations

import platform
import shutil

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.utils import prune

import archdsl
from archdsl.accelerate.fast import fast
from archdsl.accelerate.native import available, has_parts
from archdsl.accelerate.native.conv import FastConv, takes
from archdsl.accelerate.plan import Plan

LAST = torch.channels_last
needs = pytest.mark.skipif(not available("bf16"), reason="needs Linux and a C compiler")
# images, input channels, output channels, height, width, padding: whole tiles and parts, odd numbers of vectors, many channels
# (whose sums are formed in pieces), fewer tiles than threads or parts; channels that fill only narrow vectors.
SHAPES = (
    (3, 24, 24, 9, 8, 1),
    (2, 8, 40, 5, 6, 0),
    (2, 16, 8, 7, 7, 1),
    (1, 200, 328, 4, 5, 1),
    (3, 16, 16, 16, 16, 1),
    (2, 32, 16, 7, 9, 1),
    (5, 16, 48, 5, 6, 0),
    (1, 16, 16, 3, 3, 1),
    (2, 48, 80, 6, 11, 2),
    (2, 64, 128, 8, 8, 1),
    (3, 192, 256, 5, 5, 1),
    (2, 1024, 32, 4, 4, 1),
)


def layer(ins: int, outs: int, pad: int, bias: bool = True) -> nn.Conv2d:
    made = nn.Conv2d(ins, outs, 3, padding=pad, bias=bias)
    return made.to(memory_format=LAST)


def both(ours: nn.Module, theirs: nn.Module, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Outputs and all gradients, ours and those of torch in double precision."""
    a, b = x.clone().requires_grad_(), x.double().requires_grad_()
    y, z = ours(a), theirs(b)
    gradient = torch.randn_like(y)
    torch.autograd.backward(y, gradient)
    torch.autograd.backward(z, gradient.double())
    assert a.grad is not None
    assert b.grad is not None
    found = [(y, z), (a.grad, b.grad)]
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert p.grad is not None
        assert q.grad is not None
        found.append((p.grad, q.grad))
    return found


def check(pairs: list[tuple[Tensor, Tensor]]) -> None:
    for mine, right in pairs:
        assert mine.shape == right.shape
        assert float((mine.detach() - right.detach()).abs().max() / right.detach().abs().max()) < 2e-5


def exact(of: nn.Conv2d) -> nn.Conv2d:
    copied = nn.Conv2d(of.in_channels, of.out_channels, 3, padding=of.padding, bias=of.bias is not None)  # type: ignore[arg-type]
    copied.load_state_dict(of.state_dict())
    return copied.double()


@needs
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_torch(shape: tuple[int, ...], bias: bool) -> None:
    n, ins, outs, h, w, pad = shape
    torch.manual_seed(h)
    mine = layer(ins, outs, pad, bias)
    fast_one = FastConv(mine)
    x = torch.randn(n, ins, h, w).to(memory_format=LAST)
    assert takes(mine)
    assert fast_one._fits(x)
    pairs = both(fast_one, exact(mine), x)
    check(pairs)
    assert pairs[0][0].is_contiguous(memory_format=LAST)


@needs
@pytest.mark.parametrize("shape", SHAPES)
def test_bf16_images_are_rounded_once_and_the_gradients_of_weights_never(shape: tuple[int, ...]) -> None:
    n, ins, outs, h, w, pad = shape
    torch.manual_seed(h)
    mine = layer(ins, outs, pad)
    x = torch.randn(n, ins, h, w).to(torch.bfloat16).to(memory_format=LAST)
    with torch.autocast("cpu", torch.bfloat16):
        assert FastConv(mine)._fits(x)
        (y, z), (dx, right), *parameters = both(FastConv(mine), exact(mine), x)
    assert y.dtype is dx.dtype is torch.bfloat16
    for ours, theirs in ((y, z), (dx, right)):
        # Half of a step of bf16's eight bits, and the rounding of the sums.
        torch.testing.assert_close(
            ours.double(), theirs, rtol=2**-8 * 1.001, atol=2e-5 * float(theirs.detach().abs().max())
        )
    assert all(p.dtype is torch.float32 for p, _ in parameters)
    check(parameters)


@needs
def test_bf16_keeps_what_is_not_finite() -> None:
    x = torch.randn(2, 16, 8, 8)
    x[1, 3, 4, 5] = float("nan")
    with torch.autocast("cpu", torch.bfloat16):
        y = FastConv(layer(16, 16, 1))(x.to(torch.bfloat16).to(memory_format=LAST))
    assert y[1, :, 3:6, 4:7].isnan().all()
    assert y[0].isfinite().all()


@needs
@pytest.mark.parametrize("layout", [torch.contiguous_format, LAST])
def test_weights_may_lie_in_memory_as_they_like(layout: torch.memory_format) -> None:
    mine = nn.Conv2d(16, 32, 3, padding=1).to(memory_format=layout)
    check(both(FastConv(mine), exact(mine), torch.randn(2, 16, 8, 8).to(memory_format=LAST)))


@needs
def test_threads_do_not_change_a_bit() -> None:
    threads, mine = torch.get_num_threads(), layer(32, 48, 1)
    x, found = torch.randn(5, 32, 10, 10).to(memory_format=LAST), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            mine.zero_grad()
            a = x.clone().requires_grad_()
            y = FastConv(mine)(a)
            torch.autograd.backward(y, torch.ones_like(y).cumsum(1))
            assert mine.weight.grad is not None
            found.append((y.detach(), a.grad, mine.weight.grad.clone()))
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(p, q) for p, q in zip(found[0], other, strict=True))  # type: ignore[arg-type]


@needs
def test_only_gradients_that_are_asked_for_are_made() -> None:
    mine, x = layer(16, 16, 1), torch.randn(2, 16, 8, 8).to(memory_format=LAST)
    mine.weight.requires_grad_(False)
    y = FastConv(mine)(x)
    assert mine.bias is not None
    torch.autograd.backward(y, torch.ones_like(y))
    assert mine.weight.grad is None
    torch.testing.assert_close(mine.bias.grad, torch.full((16,), 128.0))
    with torch.no_grad():
        assert not FastConv(mine)(x).requires_grad


@needs
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_lost(bad: float) -> None:
    x = torch.randn(2, 16, 8, 8)
    x[1, 3, 4, 5] = bad
    y = FastConv(layer(16, 16, 1))(x.to(memory_format=LAST))
    assert not y[1, :, 3:6, 4:7].isfinite().any()
    assert y[0].isfinite().all()


def watched(module: nn.Module) -> nn.Module:
    module.register_forward_hook(lambda *_: None)
    return module


@needs
@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(16, 16, 3, stride=2, padding=1),
        nn.Conv2d(16, 16, 5, padding=2),
        nn.Conv2d(16, 16, 3, groups=2),
        nn.Conv2d(16, 16, 3, dilation=2),
        nn.Conv2d(3, 16, 3),
        nn.Conv2d(16, 10, 3),
        nn.Conv2d(16, 16, 3, padding=(0, 1)),
        nn.Conv2d(16, 16, 3, padding="same"),
        nn.Conv2d(16, 16, 3, padding=1, padding_mode="reflect"),
        nn.Linear(16, 16),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(16, 16, 3)),
        None,
        prune.l1_unstructured(nn.Conv2d(16, 16, 3), "weight", 0.5),
        watched(nn.Conv2d(16, 16, 3)),
    ],
)
def test_other_layers_are_not_taken(other: nn.Module | None) -> None:
    assert not takes(other)


@needs
@pytest.mark.parametrize("case", ["double", "bf16", "contiguous", "small", "empty", "autocast"])
def test_what_does_not_fit_goes_to_torch(case: str) -> None:
    x, mine = torch.randn(2, 16, 6, 6), layer(16, 16, 1)
    kind = {"double": torch.float64, "bf16": torch.bfloat16}.get(case, torch.float32)
    x, mine = x.to(kind), mine.to(kind)
    if case == "small":
        x = x[:, :, :2, :2]
    if case == "empty":
        x = x[:0]
    x = x.contiguous() if case == "contiguous" else x.contiguous(memory_format=LAST)
    with torch.autocast("cpu", enabled=case == "autocast"):
        assert not FastConv(mine)._fits(x)
        torch.testing.assert_close(FastConv(mine)(x), functional.conv2d(x, mine.weight, mine.bias, padding=1))


@needs
def test_another_number_of_channels_is_the_error_of_torch() -> None:
    with pytest.raises(RuntimeError, match="expected input"):
        FastConv(layer(16, 16, 1))(torch.randn(2, 32, 8, 8).to(memory_format=LAST))


@needs
def test_the_type_that_torch_makes_by_default_changes_nothing() -> None:
    mine, x = layer(16, 16, 1), torch.randn(2, 16, 8, 8).to(memory_format=LAST)
    precise = exact(mine)
    torch.manual_seed(3)
    before = both(FastConv(mine), precise, x)
    mine.zero_grad()
    precise.zero_grad()
    torch.manual_seed(3)
    torch.set_default_dtype(torch.bfloat16)
    try:
        after = both(FastConv(mine), precise, x)
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(p, q) for (p, _), (q, _) in zip(before, after, strict=True))


@needs
def test_a_net_has_its_convolutions_in_this_form_on_its_own_parameters() -> None:
    model = archdsl.model(
        "conv(16) relu conv(32) bn relu conv(32, 3, 2) relu conv(32,1) gap linear(4)", input=(3, 8, 8), classes=4
    )
    assert isinstance(model, fx.GraphModule)
    assert has_parts(model)
    net = fast(model, Plan(fused=True, native=True))
    assert len([m for m in net.modules() if isinstance(m, FastConv)]) == 1
    assert {p.data_ptr() for p in net.parameters()} == {p.data_ptr() for p in model.parameters()}
    assert not any(isinstance(m, FastConv) for m in model.modules())
    assert not has_parts(archdsl.model("flatten linear(4)", input=(3, 8, 8), classes=4))


def test_linux_with_a_compiler_has_the_kernels() -> None:
    """What does not compile is passed over in silence at run time; here it is not."""
    if platform.system() != "Linux" or shutil.which("cc") is None:
        pytest.skip("needs Linux and a C compiler")
    assert available("fp32", "bf16")
    assert available("fp32", "bf16", narrow=True)
