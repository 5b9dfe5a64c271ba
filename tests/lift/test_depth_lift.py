"""Where stochastic depth is in a source: its text has it in the same place, with the same rate or one that the head speaks of."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from archdsl.importer.importing import spec_of
from tests.lift.blocks import Depth


class Block(nn.Module):
    """A residual block with stochastic depth within its branch, before a factor there, at its end, of the sum, or behind."""

    def __init__(self, p: float, where: str) -> None:
        super().__init__()
        self.one, self.two = (nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(2))
        self.bn1, self.bn2, self.where, self.depth = nn.BatchNorm2d(8), nn.BatchNorm2d(8), where, Depth(p)

    def at(self, x: Tensor, where: str) -> Tensor:
        return self.depth(x) if where == self.where else x  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        y = self.at(self.bn1(self.one(x)).relu(), "middle")
        y = self.at(self.bn2(self.two(y)), "factor") * (0.5 if self.where == "factor" else 1)
        y = self.at(x + self.at(y, "end"), "sum")
        return self.at(y.relu(), "behind")


def text_of(rates: list[float], where: str) -> str:
    blocks = (Block(p, where) for p in rates)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    return spec_of(net.eval(), (3, 8, 8), "net").text


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("end", "resnet[8x4] +droppath(0.2)"),
        ("middle", "res(conv(8) bn relu droppath(p) conv(8) bn) relu"),
        ("sum", "res(conv(8) bn relu conv(8) bn) droppath(p) relu"),
        ("behind", "block droppath(0.05) block droppath block droppath(0.15) block droppath(0.2)"),
    ],
)
def test_rates_that_grow_stay_in_their_place(where: str, found: str) -> None:
    text = text_of([0.05, 0.1, 0.15, 0.2], where)
    assert found in text
    assert "# Stochastic depth" not in text


def test_blocks_without_at_the_end_get_none() -> None:
    text = text_of([0.1, 0.2, 0.0, 0.0], "end")
    assert "block2 block2(p=0.2) block*2" in text
    assert "# Stochastic depth" not in text


def test_small_rates_stay_small() -> None:
    assert "+droppath" not in text_of([0.005, 0.01], "end")


def test_the_head_says_how_far_a_rate_is_from_the_source() -> None:
    text = text_of([0.0, 0.0, 0.1, 0.2], "end")
    assert "+droppath(0.2)" in text
    assert "differ by up to 0.100" in text


def test_stochastic_depth_before_a_factor_at_the_end_is_at_the_end() -> None:
    text = text_of([0.05, 0.1, 0.15, 0.2], "factor")
    assert "times(0.5)" in text
    assert "+droppath(0.2)" in text
    assert "# Stochastic depth" not in text


@pytest.mark.parametrize("most", [0.05, 0.1])
def test_rates_in_single_precision_reach_the_rate_that_was_meant(most: float) -> None:
    rates = torch.linspace(0, most, 5)[1:].tolist()
    assert rates[-1] > most  # by rounding
    text = text_of(rates, "end")
    assert f"+droppath({most})" in text
    assert "# Stochastic depth" not in text
