"""Layers for sequences: from ids to tokens, and what works along tokens."""

from __future__ import annotations

from typing import Any, Literal

from archdsl.ir.layer import GLOBAL, Along, Layer, Misfit, words
from archdsl.ir.window import PERIOD, SELF, Axis, Sight
from archdsl.registry import op
from archdsl.registry.shapes import Ids
from archdsl.registry.types import Channels, Count, Natural, Positive, Rate, Shape
from archdsl.words.ops.shapes import extent
from archdsl.words.ops.tokens import tokens_of

Course = Literal["tokens", "rows", "columns"]
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}  # matrices of a step, each for what arrives and for the state


@op(
    "embed(32) gap linear(10)",
    "embed(32, padding=0) pos attention(4, causal) take(-1) linear(10)",
    "e: embed(32, std=0.02) gru(32) ln again(e) take(-1) linear(10)",
    paper="Bengio et al. 2003, A neural probabilistic language model",
    traits="weighted ids table",
)
def embed(x: Shape, out: Channels, padding: Natural | None = None, std: Positive = 1.0) -> Layer:
    """A learnt vector of `out` numbers for each id of `input 128 ids(256)`: tokens of that width.

    They begin as normally distributed numbers of standard deviation `std`; the vector of the id `padding` begins as zeros and is
    not trained. It takes no multiplications. `again` of its label, where tokens of that width arrive, multiplies them by each
    vector: an output layer that shares its weights (Press & Wolf 2016, arXiv:1608.05859), `e: embed(64) … again(e)`.
    """
    if not isinstance(x, Ids):
        help = (
            "leave it out: tokens have numbers already"
            if len(x) == 2
            else "write `input 128 ids(256)`: 128 ids below 256"
        )
        raise Misfit(f"`embed` takes ids, and here arrives {words(x)}", "A301", help)
    if padding is not None and padding >= x.vocabulary:
        raise Misfit(f"`padding={padding}` is not an id below {x.vocabulary}", "A303", "choose a smaller one")
    settings: dict[str, Any] = {} if padding is None else {"padding_idx": padding}
    settings |= {} if std == 1 else {"std": std}
    return Layer(
        out=(x.length, out),
        weights={"weight": (x.vocabulary, out)},
        module=lambda nn: nn.Embedding(x.vocabulary, out, **settings),
    )


def _recurrent(
    x: Shape, kind: str, out: int, layers: int, both: bool, drop: float, bias: bool, along: str = "tokens", **more: Any
) -> Layer:
    """The layer of every recurrent word: weights under torch's names, layer by layer."""
    if len(x) == 3 and along != "tokens":
        spots, width = x[1] * x[2], x[0]
    elif along == "tokens":
        spots, width = tokens_of(x, kind.lower())
    else:
        help = "leave `along` out, or write `untokens` before it"
        raise Misfit(f"`along={along}` takes an image, and here arrives {words(x)}", "A301", help)
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
    name = {"rows": f"Row{kind}", "columns": f"Column{kind}"}.get(along, kind)
    return Layer(
        out=(spots, arriving) if along == "tokens" else (arriving, *x[1:]),
        module=lambda nn: getattr(nn, name)(width, out, **settings),
        weights=weights,
        macs=spots * products,
        window=GLOBAL if along == "tokens" else _line(x, along),
        depth=layers,
    )


def _line(x: Shape, along: str) -> Sight:
    """Each pixel sees the row, or the column, that it is in."""
    size = x[2] if along == "rows" else x[1]
    whole = Axis(size, ((0, size - 1),) * min(size, PERIOD + 1))
    return Sight((SELF, whole) if along == "rows" else (whole, SELF))


@op(
    "embed(32) gru(64) take(-1) linear(10)",
    "patch(8, 32) tokens gru(16, layers=2, both, drop=0.1) gap linear(10)",
    "patch(8, 32) gru(16, along=rows) gru(16, along=columns)",
    paper="Cho et al. 2014, Learning phrase representations using RNN encoder-decoder, arXiv:1406.1078",
    traits="weighted along",
)
def gru(
    x: Shape,
    out: Channels,
    layers: Count = 1,
    both: bool = False,
    drop: Rate = 0.0,
    bias: bool = True,
    along: Course = "tokens",
) -> Layer:
    """Gated recurrent units along tokens: the state of `out` numbers at each token, made of the token and the state before it.

    With `both`, a second one goes from the end to the beginning, and a token gets 2·`out` numbers; without, no token knows those
    behind it. `layers` are stacked, with dropout of rate `drop` between them. Weights and equations are those of `torch.nn.GRU`.
    Of an image, `along=rows` goes along each row by itself, with the same weights, and `along=columns` along each column.
    """
    return _recurrent(x, "GRU", out, layers, both, drop, bias, along)


@op(
    "embed(32) lstm(64) take(-1) linear(10)",
    "patch(8, 32) tokens lstm(16, layers=2, both, drop=0.1) gap linear(10)",
    "patch(8, 32) cat(lstm(8, both, along=columns) | lstm(8, both, along=rows)) conv(32, 1)",
    paper="Hochreiter & Schmidhuber 1997, Long short-term memory; along rows Tatsunami & Taki 2022, Sequencer, arXiv:2205.01972",
    traits="weighted along",
)
def lstm(
    x: Shape,
    out: Channels,
    layers: Count = 1,
    both: bool = False,
    drop: Rate = 0.0,
    bias: bool = True,
    along: Course = "tokens",
) -> Layer:
    """Long short-term memory along tokens: the state of `out` numbers at each token, made of the token, the state before it and a
    cell that gates keep.

    With `both`, a second one goes from the end to the beginning, and a token gets 2·`out` numbers; without, no token knows those
    behind it. `layers` are stacked, with dropout of rate `drop` between them. Weights and equations are those of `torch.nn.LSTM`.
    Of an image, `along=rows` goes along each row by itself, with the same weights, and `along=columns` along each column.
    """
    return _recurrent(x, "LSTM", out, layers, both, drop, bias, along)


