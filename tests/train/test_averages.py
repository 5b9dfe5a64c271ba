"""Weights that are products, averages of weights, and statistics over many batches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archdsl.data.batches import shuffled
from archdsl.settings.experiment import TrainSettings
from archdsl.train.optim import Average, Update, count, merged_state, precise_bn, reparametrise
from tests.train.test_update import PLAIN


@pytest.mark.holds("spred")
def test_spred_has_the_minima_of_l1() -> None:
    """Of (w - c)²/2 + rate·|w| the minimum is the soft threshold."""
    layer = nn.Linear(4, 1, bias=False)
    aim = torch.tensor([[1.0, -0.6, 0.05, -0.02]])
    reparametrise(layer)
    update = Update(layer, TrainSettings(PLAIN, spred=0.1))
    for _ in range(3000):
        update.zero()
        ((layer.weight - aim) ** 2 / 2).sum().backward()
        update.apply()
    soft = aim.sign() * (aim.abs() - 0.1).clamp(min=0)
    torch.testing.assert_close(merged_state(layer)["weight"], soft, rtol=0, atol=1e-3)


def test_spred_changes_no_key_and_no_output() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 2)).eval()
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    before, keys = net(x), {k: v.shape for k, v in net.state_dict().items()}
    parameters = count(net)
    assert parameters == sum(p.numel() for p in net.parameters())
    reparametrise(net)
    assert count(net) == parameters
    torch.testing.assert_close(net(x), before)
    merged = merged_state(net)
    assert {k: v.shape for k, v in merged.items()} == keys
    assert list(merged) == list(keys)


@pytest.mark.holds("ema")
def test_the_average_is_that_of_the_weights() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average, expected = Average(net, 0.9), net[0].weight.detach().clone()
    for number in range(4):
        with torch.no_grad():
            net[0].weight.fill_(float(number))
        average.update()
        expected = 0.9 * expected + 0.1 * number
    own = net[0].weight.clone()
    with average.swapped():
        torch.testing.assert_close(net[0].weight, expected)
    assert torch.equal(net[0].weight, own)


@pytest.mark.holds("precise_bn")
def test_precise_statistics_are_the_means() -> None:
    net = nn.Sequential(nn.BatchNorm1d(3))
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)) * 4 + 1
    precise_bn(net, x.split(20))
    torch.testing.assert_close(net[0].running_mean, x.mean(0))


def test_each_image_weighs_the_same() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.other, self.bare = (
                nn.BatchNorm1d(3),
                nn.BatchNorm1d(3),
                nn.BatchNorm1d(3, track_running_stats=False),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.bare(self.norm(x) + self.norm(2 * x))

    net = Twice()
    x = torch.randn(70, 3, generator=torch.Generator().manual_seed(0)) * 4 + 1
    parts = x.split((40, 20, 10))
    precise_bn(net, parts)
    torch.testing.assert_close(net.norm.running_mean, x.mean(0) * 1.5)
    var = sum((len(p) / 70 * p.var(0) for p in parts), torch.zeros(3))
    torch.testing.assert_close(net.norm.running_var, var * 2.5)
    assert torch.equal(net.other.running_var, torch.ones(3))  # no batch reaches it
    assert torch.equal(net.other.running_mean, torch.zeros(3))
    assert net.norm.momentum == 0.1
    assert int(net.norm.num_batches_tracked) == 6


def test_so_many_images_are_taken_as_are_asked_for() -> None:
    every = torch.cat(shuffled(100, 30, 5))
    assert torch.equal(torch.cat(shuffled(100, 30, 5, 50)), every[:50])
    assert [len(part) for part in shuffled(100, 30, 5, 61)] == [30, 31]
    assert [len(part) for part in shuffled(100, 30, 5, 1)] == [2]
    assert torch.equal(torch.cat(shuffled(100, 30, 5, 1000)), every)
