"""A convolution on tiles and the norm behind it, as one module, compute what they compute one after the other, to the bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archdsl
from archdsl.accelerate.fast import fast
from archdsl.accelerate.native.conv import FastConv, fuse_convs
from archdsl.accelerate.native.joint import JointNorm
from archdsl.accelerate.native.norm import FusedNorm, fuse_norms
from archdsl.accelerate.plan import Plan
from archdsl.accelerate.pool import pool_first
from archdsl.emit.build import build
from tests.train.libraries import has_amx
from tests.train.test_native_conv import layer

LAST = torch.channels_last
AMX = Plan("bf16", channels_last=True, fused=True, native=True, amx=True)
# images, input channels, output channels, height, width, padding: groups of one image and of several, rows of whole tiles and of
# parts.
SHAPES = (
    (32, 16, 24, 8, 8, 1),
    (64, 40, 48, 4, 4, 1),
    (32, 16, 16, 6, 16, 1),
    (32, 64, 96, 6, 8, 0),
    (96, 8, 33, 4, 6, 2),
)
LARGE = (128, 16, 16, 32, 32, 1)  # several groups in each block, the last one smaller

# ReLU, pooling, a skip.
FOLLOWERS = (
    (True, False, False),
    (True, True, False),
    (True, False, True),
    (False, False, False),
    (False, True, False),
    (True, True, True),
)


def both(
    n: int, ins: int, outs: int, h: int, w: int, pad: int, relu: bool, pool: bool, skips: bool
) -> list[list[Tensor]]:
    """Outputs, gradients and moving averages of the joint module, and of the same two one after the other."""
    torch.manual_seed(outs)
    conv = layer(ins, outs, pad, bias=False)
    norm = nn.BatchNorm2d(outs)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    rows, columns = h + 2 * pad - 2, w + 2 * pad - 2
    x = torch.randn(n, ins, h, w).bfloat16().to(memory_format=LAST)
    skip = torch.randn(n, outs, rows, columns).bfloat16().to(memory_format=LAST)
    state = {k: v.clone() for k, v in norm.state_dict().items()}
    found = []
    for joint in (True, False):
        norm.load_state_dict(state)
        conv.zero_grad()
        norm.zero_grad()
        fused = FusedNorm(norm, relu, nn.MaxPool2d(2) if pool else None).train()
        one = JointNorm(FastConv(conv, amx=True), fused)
        given, more = x.clone().requires_grad_(), skip.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            assert one._fits(given, more if skips else None)
            z = one(given, more if skips else None) if joint else fused(one.conv(given), more if skips else None)
        torch.manual_seed(1)
        z.backward(torch.randn_like(z))
        assert given.grad is not None
        assert conv.weight.grad is not None
        assert norm.weight.grad is not None
        assert norm.bias.grad is not None
        gradients = [given.grad, conv.weight.grad.clone(), norm.weight.grad.clone(), norm.bias.grad.clone()]
        gradients += [more.grad] if skips and more.grad is not None else []
        found.append([z.detach(), *gradients, *(v.clone() for v in norm.state_dict().values())])
    return found


@pytest.mark.usefixtures("tile_library")
def test_the_joint_module_gives_the_bits_of_both() -> None:
    for shape in SHAPES:
        for relu, pool, skips in FOLLOWERS:
            if pool and (shape[3] + 2 * shape[5] - 2) % 2:
                continue
            joint, apart = both(*shape, relu=relu, pool=pool, skips=skips)
            assert len(joint) == len(apart)
            for a, b in zip(joint, apart, strict=True):
                assert torch.equal(a, b), (shape, relu, pool, skips)


@pytest.mark.usefixtures("tile_library")
def test_images_in_several_groups() -> None:
    joint, apart = both(*LARGE, relu=True, pool=False, skips=False)
    assert all(torch.equal(a, b) for a, b in zip(joint, apart, strict=True))


@pytest.mark.usefixtures("tile_library")
@pytest.mark.parametrize("norm", [{"affine": False}, {"track_running_stats": False}, {"momentum": None}])
def test_norms_without_parameters_or_averages(norm: dict[str, Any]) -> None:
    conv = layer(16, 24, 1, bias=False).to(memory_format=torch.contiguous_format)
    found = []
    for joint in (True, False):
        one = JointNorm(FastConv(conv, amx=True), FusedNorm(nn.BatchNorm2d(24, **norm)).train())
        torch.manual_seed(2)
        x = torch.randn(32, 16, 8, 8).bfloat16().to(memory_format=LAST)  # whose gradient is not asked for
        skip = torch.randn(32, 24, 8, 8).bfloat16().to(memory_format=LAST).requires_grad_()
        conv.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            z = one(x, skip) if joint else one.norm(one.conv(x), skip)
            z.sum().backward(retain_graph=True)
            z.sum().backward()
        assert conv.weight.grad is not None
        assert skip.grad is not None
        found.append([z.detach(), conv.weight.grad.clone(), skip.grad, *one.norm.norm.state_dict().values()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.usefixtures("tile_library")
def test_an_image_that_is_also_the_skip() -> None:
    conv = layer(16, 16, 1, bias=False)
    found = []
    for joint in (True, False):
        one = JointNorm(FastConv(conv, amx=True), FusedNorm(nn.BatchNorm2d(16), relu=True).train())
        torch.manual_seed(3)
        x = torch.randn(32, 16, 8, 8).bfloat16().to(memory_format=LAST).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            z = one(x, x) if joint else one.norm(one.conv(x), x)
        z.sum().backward()
        assert x.grad is not None
        found.append([z.detach(), x.grad])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.usefixtures("tile_library")
def test_threads_change_no_bit() -> None:
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            found.append(both(32, 16, 24, 8, 8, 1, relu=True, pool=False, skips=True)[0])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.usefixtures("tile_library")
def test_what_does_not_fit_is_done_one_after_the_other() -> None:
    """Batches whose images are in no whole blocks, a bias, weights that are frozen, eval mode, fp32."""
    norm = FusedNorm(nn.BatchNorm2d(16), relu=True).train()
    x = torch.randn(32, 16, 8, 8).bfloat16().to(memory_format=LAST)
    with torch.autocast("cpu", torch.bfloat16):
        one = JointNorm(FastConv(layer(16, 16, 1, bias=False), amx=True), norm)
        assert one._fits(x, None)
        assert not one._fits(x[:20], None)
        assert one(x[:20]).shape == (20, 16, 8, 8)
        assert not JointNorm(FastConv(layer(16, 16, 1), amx=True), norm)._fits(x, None)
        one.conv.conv.weight.requires_grad_(False)
        assert not one._fits(x, None)
        one.conv.conv.weight.requires_grad_()
        norm.eval()
        assert not one._fits(x, None)
        norm.train()
    assert not one._fits(x.float(), None)


@has_amx
def test_a_net_is_joined_where_only_a_norm_reads_a_convolution() -> None:
    text = "conv(16) bn relu vgg[32x2] +bn resnet[32x1] conv(16) relu gap linear(4)"
    model = build(archdsl.load(text, input=(3, 16, 16), classes=4).trace).to(memory_format=LAST)
    net = fast(model, AMX)
    assert isinstance(net, torch.fx.GraphModule)
    used = [type(net.get_submodule(str(n.target))).__name__ for n in net.graph.nodes if n.op == "call_module"]
    assert used.count("JointNorm") == 4  # two of vgg, two of resnet
    x, labels = torch.randn(32, 3, 16, 16).to(memory_format=LAST), torch.randint(0, 4, (32,))
    found = []
    for made in (net, fuse_convs(fuse_norms(pool_first(model)), "bf16", amx=True)):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = made.train()(x)
        functional.cross_entropy(logits.float(), labels).backward()
        found.append([logits.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
    assert len(found[0]) > 10
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
