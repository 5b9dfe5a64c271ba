"""The form in which trained nets answer on a CPU says what the nets say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import fx, nn

from archdsl.accelerate import inference
from archdsl.accelerate.inference import FEWEST, Answering, answering
from archdsl.accelerate.native import available
from archdsl.accelerate.native.answering import AnsweringConv
from archdsl.accelerate.native.holder import bare
from archdsl.api import load
from archdsl.emit.build import build
from archdsl.emit.inputs import random_inputs
from archdsl.emit.layers import Ode
from archdsl.files import specs
from archdsl.registry.shapes import batch_of

MOST = 60e6  # multiplications and additions of a spec that is small enough for this test


def _net(text: str) -> fx.GraphModule:
    torch.manual_seed(0)
    return _used(build(load(text, input=(3, 16, 16), classes=10).trace))


def _used(model: fx.GraphModule) -> fx.GraphModule:
    """In eval mode, with statistics of batch norm that are not those of a fresh net."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


def _small() -> list[Path]:
    found = []
    for path in specs():
        spec = load(path)
        if spec.cost.macs <= MOST:
            found.append(path)
    return found


@pytest.mark.parametrize("path", _small(), ids=lambda p: "/".join(p.parts[-2:]))
def test_every_small_spec_answers_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts of the batch, too."""
    monkeypatch.setattr(inference, "HELD", 1)
    monkeypatch.setattr(inference, "FEWEST", 1)
    torch.manual_seed(0)
    spec = load(path)
    model = _used(build(spec.trace))
    x = random_inputs(batch_of(spec.trace.input, torch.get_num_threads() + 1))
    with torch.no_grad():
        expected = model(x)
        held = {k: v.clone() for k, v in model.state_dict().items()}
        quick = answering(model, x.dim() == 4)
        plain = x.dim() != 4 or any(isinstance(m, Ode) or not bare(m) for m in model.modules())
        assert isinstance(quick, Answering) != plain
        found = quick(x)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
        assert all(torch.equal(v, model.state_dict()[k]) for k, v in held.items())
        torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_batch_norms_are_folded_and_the_net_keeps_its_own() -> None:
    model = _net("vgg[16x1,32x1] +bn gap linear(10)")
    quick = answering(model, True)
    assert isinstance(quick, Answering)
    assert not any(isinstance(m, nn.BatchNorm2d) for _, m in _called(quick.net))
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == 2
    if available():
        assert any(isinstance(m, AnsweringConv) for _, m in _called(quick.net))


def _called(net: fx.GraphModule) -> list[tuple[str, nn.Module]]:
    return [(str(n.target), net.get_submodule(str(n.target))) for n in net.graph.nodes if n.op == "call_module"]


def test_new_weights_are_seen_by_the_next_form_alone() -> None:
    """A form is that of the weights as they were; who changes them asks again."""
    model = _net("conv(8) bn relu gap linear(10)")
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        before = answering(model, True)(x)
        next(model.parameters()).mul_(2)
        assert not torch.allclose(answering(model, True)(x), before, atol=1e-3)


def test_labels_of_the_network_are_not_taken_for_new_layers() -> None:
    text = "folded0: conv(8) bn relu answering0: conv(8) bn relu gap fast0: linear(10)"
    model = _net(f"conv(8) bn {text}")
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(answering(model, True)(x), model(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_nan_comes_through(channels: int) -> None:
    """A run that diverged is known by its NaNs."""
    model = _used(
        build(load("conv(8) bn relu conv(8) relu6 gap linear(10)", input=(channels, 16, 16), classes=10).trace)
    )
    x = torch.randn(2, channels, 16, 16)
    x[0, 0, 3, 3] = float("nan")
    found = answering(model, True)(x)
    assert found[0].isnan().all()
    assert not found[1].isnan().any()


@pytest.mark.parametrize("why", ["training", "hook", "double", "vectors", "another module", "ode"])
def test_what_is_left_as_it_is(why: str) -> None:
    model: nn.Module = _net(
        "conv(8) bn relu ode(conv(8) tanh) gap linear(10)" if why == "ode" else "conv(8) bn relu gap linear(10)"
    )
    if why == "training":
        model.train()
    elif why == "hook":
        next(iter(model.children())).register_forward_hook(lambda *_: None)
    elif why == "double":
        model.double()
    elif why == "another module":
        model = nn.Sequential(model).eval()
    assert answering(model, why != "vectors") is model


def test_a_batch_that_fills_no_cache_goes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _net("conv(8) bn relu maxpool conv(16) gap linear(10)")
    quick = answering(model, True)
    assert isinstance(quick, Answering)
    seen: list[int] = []
    quick.net.register_forward_hook(lambda net, given, made: seen.append(len(given[0])))
    x = torch.randn(4 * FEWEST * torch.get_num_threads() + 3, 3, 16, 16)
    whole = quick(x)
    assert seen == [len(x)]
    monkeypatch.setattr(inference, "HELD", 1)
    seen.clear()
    torch.testing.assert_close(quick(x), whole, rtol=1e-5, atol=1e-5)
    assert seen == [FEWEST * torch.get_num_threads()] * 4 + [3]
