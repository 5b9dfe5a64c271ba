"""Further patterns of attention, products and windows in code of others: each as the text that it becomes, through the gate."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.importer.findings import Refused
from archdsl.importer.importing import spec_of
from tests.lift.blocks import SHAPE, Head


class Shares(Head):
    """Linear attention with ones behind the values, of heads whose queries, keys and values are side by side (EfficientViT)."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.mix = nn.Conv2d(24, 72, 1), nn.Conv2d(72, 72, 1, groups=9)

    def block(self, x: Tensor) -> Tensor:
        x = self.mix(self.qkv(x.permute(0, 3, 1, 2)))
        q, k, v = x.reshape(-1, 3, 24, 64).transpose(-1, -2).chunk(3, dim=-1)
        q, k, v = q.relu().float(), k.relu().float(), functional.pad(v, (0, 1), value=1.0).float()
        x = q @ (k.transpose(-1, -2) @ v)
        x = x[..., :-1] / (x[..., -1:] + 1e-5)
        return x.transpose(-1, -2).reshape(-1, 24, 8, 8).permute(0, 2, 3, 1)


class Talking(Head):
    """Heads that are mixed by convolutions of 1x1 (EfficientFormerV2)."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(24, 72, 1)
        self.one, self.two = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def block(self, x: Tensor) -> Tensor:
        q, k, v = (p.reshape(-1, 3, 8, 64) for p in self.qkv(x.permute(0, 3, 1, 2)).chunk(3, 1))
        x = self.two(self.one(q.transpose(2, 3) @ k * 8**-0.5).softmax(-1)) @ v.transpose(2, 3)
        return x.transpose(2, 3).reshape(-1, 24, 8, 8).permute(0, 2, 3, 1)


class Additive(Head):
    """Queries that a learnt vector weights, each over all tokens (SwiftFormer)."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.w = nn.Linear(24, 24), nn.Linear(24, 24), nn.Parameter(torch.randn(24, 1))

    def block(self, x: Tensor) -> Tensor:
        x = x.reshape(-1, 64, 24)
        q, k = functional.normalize(self.q(x), dim=-1), functional.normalize(self.k(x), dim=-1)
        weights = functional.normalize(q @ self.w * 0.5, dim=1)
        return (torch.sum(weights * q, dim=1, keepdim=True) * k + q).reshape(-1, 8, 8, 24)


class Lines(Head):
    """Recurrent layers along columns and rows (Sequencer)."""

    def __init__(self) -> None:
        super().__init__()
        self.v = nn.LSTM(24, 6, batch_first=True, bidirectional=True)
        self.h = nn.LSTM(24, 6, batch_first=True, bidirectional=True)

    def block(self, x: Tensor) -> Tensor:
        v, _ = self.v(x.permute(0, 2, 1, 3).reshape(-1, 8, 24))
        h, _ = self.h(x.reshape(-1, 8, 24))
        return torch.cat((v.reshape(-1, 8, 8, 12).permute(0, 2, 1, 3), h.reshape(-1, 8, 8, 12)), -1)


class Global(Head):
    """Queries of a window of 4x4 that are those of each window (GC ViT)."""

    def __init__(self) -> None:
        super().__init__()
        self.kv = nn.Linear(24, 48)

    def block(self, x: Tensor) -> Tensor:
        q = functional.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        x = x.view(-1, 2, 4, 2, 4, 24).transpose(2, 3).reshape(-1, 16, 24)
        k, v = self.kv(x).reshape(-1, 16, 2, 3, 8).permute(2, 0, 3, 1, 4).unbind(0)
        q = q.repeat_interleave(x.shape[0] // q.shape[0], dim=0).reshape(-1, 16, 3, 8).transpose(1, 2)
        x = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, 16, 24)
        return x.view(-1, 2, 2, 4, 4, 24).transpose(2, 3).reshape(-1, 8, 8, 24)


class States(Head):
    """Hidden states, which a softmax over the pixels makes of them, gates of learnt numbers (EfficientViM)."""

    def __init__(self) -> None:
        super().__init__()
        self.make, self.shift, self.alpha = (
            nn.Conv1d(24, 10, 1),
            nn.Parameter(torch.ones(5)),
            nn.Parameter(torch.zeros(2, 24)),
        )
        self.weights, self.other = nn.Parameter(torch.ones(2)), nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2)
        alpha = torch.sigmoid(self.alpha).view(2, -1, 1)
        a, c = self.make(x).split((5, 5), dim=1)
        h = x @ (a + self.shift.view(1, -1, 1)).softmax(-1).transpose(-2, -1)
        y = (x + alpha[0] * (h @ c)).reshape(-1, 24, 8, 8)
        shares = self.weights.softmax(-1)
        parts = [shares[0] * self.head(alpha[1].flatten() * y.mean((2, 3))), shares[1] * self.other(h.mean(-1))]
        return torch.stack(parts).sum(0)


