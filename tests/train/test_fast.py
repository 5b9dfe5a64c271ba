"""Fast forms of a net compute what the plain form computes, on the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import fx, nn
from torch.nn import functional

import archdsl
from archdsl.accelerate.fast import fast
from archdsl.accelerate.plan import PLAIN, Plan, forward_context, prepare
from archdsl.accelerate.pool import pool_first
from archdsl.emit.build import build
from archdsl.train.init import initialise

FUSED = Plan("fp32", True, fused=True)
NETS = (
    "vgg[4x2,8x2] +bn",
    "conv(4) relu maxpool conv(8) relu maxpool(3) gap linear(4)",
    "conv(4) relu gap linear(4)",
    "res(conv(3) relu) gap linear(4)",
)


def net(text: str) -> fx.GraphModule:
    model = build(archdsl.load(text, input=(3, 8, 8), classes=4).trace)
    assert isinstance(model, fx.GraphModule)
    initialise(model, 1)
    return model


def curve(text: str, plan: Plan, steps: int) -> torch.Tensor:
    """The losses of the first steps of SGD on sixteen fixed batches."""
    model = net(text)
    prepare(model, plan)
    chance = torch.Generator().manual_seed(0)
    images, labels = torch.randn(16, 8, 3, 8, 8, generator=chance), torch.randint(4, (16, 8), generator=chance)
    runs, optimizer = fast(model, plan), torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for step in range(steps):
        with forward_context(plan, torch.device("cpu")):
            logits = runs(images[step % 16].contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), labels[step % 16])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


@pytest.mark.parametrize("text", NETS)
def test_fifty_steps_have_the_losses_of_the_plain_form(text: str) -> None:
    torch.testing.assert_close(curve(text, FUSED, 50), curve(text, PLAIN, 50), rtol=0, atol=1e-4)


@pytest.mark.parametrize("text", NETS)
def test_bf16_stays_near_the_plain_form(text: str) -> None:
    # bf16 has 8 bits: a loss of 1.4 is known to about 0.005 a step, and steps add up.
    near, plain = curve(text, Plan("bf16", True, fused=True), 20), curve(text, PLAIN, 20)
    assert float((near - plain).abs().mean()) < 0.05


@pytest.mark.parametrize("mode", [True, False])
def test_pooling_first_gives_the_same_bits_and_gradients(mode: bool) -> None:
    given = []
    for form in (lambda m: m, pool_first):
        model = net("vgg[4x2,8x2] +bn").train(mode)
        images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(2)).round().requires_grad_()
        out = form(model)(images)
        out.square().sum().backward()
        given.append([out, images.grad, *(p.grad for p in model.parameters()), *model.buffers()])
    for plain, swapped in zip(*given, strict=True):
        assert torch.equal(plain, swapped)


def test_pooling_first_sends_the_gradient_of_ties_to_the_same_place() -> None:
    values = torch.tensor([[2.0, 2, -1, -1], [2, 2, -1, 0], [0, -0.0, -3, 5], [0, 0, 5, 5]]).view(1, 1, 4, 4)
    grads = []
    for layers in ([nn.ReLU(), nn.MaxPool2d(2)], [nn.MaxPool2d(2), nn.ReLU()]):
        images = values.clone().requires_grad_()
        nn.Sequential(*layers)(images).sum().backward()
        grads.append(images.grad)
    plain, swapped = grads
    assert plain is not None
    assert swapped is not None
    assert torch.equal(plain, swapped)


def test_the_fast_form_has_the_modules_of_the_model() -> None:
    model = net("vgg[4x2,8x2] +bn")
    form = fast(model, FUSED)
    assert isinstance(form, fx.GraphModule)
    assert form is not model
    assert {k: v.data_ptr() for k, v in form.state_dict().items()} == {
        k: v.data_ptr() for k, v in model.state_dict().items()
    }
    model.eval()
    assert not any(m.training for m in form.modules() if isinstance(m, nn.BatchNorm2d))
    order = [n.target for n in form.graph.nodes if n.op == "call_module"]
    assert order.index("vgg.stage1.maxpool") < order.index("vgg.stage1.relu2")


def test_a_relu_that_others_read_stays_before_the_pooling() -> None:
    graph = fx.Graph()
    relu = graph.call_module("relu", (graph.placeholder("x"),))
    pool = graph.call_module("pool", (relu,))
    graph.output((relu, pool))
    model = fx.GraphModule({"relu": nn.ReLU(), "pool": nn.MaxPool2d(2)}, graph)
    assert pool_first(model) is model


def test_a_relu_that_is_watched_sees_what_it_saw() -> None:
    model = net("conv(4) relu maxpool gap linear(4)")
    watched = next(m for m in model.modules() if isinstance(m, nn.ReLU))
    watched.register_forward_hook(lambda *_: None)
    assert pool_first(model) is model


def test_the_plain_plan_runs_the_model_itself() -> None:
    model = net("vgg[4x2,8x2] +bn")
    assert fast(model, PLAIN) is model
