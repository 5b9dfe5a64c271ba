"""Recurrent layers and pooling along tokens in code of others: settings of theirs, and their last states."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from archdsl.importer.findings import Refused
from archdsl.importer.importing import spec_of
from tests.lift.blocks import SHAPE, Head


class Read(nn.Module):
    """A recurrent layer of the pixels of an image, row by row, and a linear layer of what ``of`` makes of its results."""

    def __init__(self, layer: nn.Module, width: int, of: str = "mean") -> None:
        super().__init__()
        self.stem, self.layer, self.head, self.of = nn.Conv2d(3, 8, 4, 4), layer, nn.Linear(width, 10), of

    def forward(self, x: Tensor) -> Tensor:
        out, state = self.layer(self.stem(x).flatten(2).transpose(1, 2))
        h = state[0] if isinstance(self.layer, nn.LSTM) else state
        if self.of == "mean":
            return self.head(out.mean(1))
        if self.of == "last":
            return self.head(h[-1])
        if self.of == "first":
            return self.head(h[0])
        if self.of == "squeezed":
            return self.head(h.squeeze(0))
        if self.of == "both":
            return self.head(torch.cat((h[-2], h[-1]), 1))
        return self.head(state[1][-1])  # the cell


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("of", ["last", "squeezed"])
def test_the_last_state_is_the_result_at_the_last_token(kind: type[nn.RNNBase], of: str) -> None:
    done = spec_of(Read(kind(8, 12, batch_first=True), 12, of).eval(), SHAPE, "Read")
    assert f"{kind.__name__.lower()}(12) take(-1) linear(classes)" in done.text
    assert done.report.difference <= 1e-5


def test_the_last_states_of_both_directions() -> None:
    layer = nn.LSTM(8, 12, num_layers=2, bidirectional=True, batch_first=True)
    done = spec_of(Read(layer, 24, "both").eval(), SHAPE, "Read")
    assert "lstm(12, layers=2, both" in done.text
    assert done.report.difference <= 1e-5


@pytest.mark.parametrize(("of", "layers"), [("cell", 1), ("first", 2)])
def test_other_states_are_refused_by_name(of: str, layers: int) -> None:
    net = Read(nn.LSTM(8, 12, num_layers=layers, batch_first=True), 12, of).eval()
    with pytest.raises(Refused, match="last states of a recurrent layer, other than"):
        spec_of(net, SHAPE, "Read")


def test_a_plain_recurrent_layer_has_its_word() -> None:
    done = spec_of(Read(nn.RNN(8, 12, nonlinearity="relu", batch_first=True), 12).eval(), SHAPE, "Read")
    assert "rnn(12, act=relu) gap" in done.text
    assert done.report.difference <= 1e-5


def test_dropout_between_layers_of_which_there_is_one_is_nothing() -> None:
    with pytest.warns(UserWarning, match="dropout"):
        layer = nn.LSTM(8, 12, dropout=0.4, batch_first=True)
    done = spec_of(Read(layer, 12).eval(), SHAPE, "Read")
    assert "lstm(12) gap" in done.text


def test_projected_states_are_refused_by_name() -> None:
    with pytest.raises(Refused, match="proj_size"):
        spec_of(Read(nn.LSTM(8, 12, proj_size=6, batch_first=True), 6).eval(), SHAPE, "Read")


class Pooled(Head):
    """Max pooling along tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool1d(3, 2, ceil_mode=True)

    def block(self, x: Tensor) -> Tensor:
        x = self.pool(x.reshape(-1, 64, 24).transpose(1, 2))
        x = nn.functional.max_pool1d(x, 2).transpose(1, 2)
        return x.reshape(-1, 4, 4, 24)


def test_max_pooling_along_tokens() -> None:
    done = spec_of(Pooled().eval(), SHAPE, "Pooled")
    assert "maxpool1(3, s=2, ceil) maxpool1" in done.text
    assert done.report.difference <= 1e-5


class First(nn.Module):
    """Layers of torch that take tokens before the batch, as they do by default."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.stem, self.layer, self.head = nn.Conv2d(3, 8, 4, 4), layer, nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).permute(2, 0, 1)
        if isinstance(self.layer, nn.MultiheadAttention):
            return self.head(self.layer(x, x, x)[0].mean(0))
        out = self.layer(x)
        return self.head((out[0] if isinstance(self.layer, nn.LSTM) else out).mean(0))


@pytest.mark.parametrize(
    ("layer", "word"),
    [
        (nn.LSTM(8, 8), "lstm(8)"),
        (nn.MultiheadAttention(8, 2, dropout=0.3), "attention(2, drop=0.3)"),
        (
            nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2), 2, enable_nested_tensor=False),
            "attention(2, drop=0.2) drop(0.2)",
        ),
    ],
)
def test_tokens_before_the_batch(layer: nn.Module, word: str) -> None:
    done = spec_of(First(layer).eval(), SHAPE, "First")
    assert word in done.text
    assert done.report.difference <= 1e-5
    assert done.report.notes == ()


def test_tokens_in_the_place_of_the_batch_are_refused() -> None:
    with pytest.raises(Refused, match="mixes the batch"):
        spec_of(Read(nn.LSTM(8, 12), 12).eval(), SHAPE, "Read")


@pytest.mark.parametrize("first", [False, True])
def test_a_layer_of_a_transformer_is_what_it_is_made_of(first: bool) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True, norm_first=first)

    class Encoded(Read):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.layer(self.stem(x).flatten(2).transpose(1, 2)).mean(1))

    done = spec_of(Encoded(layer, 8).eval(), SHAPE, "Encoded")
    assert "linear(16) gelu drop(0.1) linear(8) drop(0.1)" in done.text
    assert done.report.difference <= 1e-5
    assert done.report.notes == ()
