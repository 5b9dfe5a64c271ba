"""A rate that changes while training needs no new program, and the compiled form drops as the eager one."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from archdsl.emit import layers

KIN = {
    "drop": lambda: layers.PhasedDropout(0.5, early=0.8),
    "spatial": lambda: layers.PhasedDropout(0.5, early=0.8, channels=True),
    "droppath": lambda: layers.DropPath(0.5, early=0.8),
    "dropblock": lambda: layers.DropBlock2d(0.3, 3, early=0.8),
    "cutout": lambda: layers.Cutout(4, 0.6, early=0.8),
}
SHARES = (0.0, 0.2, 0.4, 0.6, 0.9)


@pytest.mark.parametrize("name", KIN)
def test_a_new_rate_compiles_nothing_anew_and_drops_as_much(name: str) -> None:
    torch._dynamo.reset()
    counter = CompileCounter()
    layer = KIN[name]()
    compiled = torch.compile(layer, backend=counter, fullgraph=True)
    x = torch.ones(256, 8, 12, 12)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for share in SHARES:
            layer.set_progress(share)
            eager, other = layer(x), compiled(x)
            assert other.shape == x.shape
            assert float((other == 0).float().mean()) == pytest.approx(float((eager == 0).float().mean()), abs=0.05)
            assert float(other.mean()) == pytest.approx(float(eager.mean()), abs=0.1)
        assert torch.equal(compiled(x), x)  # the last rate is 0
    assert counter.frame_count == 1


def test_the_level_is_no_key_of_saved_weights() -> None:
    layer = layers.DropPath(0.5)
    assert not layer.state_dict()
    assert float(layer.level) == pytest.approx(layer.rate)


def test_dropconnect_too() -> None:
    torch._dynamo.reset()
    counter = CompileCounter()
    layer = layers.DropConnect(torch.nn.Linear(40, 40, bias=False), 0.5, early=0.8)
    compiled = torch.compile(layer, backend=counter)
    x = torch.eye(40)
    for share in SHARES:
        layer.set_progress(share)
        assert float((compiled(x) == 0).float().mean()) == pytest.approx(layer.rate, abs=0.06)
    assert counter.frame_count == 1