class Multi(Head):
    """One head of keys and values for all queries (MobileNetV4)."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv = nn.Linear(24, 24), nn.Linear(24, 16)

    def block(self, x: Tensor) -> Tensor:
        x = x.reshape(-1, 64, 24)
        q, (k, v) = self.q(x).reshape(-1, 64, 3, 8).transpose(1, 2), self.kv(x).unsqueeze(1).chunk(2, -1)
        return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, 8, 8, 24)


class Units(Head):
    """Tokens in the order of mask units, and queries that are the largest of four (Hiera)."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(24, 72)

    def block(self, x: Tensor) -> Tensor:
        for _ in range(2):
            n, h, w, c = x.shape
            x = x.view(n, h // 2, 2, w // 2, 2, c).permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
        x = x.reshape(-1, 64, 24)
        q, k, v = self.qkv(x).reshape(-1, 16, 4, 3, 3, 8).permute(3, 0, 4, 2, 1, 5).unbind(0)
        q = q.view(-1, 3, 4, 4, 4, 8).amax(3)
        x = functional.scaled_dot_product_attention(q, k, v).transpose(1, 3).reshape(-1, 16, 24)
        return x.reshape(-1, 4, 4, 24)


class Pooled(Head):
    """Queries pooled within windows (the image encoder of SAM 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.pool = nn.Linear(24, 72), nn.MaxPool2d(2)

    def block(self, x: Tensor) -> Tensor:
        x = x.view(-1, 2, 4, 2, 4, 24).transpose(2, 3).reshape(-1, 4, 4, 24)
        q, k, v = self.qkv(x).reshape(-1, 16, 3, 3, 8).unbind(2)
        q = self.pool(q.reshape(-1, 4, 4, 24).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).reshape(-1, 4, 3, 8)
        x = functional.scaled_dot_product_attention(*(p.transpose(1, 2) for p in (q, k, v)))
        return x.transpose(1, 2).reshape(-1, 2, 2, 2, 2, 24).transpose(2, 3).reshape(-1, 4, 4, 24)


class Gated(Head):
    """A softmax of distances, which a first run makes, mixed into the other (ConViT)."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.place, self.gate = nn.Linear(24, 72), nn.Linear(3, 3), nn.Parameter(torch.ones(3))
        self.register_buffer("by", torch.zeros(1, 1, 1, 3), persistent=False)

    def block(self, x: Tensor) -> Tensor:
        x = x.reshape(-1, 64, 24)
        if self.by.shape[1] != 64:
            at = torch.stack(torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")).flatten(1).float()
            down, right = at[:, None] - at[:, :, None]
            self.by = torch.stack((right, down, right**2 + down**2), -1)[None]
        q, k, v = self.qkv(x).reshape(-1, 64, 3, 3, 8).permute(2, 0, 3, 1, 4).unbind(0)
        local = self.place(self.by.expand(x.shape[0], -1, -1, -1)).permute(0, 3, 1, 2).softmax(-1)
        gate = self.gate.view(1, -1, 1, 1)
        weights = (q @ k.transpose(-2, -1) * 8**-0.5).softmax(-1)
        weights = (1 - torch.sigmoid(gate)) * weights + torch.sigmoid(gate) * local
        weights = weights / weights.sum(dim=-1).unsqueeze(-1)
        return (weights @ v).transpose(1, 2).reshape(-1, 8, 8, 24)


class Places(Head):
    """Positions of another size, resized, and those of a window beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.window = nn.Parameter(torch.randn(1, 24, 3, 3)), nn.Parameter(torch.randn(1, 24, 4, 4))

    def block(self, x: Tensor) -> Tensor:
        places = functional.interpolate(self.whole, size=(8, 8), mode="bicubic") + self.window.tile((2, 2))
        return x + places.permute(0, 2, 3, 1)


class Apart(Head):
    """A convolution and a normalisation that heads share (MViTv2), and one within windows (EfficientViT)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.LayerNorm(8)
        self.inner = nn.Conv2d(24, 24, 3, padding=1, groups=24)

    def block(self, x: Tensor) -> Tensor:
        x = x.reshape(-1, 64, 3, 8).transpose(1, 2).reshape(-1, 8, 8, 8).permute(0, 3, 1, 2)
        x = self.norm(self.conv(x).reshape(-1, 3, 8, 64).transpose(2, 3)).transpose(1, 2).reshape(-1, 8, 8, 24)
        x = x.view(-1, 2, 4, 2, 4, 24).transpose(2, 3).reshape(-1, 4, 4, 24)
        x = self.inner(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return x.view(-1, 2, 2, 4, 4, 24).transpose(2, 3).reshape(-1, 8, 8, 24)


TEXTS = {
    Shares: "net conv(24, 2, s=2) conv(72, 1) conv(72, 1, groups=9) shuffle(3, run=8) "
    "attend(part(1, 3) relu | part(2, 3) relu | part(3, 3), 3, by=fraction) gap linear(classes)",
    Talking: "net conv(24, 2, s=2) conv(72, 1) attend(part(1, 3) | part(2, 3) | part(3, 3), 3, talk) gap linear(classes)",
    Additive: "",
    Lines: "net conv(24, 2, s=2) cat(lstm(6, both, along=columns) | lstm(6, both, along=rows)) gap linear(classes)",
    Global: "",
    States: "",
    Multi: "",
    Units: "net conv(24, 2, s=2) linear(72, each) attend(part(1, 3) maxpool | part(2, 3) | part(3, 3), 3, window=4) "
    "gap linear(classes)",
    Pooled: "net conv(24, 2, s=2) linear(72, each) attend(part(1, 3) maxpool | part(2, 3) | part(3, 3), 3, window=4) "
    "gap linear(classes)",
    Gated: "net conv(24, 2, s=2) linear(72, each) attend(part(1, 3) | part(2, 3) | part(3, 3), 3, relpos=gated) "
    "gap linear(classes)",
    Places: "net conv(24, 2, s=2) pos(of=3) pos(tile=4) gap linear(classes)",
    Apart: "net conv(24, 2, s=2) dwconv(bias=false, heads=3) ln(eps=1e-5, heads=3) dwconv(window=4) gap linear(classes)",
}
WORDS = {
    Additive: ("l2norm", "transpose", "linear(1, bias=false"),
    Global: ("tile(2)", "window=4"),
    States: ("offset", "softmax", "matmul(", "scale(sigmoid)", "blend("),
    Multi: ("kv=1",),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text(kind: type[Head]) -> None:
    done = spec_of(kind().eval(), SHAPE, kind.__name__)
    text = " ".join(done.text.split("classes 10\n", 1)[1].split())
    assert not TEXTS[kind] or text == TEXTS[kind]
    assert all(word in text for word in WORDS.get(kind, ())), text
    assert done.report.difference <= 1e-5


def test_a_buffer_that_each_input_changes_is_refused() -> None:
    class Last(Head):
        """The mean of the last batch is kept."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("last", torch.zeros(24))

        def block(self, x: Tensor) -> Tensor:
            before, self.last = self.last, x.mean((0, 1, 2))
            return x + before

    with pytest.raises(Refused, match="a buffer that the forward pass changes"):
        spec_of(Last().eval(), SHAPE, "Last")


def test_groups_of_heads_that_share_keys_are_refused() -> None:
    class Grouped(Head):
        """Four heads of queries, two of keys."""

        def __init__(self) -> None:
            super().__init__()
            self.q, self.kv = nn.Linear(24, 24), nn.Linear(24, 24)

        def block(self, x: Tensor) -> Tensor:
            x = x.reshape(-1, 64, 24)
            q = self.q(x).reshape(-1, 64, 4, 6).transpose(1, 2)
            k, v = self.kv(x).reshape(-1, 64, 2, 2, 6).permute(2, 0, 3, 1, 4).unbind(0)
            x = functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
            return x.transpose(1, 2).reshape(-1, 8, 8, 24)

    with pytest.raises(Refused, match="groups of heads share keys"):
        spec_of(Grouped().eval(), SHAPE, "Grouped")


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_dropout_between_recurrent_layers_is_no_difference(kind: type[nn.Module]) -> None:
    class Recurrent(Head):
        """Two recurrent layers with dropout between them, over the rows of an image."""

        def __init__(self) -> None:
            super().__init__()
            self.rnn = kind(24, 24, num_layers=2, dropout=0.3, batch_first=True)

        def block(self, x: Tensor) -> Tensor:
            return self.rnn(x.reshape(-1, 64, 24))[0].reshape(-1, 8, 8, 24)

    source = Recurrent().eval()
    done = spec_of(source, SHAPE, "Recurrent")
    assert f"{kind.__name__.lower()}(24, layers=2, drop=0.3" in done.text
    assert done.report.difference <= 1e-5
    assert source.rnn.dropout == 0.3
