"""The built module: names, shapes, straight code, and activations that overwrite only what nobody else reads."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from archdsl.api import load
from archdsl.emit.build import build
from archdsl.ir.trace import Trace

# Every way in which values branch, meet, and come back.
WIRINGS = [
    "conv(8) bn relu conv(8) as a relu cat(id | @a) gap linear(10)",
    "conv(8) as a relu add(conv(8) relu | @a) relu gap linear(10)",
    "conv(8) as a conv(8) as b relu cat(@a relu | @b | id) conv(4, 1) gap linear(10)",
    "cat(conv(4, 1) relu | conv(4, 1) relu conv(8) relu | maxpool(3, s=1, p=1) conv(4, 1)) gap linear(10)",
    "(conv(8) bn relu)*3 gap linear(10)",
    "conv(8) res(conv(16, s=2) bn relu conv(16)) relu gap linear(10)",
    "conv(8) mul(id | gap linear(8) sigmoid) gap linear(10)",
    "conv(16) se(4) gap linear(10)",
    "conv(8) shared(conv(8) relu, 3) gap linear(10)",
    "conv(8) shared(conv(8) as a relu shared(conv(8) relu, 2) add(id | @a), 2) gap linear(10)",
    "conv(8) ode(conv(8) bn relu conv(8), solver=rk4, steps=2) gap linear(10)",
    "stem: conv(8) body: (conv(8) relu inner: conv(8)) gap head: linear(10)",
    "dropconnect(conv(8), 0.3) relu drop(0.2, early) gap linear(10)",
    "patch(8, 32) tokens cls pos add(id | ln attention(4)) ln take linear(10)",
    "vgg[8x2,16x2] +res +bn drop(0.3,late)",
    "plain[8x2,16x2] +res +pre +se(4) +droppath(0.1)",
]
CASES = pytest.mark.parametrize("text", WIRINGS)


def trace_of(text: str) -> Trace:
    return load(text, input=(3, 16, 16), classes=10).trace


def images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@CASES
def test_keys_and_shapes_are_those_declared(text: str) -> None:
    trace = trace_of(text)
    state = {key: tuple(value.shape) for key, value in build(trace).state_dict().items()}
    rows = trace.flat()
    declared = {f"{r.path}.{k}": tuple(s) for r in rows for k, s in {**r.layer.weights, **r.layer.buffers}.items()}
    assert state == declared


@CASES
@pytest.mark.parametrize("batch", [1, 5])
def test_any_batch_passes(text: str, batch: int) -> None:
    assert build(trace_of(text)).eval()(images(batch)).shape == (batch, 10)


@CASES
def test_an_activation_overwrites_nothing_that_is_read_again(text: str) -> None:
    model = build(trace_of(text)).eval()
    x = images()
    given = x.clone()
    out = model(x)
    out.square().sum().backward()
    assert torch.equal(x, given)  # the caller's batch least of all
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    again = model(x)
    again.square().sum().backward()
    torch.testing.assert_close(again, out, rtol=0, atol=0)
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.grad, gradients[name], rtol=0, atol=0)


def test_an_activation_overwrites_where_it_may() -> None:
    model = build(trace_of("conv(8) bn relu conv(8) relu gap linear(10)"))
    assert [m.inplace for m in model.modules() if isinstance(m, nn.ReLU)] == [True, True]


@pytest.mark.parametrize(
    "text",
    [
        "relu conv(8) gap linear(10)",
        "conv(8) as a relu add(id | @a) gap linear(10)",
        "maxpool relu conv(8) gap linear(10)",
        "conv(8) as a add(@a) relu cat(id | @a) gap linear(10)",
        "conv(8) res(sub(id) relu conv(8)) gap linear(10)",
    ],
)
def test_an_activation_leaves_alone_what_others_need(text: str) -> None:
    assert not any(getattr(m, "inplace", False) for m in build(trace_of(text)).modules())


def test_labels_are_keys() -> None:
    state = build(trace_of("stem: conv(8) body: (conv(8) relu inner: conv(8)) gap head: linear(10)")).state_dict()
    assert {k.rpartition(".")[0] for k in state} == {"stem", "body.conv", "body.inner", "head"}


def test_forward_is_one_line_a_layer() -> None:
    trace = trace_of(WIRINGS[0])
    model = build(trace)
    assert sum(node.op not in ("placeholder", "output") for node in model.graph.nodes) == len(trace.rows)
    first = {line.split()[0] for line in model.code.splitlines() if line.strip()}
    assert not first & {"if", "for", "while", "with"}


def test_shared_weights_are_one_storage() -> None:
    model = build(trace_of("conv(8) shared(conv(8) relu, 3) gap linear(10)"))
    assert sum(p.numel() for p in model.parameters()) == (27 + 1) * 8 + (72 + 1) * 8 + 90
    assert len({p.data_ptr() for p in model.parameters()}) == len(model.state_dict())


def test_a_model_begins_in_training_mode_and_is_fresh_each_time() -> None:
    trace = trace_of(WIRINGS[0])
    first, second = build(trace), build(trace)
    assert first.training
    assert not {p.data_ptr() for p in first.parameters()} & {p.data_ptr() for p in second.parameters()}


def test_a_gradient_reaches_what_a_reference_reads() -> None:
    model = build(trace_of("a: conv(8) as v b: conv(8) @v relu gap linear(10)"))
    model(images()).sum().backward()
    assert model.get_parameter("a.weight").grad is not None
    assert model.get_parameter("b.weight").grad is None  # nobody reads what `b` gives


@CASES
def test_blocks_are_modules_with_the_weights_and_outputs_of_the_whole(text: str) -> None:
    trace = trace_of(text)
    torch.manual_seed(0)
    whole = build(trace)
    torch.manual_seed(0)
    parted = build(trace, whole=False)
    assert [name for name, _ in parted.named_parameters()] == [name for name, _ in whole.named_parameters()]
    assert list(parted.state_dict()) == list(whole.state_dict())
    for key, value in whole.state_dict().items():
        assert torch.equal(parted.state_dict()[key], value), key
    outputs = []
    for model in (whole, parted):
        torch.manual_seed(1)  # of dropout
        outputs.append(model(images(4)))
        outputs[-1].square().sum().backward()
    assert torch.equal(*outputs)
    for (name, one), two in zip(whole.named_parameters(), parted.parameters(), strict=True):
        assert torch.equal(one.grad, two.grad), name
    again = deepcopy(parted).eval()
    assert torch.equal(again(images()), parted.eval()(images()))


@CASES
def test_every_module_that_holds_others_is_called(text: str) -> None:
    model = build(trace_of(text), whole=False).eval()
    called: set[str] = set()
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: called.add(name))
    model(images())
    silent = {name for name, module in model.named_modules() if type(module) is nn.Module}
    assert {name for name, _ in model.named_modules()} - called == silent
    assert not silent or "@" in text, "only parts at which several values arrive are not modules that are called"


def test_a_residual_block_is_hooked_and_replaced() -> None:
    model = build(trace_of("conv(8) bn relu res(conv(8) bn relu conv(8) bn) relu gap linear(10)"), whole=False)
    seen: list[torch.Tensor] = []
    handle = model.res.register_forward_hook(lambda module, arrived, left: seen.extend((arrived[0], left)))
    model(images()).sum().backward()
    assert [tuple(value.shape) for value in seen] == [(3, 8, 16, 16)] * 2
    body = model.res.bn2(model.res.conv2(torch.relu(model.res.bn(model.res.conv(seen[0])))))
    torch.testing.assert_close(seen[1], body + seen[0])  # the ReLU behind it has not overwritten what was hooked
    handle.remove()
    model.res = nn.Identity()
    model(images()).sum().backward()
    model.eval()
    expected = model.linear(model.gap(model.relu(model.bn(model.conv(images())))))
    torch.testing.assert_close(model(images()), expected)


@pytest.mark.parametrize(
    "name", ["resnet18", "densenet", "inception", "efficientnet", "shufflenet", "vit", "convnext", "ode"]
)
def test_blocks_of_shipped_nets_are_called_and_change_no_bit(name: str) -> None:
    trace = load(f"{name}.arch").trace
    torch.manual_seed(0)
    whole = build(trace).eval()
    parted = build(trace, whole=False).eval()
    parted.load_state_dict(whole.state_dict())
    x = torch.rand(2, *trace.input, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(whole(x), parted(x))
    assert list(parted.state_dict()) == list(whole.state_dict())
    assert any(type(module).__name__ == "Block" for module in parted.modules())
