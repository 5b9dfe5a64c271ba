"""Attention as a subgraph, tables of weights and parts of axes: each pattern as the text that it becomes, through the gate."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.importer.importing import spec_of

SHAPE = (3, 16, 16)


class Head(nn.Module):
    """An image of 8x8 with 24 channels, a block on its channels last, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 24, 2, 2), nn.Linear(24, 10)
        self.qkv, self.proj = nn.Linear(24, 72), nn.Linear(24, 24)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        return self.head(self.block(x).mean((1, 2)))

    def block(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Windows(Head):
    """Swin's moved windows, with a table of biases and a mask, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(49, 3))
        at = torch.stack(torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")).flatten(1)
        by = at[:, :, None] - at[:, None] + 3
        self.register_buffer("index", by[0] * 7 + by[1])
        side = torch.zeros(8, 8)
        side[6:] += 2
        side[:, 6:] += 1
        side = side.view(2, 4, 2, 4).transpose(1, 2).reshape(4, 16)
        self.register_buffer("mask", (side[:, None] != side[:, :, None]).float() * -100)

    def block(self, x: Tensor) -> Tensor:
        x = torch.roll(x, (-2, -2), (1, 2))
        x = x.view(-1, 2, 4, 2, 4, 24).transpose(2, 3).reshape(-1, 16, 24)
        q, k, v = self.qkv(x).reshape(-1, 16, 3, 3, 8).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q * 8**-0.5 @ k.transpose(-2, -1)
        scores = scores + self.table[self.index.view(-1)].view(16, 16, 3).permute(2, 0, 1)[None]
        scores = scores.view(-1, 4, 3, 16, 16) + self.mask[None, :, None]
        x = (scores.view(-1, 3, 16, 16).softmax(-1) @ v).transpose(1, 2).reshape(-1, 16, 24)
        x = self.proj(x).view(-1, 2, 2, 4, 4, 24).transpose(2, 3).reshape(-1, 8, 8, 24)
        return torch.roll(x, (2, 2), (1, 2))


class Apart(Head):
    """Queries, keys and values of each head side by side, and no bias of the keys."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(24, 72, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(24)), nn.Parameter(torch.zeros(24))
        self.register_buffer("k_bias", torch.zeros(24))

    def block(self, x: Tensor) -> Tensor:
        bias = torch.cat((self.q_bias, self.k_bias, self.v_bias))
        qkv = functional.linear(x.reshape(-1, 64, 24), self.qkv.weight, bias)
        q, k, v = qkv.view(-1, 64, 3, 3, 8).permute(2, 0, 3, 1, 4)
        x = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(-1, 8, 8, 24))


class Interleaved(Head):
    """The rows of one layer are those of a head's query, key and value, head after head."""

    def block(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x.reshape(-1, 64, 24)).view(-1, 64, 3, 24).split((8, 8, 8), 3)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        return self.proj(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, 8, 8, 24))


class Selected(Head):
    """Two branches, each weighted by a softmax over both (SKNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(24, 24, 1), nn.Conv2d(24, 24, 3, padding=1)
        self.gate = nn.Linear(24, 48)
        del self.qkv, self.proj

    def block(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2)
        both = torch.stack((self.one(x), self.two(x)), 1)
        weights = self.gate(both.sum(1).mean((2, 3))).view(-1, 2, 24, 1, 1).softmax(1)
        return (both * weights).sum(1).permute(0, 2, 3, 1)


class Linear(Head):
    """Attention without a softmax."""

    def block(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x.reshape(-1, 64, 24)).chunk(3, -1)
        return self.proj((q @ k.transpose(1, 2)) @ v).reshape(-1, 8, 8, 24)


class Channels(Head):
    """Channels that attend to each other by their cosines over the pixels (XCiT)."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(3, 1, 1))

    def block(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x.reshape(-1, 64, 24)).view(-1, 64, 3, 3, 8).permute(2, 0, 3, 4, 1).unbind(0)
        scores = functional.normalize(q, dim=-1) @ functional.normalize(k, dim=-1).transpose(-2, -1) * self.temperature
        return self.proj((scores.softmax(-1) @ v).permute(0, 3, 1, 2).reshape(-1, 8, 8, 24))


class Patches(Head):
    """A learnt vector for each place of a window, a factor and a shift for all, RMS normalisation, a layer of all values of a
    patch, whose sizes decide what is done."""

    def __init__(self) -> None:
        super().__init__()
        self.pos, self.scale, self.shift = (
            nn.Parameter(torch.zeros(1, 2, 2, 24)),
            nn.Parameter(torch.ones(1)),
            nn.Parameter(torch.zeros(1)),
        )
        self.norm, self.patch = nn.RMSNorm(24, eps=1e-6), nn.Linear(96, 24)
        del self.qkv, self.proj

    def block(self, x: Tensor) -> Tensor:
        x = self.norm(self.scale * x.relu() ** 2 + self.shift)
        if x.shape[1] != 8:
            raise ValueError("another size")
        x = x.view(-1, 4, 2, 4, 2, 24).transpose(2, 3).reshape(-1, 2, 2, 24) + self.pos
        return self.patch(x.view(-1, 4, 4, 96))


TEXTS = {
    Channels: "net conv(24, 2, s=2) linear(72, each) attend(part(1, 3) | part(2, 3) | part(3, 3), 3, cosine=factor, channels) "
    "linear(24, each) gap linear(classes)",
    Patches: "net conv(24, 2, s=2) relu mul(id | id) affine(one) rms pos(tile=2) conv(24, 2, s=2) gap linear(classes)",
    Windows: "net conv(24, 2, s=2) attention(3, window=4, shift=2, relpos) gap linear(classes)",
    Apart: "net conv(24, 2, s=2) attend(linear(24, each) | linear(24, bias=false, each) | linear(24, each), 3) "
    "linear(24, each) gap linear(classes)",
    Interleaved: "net conv(24, 2, s=2) attend(linear(24, each) | linear(24, each) | linear(24, each), 3) "
    "linear(24, each) gap linear(classes)",
    Selected: "",
    Linear: "net conv(24, 2, s=2) linear(72, each) attend(part(1, 3) | part(2, 3) | part(3, 3), by=product) "
    "linear(24, each) gap linear(classes)",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text(kind: type[Head]) -> None:
    done = spec_of(kind().eval(), SHAPE, kind.__name__)
    text = " ".join(done.text.split("classes 10\n", 1)[1].split())
    assert not TEXTS[kind] or text == TEXTS[kind]
    assert done.report.difference <= 1e-5
