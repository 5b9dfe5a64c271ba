"""The kernels in C compute what torch computes, whatever follows the norm, and step aside where they cannot be had."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional

import archdsl
from archdsl.accelerate.fast import fast
from archdsl.accelerate.native import available, fuse_norms
from archdsl.accelerate.native.kernels import kernels
from archdsl.accelerate.native.norm import FusedNorm
from archdsl.accelerate.plan import PLAIN, Plan, forward_context, prepare
from archdsl.emit.build import build
from archdsl.train.init import initialise

LAST = torch.channels_last
needs = pytest.mark.skipif(not available("bf16"), reason="needs Linux and a C compiler")
FOLLOWERS = {  # what follows the norm: relu, pool, skip
    "nothing": (False, False, False),
    "relu": (True, False, False),
    "pool": (False, True, False),
    "pool relu": (True, True, False),
    "add relu": (True, False, True),
    "add pool": (False, True, True),
    "add pool relu": (True, True, True),
}
NETS = (
    "vgg[16x2,32x2] +bn",
    "vgg[4x2,8x2] +bn",
    "vgg[4x2,8x2] +bn +res",
    "conv(8) bn relu resnet[8x1,16x1] gap linear(4)",
    "conv(4) bn maxpool conv(8) bn gap linear(4)",
    "conv(5) bn add(conv(5) | id) bn tanh gap linear(4)",
)


def reference(norm: nn.BatchNorm2d, x: Tensor, skip: Tensor | None, relu: bool, pool: bool) -> Tensor:
    y = norm(x)
    y = y if skip is None else y + skip
    y = functional.max_pool2d(y, 2) if pool else y
    return y.relu() if relu else y


def norms(channels: int) -> tuple[nn.BatchNorm2d, nn.BatchNorm2d]:
    one, other = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
    with torch.no_grad():
        one.weight.normal_(), one.bias.normal_()
    other.load_state_dict(one.state_dict())
    return one, other


@needs
@pytest.mark.parametrize("follows", FOLLOWERS)
@pytest.mark.parametrize("channels", [1, 3, 8, 16, 20, 24, 48, 64, 130])
def test_values_gradients_and_statistics_are_those_of_torch(channels: int, follows: str) -> None:
    relu, pool, skips = FOLLOWERS[follows]
    torch.manual_seed(channels)
    ours, theirs = norms(channels)
    x = (torch.randn(7, channels, 6, 10) * 3 + 50).to(memory_format=LAST)  # far from 0: squares would cancel
    a, b = x.clone().requires_grad_(), x.double().requires_grad_()
    skip = torch.randn_like(x) if skips else None
    s, t = (skip.clone().requires_grad_(), skip.double().requires_grad_()) if skip is not None else (None, None)
    y = FusedNorm(ours, relu, nn.MaxPool2d(2) if pool else None)(a, s)
    z = reference(theirs.double(), b, t, relu, pool)
    gradient = torch.randn_like(y)
    torch.autograd.backward(y, gradient)
    torch.autograd.backward(z, gradient.double())
    pairs = [(y, z), (a.grad, b.grad), (ours.weight.grad, theirs.weight.grad), (ours.bias.grad, theirs.bias.grad)]
    pairs += [(ours.running_mean, theirs.running_mean), (ours.running_var, theirs.running_var)]
    pairs += [(s.grad, t.grad)] if s is not None and t is not None else []
    for mine, right in pairs:
        torch.testing.assert_close(mine.double(), right, rtol=2e-4, atol=2e-4)
    assert int(ours.num_batches_tracked) == 1
    assert y.is_contiguous(memory_format=LAST)


@needs
@pytest.mark.parametrize("follows", FOLLOWERS)
def test_bf16_is_rounded_from_float(follows: str) -> None:
    relu, pool, skips = FOLLOWERS[follows]
    torch.manual_seed(1)
    ours, theirs = norms(16)
    x = torch.randn(4, 16, 6, 6).bfloat16().to(memory_format=LAST)
    skip = torch.randn_like(x) if skips else None
    y = FusedNorm(ours, relu, nn.MaxPool2d(2) if pool else None)(x.clone().requires_grad_(), skip)
    z = reference(theirs, x.float(), skip.float() if skip is not None else None, relu, pool)
    assert y.dtype is torch.bfloat16
    torch.testing.assert_close(y.float(), z, rtol=2**-8, atol=1e-3)


@needs
def test_of_equal_values_the_first_in_the_window_gets_the_gradient() -> None:
    norm, x = nn.BatchNorm2d(16), torch.ones(2, 16, 4, 4).to(memory_format=LAST)
    x[0, :, 0, 1] = x[0, :, 1, 0] = 5.0
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    scale = torch.randn(2, 16, 2, 2)
    torch.autograd.backward(FusedNorm(norm, False, nn.MaxPool2d(2))(a), scale.contiguous(memory_format=LAST))
    torch.autograd.backward(functional.max_pool2d(nn.BatchNorm2d(16)(b), 2), scale)
    torch.testing.assert_close(a.grad, b.grad)


@needs
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("follows", FOLLOWERS)
def test_what_is_not_finite_stays_so(follows: str, bad: float) -> None:
    relu, pool, skips = FOLLOWERS[follows]
    x = torch.randn(4, 3, 4, 4).to(memory_format=LAST)
    x[1, 2, 3, 3] = bad
    y = FusedNorm(nn.BatchNorm2d(3), relu, nn.MaxPool2d(2) if pool else None)(x, torch.zeros_like(x) if skips else None)
    assert y[:, 2].isnan().all()
    assert y[:, :2].isfinite().all()


@needs
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_nan_of_the_skip_gets_through_the_pooling(place: tuple[int, int]) -> None:
    skip = torch.zeros(2, 16, 4, 4).to(memory_format=LAST)
    skip[1, 3, 2 + place[0], place[1]] = float("nan")
    y = FusedNorm(nn.BatchNorm2d(16), True, nn.MaxPool2d(2))(torch.randn_like(skip), skip)
    assert y[1, 3, 1, 0].isnan()
    assert int(y.isnan().sum()) == 1


@needs
def test_what_follows_a_pooled_sum_may_change_it_in_place() -> None:
    torch.manual_seed(0)
    x, skip = (torch.randn(2, 16, 4, 4).to(memory_format=LAST).requires_grad_() for _ in range(2))
    norm = nn.BatchNorm2d(16)
    found = []
    for net in (FusedNorm(norm, False, nn.MaxPool2d(2)), lambda x, s: functional.max_pool2d(norm(x) + s, 2)):
        y = functional.silu(net(x, skip), inplace=True)
        found.append(torch.autograd.grad(y.square().sum(), (x, skip)))
    for mine, right in zip(*found, strict=True):
        torch.testing.assert_close(mine, right)


@needs
def test_threads_do_not_change_a_bit() -> None:
    threads = torch.get_num_threads()
    x = torch.randn(9, 24, 10, 10).to(memory_format=LAST)
    found = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            torch.manual_seed(0)
            for pool in (None, nn.MaxPool2d(2)):
                a = x.clone().requires_grad_()
                y = FusedNorm(nn.BatchNorm2d(24), True, pool)(a)
                torch.autograd.backward(y, torch.ones_like(y))
                found.append((count, y.detach(), a.grad))
    finally:
        torch.set_num_threads(threads)
    for place, (_, y, gradient) in enumerate(found):
        assert torch.equal(y, found[place % 2][1])
        assert torch.equal(gradient, found[place % 2][2])


def built(text: str) -> fx.GraphModule:
    model = build(archdsl.load(text, input=(3, 8, 8), classes=4).trace)
    assert isinstance(model, fx.GraphModule)
    initialise(model, 1)
    return model


def curve(text: str, plan: Plan, steps: int) -> Tensor:
    model = built(text)
    prepare(model, plan)
    chance = torch.Generator().manual_seed(0)
    images, labels = torch.randn(16, 8, 3, 8, 8, generator=chance), torch.randint(4, (16, 8), generator=chance)
    net, optimizer = fast(model, plan), torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for step in range(steps):
        with forward_context(plan, torch.device("cpu")):
            logits = net.train()(images[step % 16].contiguous(memory_format=LAST))
        loss = functional.cross_entropy(logits.float(), labels[step % 16])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.detach())
    model.eval()
    losses.append(functional.cross_entropy(model(images[0]), labels[0]).detach())
    return torch.stack(losses)


@needs
@pytest.mark.parametrize("text", NETS)
def test_fifty_steps_have_the_losses_of_the_plain_form(text: str) -> None:
    # At a rate of 0.05 one value that passes 0 a step earlier parts the curves of a net as small as this.
    mine = curve(text, Plan("fp32", True, fused=True, native=True), 50)
    torch.testing.assert_close(mine, curve(text, PLAIN, 50), rtol=0, atol=1e-4)


@needs
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("text", NETS)
def test_gradients_are_as_near_to_exact_ones_as_those_of_torch(text: str, precision: Literal["fp32", "bf16"]) -> None:
    plan = Plan(precision, True, fused=True, native=True)
    plain, ours, exact = built(text), built(text), built(text).double()
    prepare(ours, plan)
    torch.manual_seed(2)
    images, labels = torch.randn(32, 3, 8, 8), torch.randint(4, (32,))
    for net, x, form in (
        (plain, images, plan),
        (fast(ours, plan), images.contiguous(memory_format=LAST), plan),
        (exact, images.double(), PLAIN),
    ):
        with forward_context(form, torch.device("cpu")):
            logits = net(x)
        torch.autograd.backward(functional.cross_entropy(logits if form is PLAIN else logits.float(), labels))
    for p, o, e in zip(plain.parameters(), ours.parameters(), exact.parameters(), strict=True):
        assert p.grad is not None
        assert o.grad is not None
        assert e.grad is not None
        near = float((p.grad - e.grad).abs().max())
        assert float((o.grad - e.grad).abs().max()) <= 4 * near + 1e-7


@needs
@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("vgg[4x2,8x2] +bn", ["relu", "relu pool", "relu", "relu pool"]),
        ("conv(8) bn relu resnet[8x1,16x1] gap linear(4)", ["relu", "relu", "add relu", "relu", "add relu", ""]),
        ("conv(4) bn maxpool conv(8) bn gap linear(4)", ["pool", ""]),
    ],
)
def test_each_norm_takes_what_follows_it(text: str, kinds: list[str]) -> None:
    model = built(text)
    net = fuse_norms(fast(model, Plan(fused=True)))  # type: ignore[arg-type]
    made = [(n, net.get_submodule(str(n.target))) for n in net.graph.nodes if n.op == "call_module"]
    found = [
        " ".join(w for w, has in (("add", len(n.args) == 2), ("relu", m.relu), ("pool", m.pool)) if has)
        for n, m in made
        if isinstance(m, FusedNorm)
    ]
    assert sorted(found) == sorted(kinds)
    assert not [m for _, m in made if type(m) is nn.BatchNorm2d]
    assert {p.data_ptr() for p in net.parameters()} == {p.data_ptr() for p in model.parameters()}


@needs
def test_eval_mode_and_odd_sides_are_left_to_torch() -> None:
    fused = FusedNorm(nn.BatchNorm2d(3), True, nn.MaxPool2d(2))
    x = torch.randn(2, 3, 5, 5).to(memory_format=LAST)
    assert fused(x).shape == (2, 3, 2, 2)
    fused.eval()
    even = torch.randn(2, 3, 4, 4).to(memory_format=LAST)
    torch.testing.assert_close(fused(even), reference(fused.norm, even, None, True, True))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        FusedNorm(nn.BatchNorm2d(3))(torch.randn(1, 3, 1, 1))


@needs
def test_another_number_of_channels_is_the_error_of_torch() -> None:
    with pytest.raises(RuntimeError):
        FusedNorm(nn.BatchNorm2d(4))(torch.randn(2, 8, 4, 4).to(memory_format=LAST))


@needs
@pytest.mark.parametrize("at", ["bn", "relu", "maxpool"])
def test_a_layer_that_is_watched_stays_itself(at: str) -> None:
    model = built("conv(4) bn maxpool relu gap linear(4)")
    seen: list[int] = []
    kind = {"bn": nn.BatchNorm2d, "relu": nn.ReLU, "maxpool": nn.MaxPool2d}[at]
    (layer,) = [m for m in model.modules() if type(m) is kind]
    layer.register_forward_hook(lambda *_: seen.append(1))
    fuse_norms(model)(torch.randn(2, 3, 8, 8).to(memory_format=LAST))
    assert seen == [1]


@needs
def test_other_types_have_no_kernels() -> None:
    assert kernels("norm", torch.float16) is None
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64).to(memory_format=LAST)
    torch.testing.assert_close(FusedNorm(nn.BatchNorm2d(3).double())(x), nn.BatchNorm2d(3).double()(x))
