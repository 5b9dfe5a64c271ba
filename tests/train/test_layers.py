"""Convolutions that torch does faster are found by measuring, and left to it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

import archdsl
from archdsl.accelerate import layers
from archdsl.accelerate.fast import fast
from archdsl.accelerate.hardware import kernels
from archdsl.accelerate.native import available
from archdsl.accelerate.native.conv import layer_name
from archdsl.accelerate.plan import Plan
from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.errors import EnvError
from archdsl.runs.conditions import conditions_of
from archdsl.runs.run import Run
from archdsl.train import prepare
from archdsl.train.fit import fit

LAST = torch.channels_last
needs = pytest.mark.skipif(not available(), reason="needs Linux and a C compiler")


@needs
def test_a_layer_that_is_named_is_done_by_torch() -> None:
    """The mixed form has torch's numbers in that layer to the bit, and ours in the others."""
    model = archdsl.model("conv(16, bias=false) conv(16, bias=false) gap linear(4)", input=(16, 8, 8), classes=4)
    x = torch.randn(2, 16, 8, 8).contiguous(memory_format=LAST)
    model.to(memory_format=LAST)
    name = layer_name(next(m for m in model.modules() if isinstance(m, nn.Conv2d)), x)
    assert name == "16 to 16 at 8x8, pad 1"
    plan = Plan(fused=True, channels_last=True, native=True)
    ours, theirs = fast(model, plan)(x), fast(model, replace(plan, by_torch=(name,)))(x)
    assert torch.equal(theirs, model(x))
    assert not torch.equal(ours, theirs)
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert kernels(plan, torch.device("cpu"), model) != kernels(
        replace(plan, by_torch=(name,)), torch.device("cpu"), model
    )


@needs
def test_a_run_on_tiles_resumes_only_where_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load("net conv(16) relu gap linear(classes)\ndata fashion-mini subset(80)\ntrain adam epochs(3) batch(40)\n")
    plan = Plan(threads=1, fused=True, channels_last=True, native=True)
    monkeypatch.setattr(prepare, "choose", lambda *given: (plan, ""))
    go = partial(fit, build(spec.trace), experiment_of(spec), out=tmp_path / "run", device="cpu")
    assert not go(limit=1e-6).done
    for name in ("has_kernels", "has_its_tiles"):
        monkeypatch.setattr(prepare, name, lambda *given: False)
    with pytest.raises(EnvError, match="tiles of AMX") as caught:
        go()
    assert "--again" in str(caught.value.help)
    monkeypatch.setattr(prepare, "has_its_tiles", lambda *given: True)
    with pytest.raises(EnvError, match="not available now"):
        go()


@needs
def test_layers_are_measured_and_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = archdsl.model(
        "conv(16) bn relu conv(24, s=2) conv(32) conv(32) gap linear(4)", input=(16, 12, 12), classes=4
    )
    before = {k: v.clone() for k, v in model.state_dict().items()}
    chance, threads = torch.get_rng_state(), torch.get_num_threads()
    for margin, found in ((1e-9, 3), (1e9, 0)):
        monkeypatch.setattr(layers, "MARGIN", margin)
        names = layers.layers_by_torch(model, (2, 16, 12, 12), half=False, threads=1)
        assert len(names) == found
        assert list(names) == sorted(names)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(chance, torch.get_rng_state())
    assert torch.get_num_threads() == threads


@needs
def test_a_resumed_run_keeps_its_mixed_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers that torch does are those of the run, and are not measured again; the weights end in the same bits."""
    text = (
        "net conv(16, 3, 2) relu conv(16) bn relu conv(16) gap linear(classes)\n"
        "data fashion-mini subset(160)\ntrain adam(1e-2) epochs(3) batch(40)\n"
    )
    mixed = Plan(threads=1, fused=True, channels_last=True, native=True, by_torch=("16 to 16 at 14x14, pad 1",))
    seen: list[Plan] = []

    def go(place: str, **more: float) -> Run:
        spec = load(text)
        return fit(build(spec.trace), experiment_of(spec), out=tmp_path / place, device="cpu", speed="auto", **more)

    monkeypatch.setattr(prepare, "choose", lambda *given: (mixed, "") if not seen else pytest.fail("measured again"))
    expected = go("straight")
    assert expected.plan == {**mixed.record(), "by_torch": ["16 to 16 at 14x14, pad 1"]}
    assert not go("stopped", limit=1e-6).done
    seen.append(mixed)
    again = go("stopped")
    assert again.plan == expected.plan
    assert again.weights.read_bytes() == expected.weights.read_bytes()
    assert "by torch: 16 to 16 at 14x14" in conditions_of(again.versions)["kernels"]
