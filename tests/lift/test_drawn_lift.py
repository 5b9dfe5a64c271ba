"""Dropout whose masks the words would draw otherwise than the source, and numbers that no word takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.importer.findings import Refused
from archdsl.importer.importing import spec_of
from tests.lift.blocks import Depth, Head


class Drawn(nn.Module):
    """A function between two layers, with a layer of its own."""

    def __init__(self, function: Callable[[Drawn, Tensor], Tensor], layer: nn.Module | None = None) -> None:
        super().__init__()
        self.stem, self.head, self.function = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 10), function
        self.layer, self.drop = layer or nn.Identity(), nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.function(self, self.stem(x))
        return self.head(x.mean((2, 3)) if x.ndim == 4 else x)


def text_of(function: Callable[[Drawn, Tensor], Tensor], layer: nn.Module | None = None) -> str:
    return spec_of(Drawn(function, layer).eval(), (3, 8, 8), "Drawn").text


def two_shapes(net: Drawn, x: Tensor) -> Tensor:
    gate = net.drop(functional.adaptive_avg_pool2d(x, 1))
    return (x * gate).mean((2, 3)) + net.layer(gate.flatten(1))  # type: ignore[no-any-return]


def one_shape(net: Drawn, x: Tensor) -> Tensor:
    y = net.drop(functional.adaptive_avg_pool2d(x, 1)).flatten(1)
    return y + net.layer(y)  # type: ignore[no-any-return]


def test_a_mask_that_is_drawn_once_is_not_drawn_twice() -> None:
    with pytest.raises(Refused, match="would draw masks of their own"):
        text_of(two_shapes, nn.Linear(8, 8))
    assert "gap drop(0.3) res(linear(8))" in text_of(one_shape, nn.Linear(8, 8))


def test_dropout_of_what_was_expanded() -> None:
    with pytest.raises(Refused, match="a number drawn for each copy"):
        text_of(lambda net, x: x * net.drop(x.mean((2, 3), keepdim=True).expand(-1, -1, 8, 8)))
    text = text_of(lambda net, x: x * net.drop(x.mean((2, 3), keepdim=True)).expand(-1, -1, 8, 8))
    assert "mul(id | gap(keep) drop(0.3))" in text


class Together(Head):
    """Queries, keys and values of heads side by side, behind one stochastic depth."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.depth = nn.Linear(24, 72), Depth(0.2)

    def block(self, x: Tensor) -> Tensor:
        y = self.depth(self.qkv(x.reshape(-1, 64, 24))).reshape(-1, 64, 2, 3, 12)
        q, k, v = y.permute(3, 0, 2, 1, 4).unbind(0)
        y = functional.scaled_dot_product_attention(q, k, v)
        return y.transpose(1, 2).reshape(-1, 8, 8, 24)


def test_stochastic_depth_of_queries_keys_and_values_together() -> None:
    with pytest.raises(Refused, match="behind stochastic depth of all of them together"):
        spec_of(Together().eval(), (3, 16, 16), "Together")


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Dropout(1.0), "`p` of `drop` must be from 0 to below 1, not 1"),
        (nn.LeakyReLU(-0.1), "`slope` of `leaky` must be at least 0, not -0.1"),
        (nn.GroupNorm(2, 8, eps=0), "`eps` of `gn` must be at least"),
        (Depth(1.0), "a random mask that keeps nothing"),
    ],
)
def test_numbers_that_no_word_takes(layer: nn.Module, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        text_of(lambda net, x: net.layer(x), layer)


def test_an_infinite_factor() -> None:
    with pytest.raises(Refused, match="`times` takes no `factor` of inf"):
        text_of(lambda net, x: (x * float("inf")).clamp(0, 6))
    with pytest.raises(Refused, match="a quotient with 0 below"):
        text_of(lambda net, x: (x / 0).clamp(0, 6))
    assert "conv(8) relu gap" in text_of(lambda net, x: torch.clamp(x, 0, float("inf")))


def test_attention_that_drops_in_eval_mode_too() -> None:
    def attend(net: Drawn, x: Tensor) -> Tensor:
        y = x.flatten(2).transpose(1, 2)
        return functional.scaled_dot_product_attention(y, y, y, dropout_p=0.1).mean(1)

    with pytest.raises(Refused, match="`dropout_p=p if self"):
        text_of(attend)


def hidden(net: Drawn, x: Tensor, shared: bool) -> Tensor:
    """Two residual sums with one random mask, or each with one of its own."""

    def mask() -> Tensor:
        return x.new_empty((x.shape[0], 1, 1, 1)).bernoulli_(0.8) / 0.8

    one, two = (None, None) if not net.training else (mask(),) * 2 if shared else (mask(), mask())
    x = x + (x.relu() if one is None else x.relu() * one)
    return x + (x.sigmoid() if two is None else x.sigmoid() * two)


def test_one_random_mask_of_two_values() -> None:
    with pytest.raises(Refused, match="one random mask for several values"):
        text_of(lambda net, x: hidden(net, x, shared=True))
    assert "res(relu droppath(0.2)) res(sigmoid droppath(0.2))" in text_of(lambda net, x: hidden(net, x, shared=False))


class Held(nn.Module):
    """A recurrent layer that is kept in one mode."""

    def __init__(self, stays: bool) -> None:
        super().__init__()
        self.layer, self.stays = nn.LSTM(8, 8, 2, batch_first=True, dropout=0.3), stays

    def train(self, mode: bool = True) -> Held:
        super().train(mode)
        self.layer.train(self.stays)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(2).transpose(1, 2))[0].mean(1)  # type: ignore[no-any-return]


def test_dropout_of_a_recurrent_layer_that_stays_in_one_mode() -> None:
    assert "lstm(8, layers=2) gap" in text_of(lambda net, x: net.layer(x), Held(False))
    with pytest.raises(Refused, match="active in eval mode too"):
        text_of(lambda net, x: net.layer(x), Held(True))
