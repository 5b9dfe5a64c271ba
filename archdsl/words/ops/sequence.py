"""Layers for sequences: from ids to tokens, and what walks along tokens."""

from __future__ import annotations

from typing import Any, Literal

from archdsl.ir.layer import GLOBAL, Layer, Misfit, words
from archdsl.registry import op
from archdsl.registry.shapes import Ids
from archdsl.registry.types import Channels, Count, Natural, Rate, Shape
from archdsl.words.ops.tokens import tokens_of

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}  # matrices of a step, each for what arrives and for the state


@op(
    "embed(32) gap linear(10)",
    "embed(32, padding=0) pos attention(4, causal) take(-1) linear(10)",
    paper="Bengio et al. 2003, A neural probabilistic language model",
    traits="weighted ids",
)
def embed(x: Shape, out: Channels, padding: Natural | None = None) -> Layer:
    """A learnt vector of `out` numbers for each id of `input 128 ids(256)`: tokens of that width.

    The vector of the id `padding` begins as zeros and is not trained. It takes no multiplications.
    """
    if not isinstance(x, Ids):
        raise Misfit(
            f"`embed` takes ids, and here arrives {words(x)}", "A301", "write `input 128 ids(256)`: 128 ids below 256"
        )
    if padding is not None and padding >= x.vocabulary:
        raise Misfit(f"`padding={padding}` is no id below {x.vocabulary}", "A303", "choose a smaller one")
    settings = {} if padding is None else {"padding_idx": padding}
    return Layer(
        out=(x.length, out),
        weights={"weight": (x.vocabulary, out)},
        module=lambda nn: nn.Embedding(x.vocabulary, out, **settings),
    )


def _recurrent(x: Shape, kind: str, out: int, layers: int, both: bool, drop: float, bias: bool, **more: Any) -> Layer:
    """The layer of every recurrent word: weights under torch's names, layer by layer."""
    n, width = tokens_of(x, kind.lower())
    if drop and layers == 1:
        raise Misfit(
            f"`drop` of `{kind.lower()}` is dropout between its layers, and there is one",
            help="write `drop(…)` behind it, or `layers=2`",
        )
    rows, directions = GATES[kind] * out, ("", "_reverse") if both else ("",)
    weights: dict[str, Shape] = {}
    products, arriving = 0, width
    for layer in range(layers):
        for direction in directions:
            place = f"l{layer}{direction}"
            weights |= {f"weight_ih_{place}": (rows, arriving), f"weight_hh_{place}": (rows, out)}
            weights |= {f"bias_ih_{place}": (rows,), f"bias_hh_{place}": (rows,)} if bias else {}
            products += rows * (arriving + out)
        arriving = out * len(directions)
    settings: dict[str, Any] = {"batch_first": True} | more
    settings |= {"num_layers": layers} if layers > 1 else {}
    settings |= {"dropout": drop} if drop else {}
    settings |= {"bidirectional": True} if both else {}
    settings |= {} if bias else {"bias": False}
    return Layer(
        out=(n, arriving),
        module=lambda nn: getattr(nn, kind)(width, out, **settings),
        weights=weights,
        macs=n * products,
        window=GLOBAL,
        depth=layers,
    )


@op(
    "embed(32) gru(64) take(-1) linear(10)",
    "patch(8, 32) tokens gru(16, layers=2, both, drop=0.1) gap linear(10)",
    paper="Cho et al. 2014, Learning phrase representations using RNN encoder-decoder, arXiv:1406.1078",
    traits="weighted",
)
def gru(x: Shape, out: Channels, layers: Count = 1, both: bool = False, drop: Rate = 0.0, bias: bool = True) -> Layer:
    """Gated recurrent units along tokens: the state of `out` numbers at each token, made of the token and the state before it.

    With `both`, a second one goes from the end to the beginning, and a token gets 2·`out` numbers; without, no token knows those
    behind it. `layers` are stacked, with dropout of rate `drop` between them. Weights and equations are those of `torch.nn.GRU`.
    """
    return _recurrent(x, "GRU", out, layers, both, drop, bias)


@op(
    "embed(32) lstm(64) take(-1) linear(10)",
    "patch(8, 32) tokens lstm(16, layers=2, both, drop=0.1) gap linear(10)",
    paper="Hochreiter & Schmidhuber 1997, Long short-term memory",
    traits="weighted",
)
def lstm(x: Shape, out: Channels, layers: Count = 1, both: bool = False, drop: Rate = 0.0, bias: bool = True) -> Layer:
    """Long short-term memory along tokens: the state of `out` numbers at each token, made of the token, the state before it and a
    cell that gates keep.

    With `both`, a second one goes from the end to the beginning, and a token gets 2·`out` numbers; without, no token knows those
    behind it. `layers` are stacked, with dropout of rate `drop` between them. Weights and equations are those of `torch.nn.LSTM`.
    """
    return _recurrent(x, "LSTM", out, layers, both, drop, bias)


@op(
    "embed(32) rnn(64) take(-1) linear(10)",
    "patch(8, 32) tokens rnn(16, relu, layers=2, both) gap linear(10)",
    paper="Elman 1990, Finding structure in time",
    traits="weighted",
)
def rnn(
    x: Shape,
    out: Channels,
    act: Literal["tanh", "relu"] = "tanh",
    layers: Count = 1,
    both: bool = False,
    drop: Rate = 0.0,
    bias: bool = True,
) -> Layer:
    """A plain recurrent layer along tokens: `out` numbers at each token, `act` of a linear layer of the token and of the numbers
    before it.

    With `both`, a second one goes from the end to the beginning, and a token gets 2·`out` numbers; without, no token knows those
    behind it. `layers` are stacked, with dropout of rate `drop` between them. Weights and equations are those of `torch.nn.RNN`.
    """
    return _recurrent(x, "RNN", out, layers, both, drop, bias, **({} if act == "tanh" else {"nonlinearity": str(act)}))
