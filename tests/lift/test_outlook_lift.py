"""Outlook attention, small networks that compute biases, and what is refused with a precise reason."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.emit import layers
from archdsl.importer.findings import Refused
from archdsl.importer.importing import spec_of
from tests.lift.blocks import SHAPE, Head


class Outlook(Head):
    """VOLO's attention of neighbourhoods."""

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.v, self.attn, self.drop = nn.Linear(24, 24), nn.Linear(24, 243), nn.Dropout(rate)
        self.unfold, self.pool = nn.Unfold(3, padding=1, stride=2), nn.AvgPool2d(2, 2, ceil_mode=True)

    def block(self, x: Tensor) -> Tensor:
        v = self.unfold(self.v(x).permute(0, 3, 1, 2)).reshape(-1, 3, 8, 9, 16).permute(0, 1, 4, 3, 2)
        attn = self.attn(self.pool(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        attn = (attn.reshape(-1, 16, 3, 9, 9).permute(0, 2, 1, 3, 4) * 8**-0.5).softmax(-1)
        x = (self.drop(attn) @ v).permute(0, 1, 4, 3, 2).reshape(-1, 216, 16)
        return functional.fold(x, output_size=(8, 8), kernel_size=3, padding=1, stride=2).permute(0, 2, 3, 1)


class Network(Head):
    """A bias that a small network computes of the logarithms of distances, perhaps with dropout, and the same in two places."""

    def __init__(self, rate: float = 0.0, twice: bool = False) -> None:
        super().__init__()
        self.qkv, self.drop, self.twice = nn.Linear(24, 72), nn.Dropout(rate), twice
        self.one, self.two = nn.Linear(2, 384), nn.Linear(384, 3)
        at = torch.stack(torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")).flatten(1).float()
        by = (at[:, :, None] - at[:, None]).permute(1, 2, 0)
        self.register_buffer("by", by.sign() * (1 + by.abs()).log())

    def block(self, x: Tensor) -> Tensor:
        for _ in range(1 + self.twice):
            q, k, v = self.qkv(x.reshape(-1, 64, 24)).reshape(-1, 64, 3, 3, 8).permute(2, 0, 3, 1, 4).unbind(0)
            bias = self.two(self.drop(self.one(self.by).relu())).permute(2, 0, 1)
            x = functional.scaled_dot_product_attention(q, k, v, bias[None]).transpose(1, 2).reshape(-1, 8, 8, 24)
        return x


@pytest.mark.holds("outlook")
def test_outlook_attention_is_what_is_written_out() -> None:
    done = spec_of(Outlook().eval(), SHAPE, "Outlook")
    assert "outlook(" in done.text
    assert done.report.difference <= 1e-5


def test_dropout_of_outlook_attention_is_kept() -> None:
    done = spec_of(Outlook(rate=0.3).eval(), SHAPE, "Outlook")
    assert "drop=0.3" in done.text
    assert done.report.notes == ()


def test_outlook_attention_of_one_pixel() -> None:
    """A single neighbourhood: the result is the mixed values where they are inside."""
    weights, x = torch.randn(1, 81, 1, 1), torch.randn(1, 2, 1, 1)
    shares = weights.reshape(9, 9).softmax(1)
    torch.testing.assert_close(layers.Outlook(1)(weights, x), x * shares[4, 4])


def test_a_small_network_of_logarithms() -> None:
    done = spec_of(Network().eval(), SHAPE, "Network")
    assert "relpos=mlp" in done.text
    assert math.isfinite(done.report.difference)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Network(rate=0.1), "only in train mode: dropout of what is computed of weights alone"),
        (Network(twice=True), "shares its mlp.0.weight with"),
    ],
)
def test_refusals(net: Network, message: str) -> None:
    with pytest.raises(Refused, match=message):
        spec_of(net.eval(), SHAPE, "Network")


def test_what_train_mode_alone_does_is_left_out_where_that_is_asked_for() -> None:
    done = spec_of(Network(rate=0.1).eval(), SHAPE, "Network", unused=True)
    assert "Left out, what only train mode does" in done.text


def test_dropout_of_attention_is_no_other_network() -> None:
    class Dropped(Head):
        """Queries of an own layer, so that it is `attend`, with dropout on the weights while training."""

        def __init__(self) -> None:
            super().__init__()
            self.q, self.kv = nn.Conv2d(24, 24, 3, padding=1), nn.Linear(24, 48)

        def block(self, x: Tensor) -> Tensor:
            q = self.q(x.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
            k, v = self.kv(x.reshape(-1, 64, 24)).chunk(2, -1)
            heads = (t.reshape(-1, 64, 3, 8).transpose(1, 2) for t in (q, k, v))
            x = functional.scaled_dot_product_attention(*heads, dropout_p=0.2 if self.training else 0.0)
            return x.transpose(1, 2).reshape(-1, 8, 8, 24)

    done = spec_of(Dropped().eval(), SHAPE, "Dropped")
    assert "drop=0.2" in done.text


def test_keys_of_windows_that_overlap_are_refused() -> None:
    class Halo(Head):
        """Windows with what is round them."""

        def block(self, x: Tensor) -> Tensor:
            cut = functional.pad(x.permute(0, 3, 1, 2), (1, 1, 1, 1)).unfold(2, 6, 4).unfold(3, 6, 4)
            return cut.mean((2, 3)).permute(0, 2, 3, 1)

    with pytest.raises(Refused, match="windows that overlap"):
        spec_of(Halo().eval(), SHAPE, "Halo")