@op(
    "embed(32) rnn(64) take(-1) linear(10)",
    "patch(8, 32) tokens rnn(16, relu, layers=2, both) gap linear(10)",
    paper="Elman 1990, Finding structure in time",
    traits="weighted along",
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


def _slide(n: int, word: str, k: int, s: int, p: int, dilation: int = 1, ceil: bool = False) -> int:
    """The number of tokens after a window.

    Raises:
        Misfit: the window is larger than the padded sequence.
    """
    length = extent(n, k, s, p, dilation, ceil)
    if length < 1:
        raise Misfit(
            f"`{word}` with a window of {(k - 1) * dilation + 1} does not fit {n} tokens",
            help="the sequence has been pooled away: take out a pooling, or start from a longer one",
        )
    return length


@op(
    "embed(32) conv1(64, 5) relu gmp linear(10)",
    "embed(32) conv1(32, 5, ws=norm) relu conv1(64, 3, causal, ws=norm) gmp linear(10)",
    "embed(32) conv1(64, 3, dilation=2, causal) relu conv1(64, 3, s=2, groups=4) take(-1) linear(10)",
    paper="Waibel et al. 1989, Phoneme recognition using time-delay neural networks; causal: van den Oord et al. 2016, "
    "arXiv:1609.03499",
    traits="weighted along",
)
def conv1(
    x: Shape,
    out: Channels,
    k: Count = 3,
    s: Count = 1,
    p: Natural | None = None,
    dilation: Count = 1,
    groups: Count = 1,
    causal: bool = False,
    bias: bool | None = None,
    ws: Literal["none", "norm"] = "none",
) -> Layer:
    """Convolution along tokens, to tokens of width `out`: a window of `k` tokens, stride `s`, padding `p`, dilation and groups.

    Without `p`, the padding keeps the number of tokens at stride 1 where `k` is odd; an even `k` leaves one token less unless
    `dilation` is even. With `causal` all of the padding is before the first token, so that none knows those behind it, and every
    `k` keeps the number. Weights are those of `torch.nn.Conv1d`; `ws=norm` is as for `conv`.
    """
    n, width = tokens_of(x, "conv1")
    if width % groups or out % groups:
        raise Misfit(
            f"{groups} groups do not divide the width of {width} that arrives and the {out} that leaves",
            "A303",
            "choose a number of groups that divides both",
        )
    if causal and p is not None:
        raise Misfit("`causal` sets the padding of `conv1`, and `p` does too", help="leave one of them out")
    span = (k - 1) * dilation
    pad = span // 2 if p is None else p
    length = (n - 1) // s + 1 if causal else _slide(n, "conv1", k, s, pad, dilation)
    first = span if causal else pad
    settings: dict[str, Any] = {"stride": s} if s != 1 else {}
    settings |= {"padding": pad} if pad and not causal else {}
    settings |= {"dilation": dilation} if dilation != 1 else {}
    settings |= {"groups": groups} if groups != 1 else {}
    settings |= {"bias": False} if bias is False else {}
    weights: dict[str, Shape] = {"weight": (out, width // groups, k)} | ({} if bias is False else {"bias": (out,)})
    weights |= {"gain": (out, 1, 1)} if ws == "norm" else {}
    name = f"{'Normed' if ws == 'norm' else ''}{'Causal' if causal else 'Token'}Conv1d"
    return Layer(
        out=(length, out),
        module=lambda nn: getattr(nn, name)(width, out, k, **settings),
        weights=weights,
        macs=length * out * (width // groups) * k,
        window=Along(Axis(s, ((-first, span - first),)), GLOBAL),
    )


def _pool(x: Shape, word: str, k: int, s: int | None, p: int, ceil: bool, **settings: Any) -> Layer:
    n, width = tokens_of(x, word)
    stride = k if s is None else s
    if p * 2 > k:
        raise Misfit(
            f"`{word}` pads by {p}, more than half of its window {k}", help="pad by at most half of the window"
        )
    length = _slide(n, word, k, stride, p, ceil=ceil)
    settings |= {"stride": stride} if stride != k else {}
    settings |= {"padding": p} if p else {}
    settings |= {"ceil_mode": True} if ceil else {}
    return Layer(
        out=(length, width),
        module=lambda nn: (nn.TokenMaxPool1d if word == "maxpool1" else nn.TokenAvgPool1d)(k, **settings),
        window=Along(Axis(stride, ((-p, k - 1 - p),)), GLOBAL),
    )


@op(
    "embed(32) conv1(64) relu maxpool1(2) gap linear(10)",
    "embed(32) maxpool1(3, s=2, p=1, ceil) gap linear(10)",
    traits="pool along",
)
def maxpool1(x: Shape, k: Count = 2, s: Count | None = None, p: Natural = 0, ceil: bool = False) -> Layer:
    """Max pooling along tokens over windows of `k`, stride `s` (by default `k`); `ceil` keeps a last, partial window."""
    return _pool(x, "maxpool1", k, s, p, ceil)


@op(
    "embed(32) conv1(64) relu avgpool1(2) gap linear(10)",
    "embed(32) avgpool1(3, s=2, p=1, inside) gap linear(10)",
    traits="pool along",
)
def avgpool1(
    x: Shape, k: Count = 2, s: Count | None = None, p: Natural = 0, ceil: bool = False, inside: bool = False
) -> Layer:
    """Average pooling along tokens; with `inside` the padding does not count."""
    return _pool(x, "avgpool1", k, s, p, ceil, **({"count_include_pad": False} if inside else {}))
