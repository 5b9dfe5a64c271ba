"""Settings that only training shows: each is in the text, or refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.importer.findings import Refused
from archdsl.importer.importing import spec_of
from tests.lift.blocks import SHAPE, Head


class Cosine(Head):
    """Attention by cosines times `exp` of a number of each head, at most ``most``."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self.qkv, self.by, self.most = nn.Linear(24, 72), nn.Parameter(torch.zeros(3, 1, 1)), most

    def block(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x.reshape(-1, 64, 24)).reshape(-1, 64, 3, 3, 8).permute(2, 0, 3, 1, 4).unbind(0)
        scores = functional.normalize(q, dim=-1) @ functional.normalize(k, dim=-1).transpose(-2, -1)
        by = self.by.exp() if self.most == math.inf else self.by.clamp(max=self.most).exp()
        return ((scores * by).softmax(-1) @ v).transpose(1, 2).reshape(-1, 8, 8, 24)


def test_a_factor_of_cosines_that_is_cut_as_published() -> None:
    done = spec_of(Cosine(math.log(100)).eval(), SHAPE, "Cosine")
    assert "cosine=exp" in done.text


@pytest.mark.parametrize("most", [math.inf, 3.0, 5.0])
def test_a_factor_of_cosines_that_is_cut_elsewhere_is_refused(most: float) -> None:
    with pytest.raises(Refused, match="is cut at log 100"):
        spec_of(Cosine(most).eval(), SHAPE, "Cosine")


class Dropped(Head):
    """Attention with dropout ``where``: before the softmax, behind it, or behind it twice."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.qkv, self.drop, self.where = nn.Linear(24, 72), nn.Dropout(0.2), where

    def block(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x.reshape(-1, 64, 24)).reshape(-1, 64, 3, 3, 8).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) * 8**-0.5
        scores = self.drop(scores) if self.where in ("before", "without") else scores
        scores = scores if self.where == "without" else scores.softmax(-1)
        scores = self.drop(scores) if self.where in ("behind", "twice") else scores
        scores = self.drop(scores) if self.where == "twice" else scores
        return (scores @ v).transpose(1, 2).reshape(-1, 8, 8, 24)


def test_dropout_of_attention_is_behind_its_softmax() -> None:
    assert "drop=0.2" in spec_of(Dropped("behind").eval(), SHAPE, "Dropped").text


@pytest.mark.parametrize("where", ["before", "twice", "without"])
def test_dropout_of_attention_elsewhere_is_refused(where: str) -> None:
    with pytest.raises(Refused, match="not once behind their softmax"):
        spec_of(Dropped(where).eval(), SHAPE, "Dropped")


class Path(Head):
    """Stochastic depth of a layer within windows of 4x4, which are examples of their own, or around it."""

    def __init__(self, windows: bool) -> None:
        super().__init__()
        self.layer, self.windows = nn.Linear(24, 24), windows

    def path(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(0.8) / 0.8

    def block(self, x: Tensor) -> Tensor:
        y = x.reshape(-1, 2, 4, 2, 4, 24).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, 24)
        y = self.path(self.layer(y)) if self.windows else self.layer(y)
        y = y.reshape(-1, 2, 2, 4, 4, 24).permute(0, 1, 3, 2, 4, 5).reshape(-1, 8, 8, 24)
        return x + (y if self.windows else self.path(y))


def test_stochastic_depth_is_of_whole_examples() -> None:
    assert "droppath(0.2)" in spec_of(Path(windows=False).eval(), SHAPE, "Path").text
    with pytest.raises(Refused, match="of windows or tokens, each by itself"):
        spec_of(Path(windows=True).eval(), SHAPE, "Path")


class Paths(nn.Module):
    """Residual blocks with these rates of stochastic depth, 0 for none."""

    def __init__(self, rates: list[float]) -> None:
        super().__init__()
        from torchvision.ops import StochasticDepth

        self.stem, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 10)
        self.layers = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in rates)
        self.paths = nn.ModuleList(StochasticDepth(p, "row") for p in rates)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        for layer, path in zip(self.layers, self.paths, strict=True):
            x = x + path(layer(x).relu())
        return self.head(x.mean((2, 3)))


def test_rates_of_stochastic_depth_that_are_alike_stay_so() -> None:
    pytest.importorskip("torchvision")
    text = spec_of(Paths([0.2] * 6).eval(), SHAPE, "Paths").text
    assert "+droppath" not in text
    assert "droppath(0.2)" in text
    assert "# Stochastic depth" not in text


def test_rates_that_grow_are_one_modifier_and_the_head_counts_blocks_without() -> None:
    pytest.importorskip("torchvision")
    assert "+droppath(0.3)" in spec_of(Paths([0.05, 0.1, 0.15, 0.2, 0.25, 0.3]).eval(), SHAPE, "Paths").text
    text = spec_of(Paths([0.0, 0.0, 0.0, 0.1, 0.2, 0.3]).eval(), SHAPE, "Paths").text
    assert "+droppath" not in text or "differ by up to 0.150" in text


@pytest.mark.parametrize(
    ("rates", "off"), [([0.1, 0.2, 0.3, 0.0], 0.3), ([0.2, 0.4, 0.0, 0.0], 0.4), ([0.1, 0.2, 0.0, 0.3], 0.225)]
)
def test_the_head_compares_the_rates_of_the_same_block(rates: list[float], off: float) -> None:
    pytest.importorskip("torchvision")
    text = spec_of(Paths(rates).eval(), SHAPE, "Paths").text
    assert "+droppath" not in text or f"differ by up to {off:.3f}" in text
