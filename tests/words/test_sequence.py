"""Sequences: what each token knows and what a net costs, against gradients, cells written by hand and torch's own modules."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from archdsl.api import load
from archdsl.emit import layers
from archdsl.emit.build import build
from archdsl.emit.inputs import random_inputs, zero_inputs
from archdsl.errors import ArchError, SpecError
from archdsl.expand import complete, expand
from archdsl.ir.cost import Cost, cost
from archdsl.ir.trace import Trace
from archdsl.registry.shapes import Ids, batch_of, dims
from archdsl.syntax.parse import parse

LENGTH, VOCABULARY = 20, 11
IDS = Ids(LENGTH, VOCABULARY)
RECURRENT = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


def trace_of(text: str, input: tuple[int, ...] = IDS) -> Trace:
    return complete(expand(parse(f"task features\nnet {text}")), input, 7).trace


def cost_of(text: str) -> Cost:
    return cost(trace_of(text))


def knows(text: str) -> torch.Tensor:
    """Whether a token of the result depends on one of the input: (tokens of the result, LENGTH)."""
    trace = trace_of(text)
    torch.manual_seed(0)
    model = build(trace).double().eval()
    for p in model.parameters():
        nn.init.normal_(p)
    seen: list[torch.Tensor] = []

    def keep(module: nn.Module, given: object, made: torch.Tensor) -> torch.Tensor:
        seen.append(made.detach().requires_grad_())
        return seen[0]

    model.get_submodule("embed").register_forward_hook(keep)
    made = model(random_inputs(batch_of(IDS, 3)))
    assert made.ndim == 3, "ends in tokens"
    rows = [torch.autograd.grad(made[:, t].square().sum(), seen[0], retain_graph=True)[0] for t in range(made.shape[1])]
    return torch.stack([row.abs().amax((0, 2)) for row in rows]) > 0


REACH = [
    "linear(4)",
    "pos ln linear(4) gelu",
    "conv1(4)",
    "conv1(4, 5, p=0)",
    "conv1(4, 3, s=2) conv1(4, 3, dilation=2)",
    "conv1(4, 3, causal)",
    "conv1(4, 3, causal) conv1(4, 3, dilation=2, causal) conv1(4, 3, dilation=4, causal)",
    "conv1(4, 3, s=3, causal) conv1(4, 2, causal)",
    "conv1(4) avgpool1(2) conv1(4)",
    "avgpool1(3, s=2, p=1) avgpool1(2)",
    "conv1(4, 4, p=2, groups=2)",
    "res(conv1(4))",
    "add(conv1(4, causal) | id)",
    "add(take(0, 19) | take(1, 20))",
    "cat(conv1(4) | id, channels)",
    "shared(conv1(4), 3)",
    "f: conv1(4) again(f)",
    "conv1(4, 30, causal)",
    "gru(4)",
    "lstm(4, layers=2)",
    "rnn(4, both)",
    "gru(4, both) linear(4)",
    "attention(2)",
    "attention(2, causal)",
    "transpose linear(20) transpose",
]


@pytest.mark.parametrize("text", REACH)
def test_the_receptive_field_is_how_far_gradients_reach(text: str) -> None:
    known = knows(f"embed(4) {text}")
    spans = [int(row.nonzero().max() - row.nonzero().min()) + 1 for row in known]
    field, stride = cost_of(f"embed(4) {text}").field, cost_of(f"embed(4) {text}").stride
    assert field == (max(spans),)
    if stride is None:
        assert field == (LENGTH,)
    elif len(known) < LENGTH:
        middle = len(known) // 2
        first, second = (int(known[t].nonzero().float().mean() * 2) for t in (middle, middle + 1))
        assert (second - first) == 2 * stride[0]


@pytest.mark.parametrize(
    "text",
    [
        "gru(4)",
        "lstm(4, layers=2)",
        "rnn(4, relu)",
        "attention(2, causal)",
        "conv1(4, causal)",
        "conv1(4, 3, dilation=2, causal) res(ln attention(2, causal, rotary)) gru(4)",
    ],
)
def test_what_is_causal_knows_no_later_token(text: str) -> None:
    assert not knows(f"embed(4) {text}").triu(1).any()


@pytest.mark.parametrize("text", ["gru(4, both)", "lstm(4, both, layers=2)", "rnn(4, both)", "attention(2)"])
def test_what_goes_both_ways_knows_all(text: str) -> None:
    assert knows(f"embed(4) {text}").all()


@pytest.mark.parametrize("word", RECURRENT)
@pytest.mark.parametrize("more", ["", ", layers=2, both, drop=0.1", ", both", ", layers=3, bias=false"])
def test_recurrent_layers_are_torchs(word: str, more: str) -> None:
    trace = trace_of(f"{word}(5{more})", (LENGTH, 3))
    model = build(trace).eval()
    options = {"num_layers": 3 if "3" in more else 2 if "2" in more else 1, "bidirectional": "both" in more}
    torchs = RECURRENT[word](3, 5, batch_first=True, bias="bias" not in more, **options)
    torchs.load_state_dict({name.removeprefix(f"{word}."): value for name, value in model.state_dict().items()})
    x = torch.randn(2, LENGTH, 3)
    torch.testing.assert_close(model(x), torchs(x)[0])
    assert cost(trace).depth == options["num_layers"]


def test_dropout_is_between_recurrent_layers() -> None:
    model = build(trace_of("gru(5, layers=2, drop=0.5)", (LENGTH, 3)))
    x = torch.randn(2, LENGTH, 3)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def step(
    word: str, cell: nn.RNNCellBase, x: torch.Tensor, state: torch.Tensor, memory: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """A step of a recurrent layer by its equations: the new state, and the memory of an LSTM."""
    a = x @ cell.weight_ih.T + cell.bias_ih
    b = state @ cell.weight_hh.T + cell.bias_hh
    if word == "rnn":
        return torch.tanh(a + b), memory
    if word == "lstm":
        i, f, g, o = (a + b).chunk(4, 1)
        memory = f.sigmoid() * memory + i.sigmoid() * g.tanh()
        return o.sigmoid() * memory.tanh(), memory
    (r, z, n), (br, bz, bn) = a.chunk(3, 1), b.chunk(3, 1)
    update = (z + bz).sigmoid()
    return (1 - update) * torch.tanh(n + (r + br).sigmoid() * bn) + update * state, memory


@pytest.mark.parametrize("word", RECURRENT)
def test_recurrent_layers_and_their_macs_are_those_of_the_net_written_out(word: str) -> None:
    trace = trace_of(f"{word}(5)", (LENGTH, 3))
    model = build(trace)
    cell = {"gru": nn.GRUCell, "lstm": nn.LSTMCell, "rnn": nn.RNNCell}[word](3, 5)
    cell.load_state_dict({n.removeprefix(f"{word}.")[:-3]: v for n, v in model.state_dict().items()})
    x = torch.randn(2, LENGTH, 3)
    state = memory = torch.zeros(2, 5)
    states, macs = [], 0
    for t in range(LENGTH):
        state, memory = step(word, cell, x[:, t], state, memory)
        states.append(state)
        macs += cell.weight_ih.numel() + cell.weight_hh.numel()
    torch.testing.assert_close(model(x), torch.stack(states, 1))
    assert cost(trace).macs == macs


def test_memory_is_that_of_all_results() -> None:
    found = cost_of("embed(4) gru(6, both) conv1(5, s=2) lstm(3) take(-1)")
    sizes = [LENGTH * 4, LENGTH * 12, LENGTH // 2 * 5, LENGTH // 2 * 3, 3]
    assert (found.activations, found.kept, found.layers) == (sum(sizes), sum(sizes), 5)
    assert found.peak == LENGTH * (4 + 12)
    assert found.depth == 4


def test_convolution_and_pooling_are_torchs() -> None:
    x = torch.randn(2, LENGTH, 4)
    for ours, theirs in (
        ("conv1(6, 5, s=2, p=1, dilation=2, groups=2)", nn.Conv1d(4, 6, 5, 2, 1, 2, 2)),
        ("maxpool1(3, s=2, p=1, ceil)", nn.MaxPool1d(3, 2, 1, ceil_mode=True)),
        ("avgpool1(3, s=2, p=1)", nn.AvgPool1d(3, 2, 1)),
        ("avgpool1(3, s=2, p=1, inside)", nn.AvgPool1d(3, 2, 1, count_include_pad=False)),
    ):
        model = build(trace_of(ours, (LENGTH, 4)))
        theirs.load_state_dict({name.partition(".")[2]: value for name, value in model.state_dict().items()})
        torch.testing.assert_close(model(x), theirs(x.transpose(1, 2)).transpose(1, 2))
    causal = layers.CausalConv1d(4, 6, 3, dilation=2, stride=2)
    padded = functional.pad(x.transpose(1, 2), (4, 0))
    expected = functional.conv1d(padded, causal.weight, causal.bias, 2, 0, 2).transpose(1, 2)
    torch.testing.assert_close(causal(x), expected)
    torch.testing.assert_close(build(trace_of("gmp", (LENGTH, 4)))(x), x.amax(1))


def test_an_embedding_is_a_table() -> None:
    model = build(trace_of("embed(4, padding=3)"))
    ids = random_inputs(batch_of(IDS, 5))
    table = model.get_parameter("embed.weight")
    assert table.shape == (VOCABULARY, 4)
    assert not table[3].any()
    assert torch.equal(model(ids), table[ids])
    model(zero_inputs(batch_of(IDS, 2))).sum().backward()
    assert table.grad is not None
    assert table.grad.any(1).nonzero().flatten().tolist() == [0]


def test_an_output_layer_shares_the_table() -> None:
    trace = trace_of("e: embed(4, std=0.5) gru(6) linear(4) again(e)")
    model = build(trace)
    assert trace.out == (LENGTH, VOCABULARY)
    assert [n for n in model.state_dict() if n.startswith("e")] == ["e.weight"]
    ids = random_inputs(batch_of(IDS, 2))
    table = model.get_parameter("e.weight")
    torch.testing.assert_close(model(ids), model.linear(model.gru(table[ids])) @ table.T)
    torch.manual_seed(0)
    assert layers.Embedding(1000, 50, 0.02).weight.std().item() == pytest.approx(0.02, rel=0.02)
    apart = cost_of("embed(4) gru(6) linear(4) linear(11, bias=false)")
    found = cost(trace)
    assert (found.params, found.macs, found.depth) == (apart.params - 44, apart.macs, apart.depth)
    assert found.activations == apart.activations
    for text in ("e: embed(4) linear(3) again(e)", "e: embed(4) flatten again(e)"):
        with pytest.raises(SpecError, match="A302"):
            trace_of(text)
    assert trace_of("e: embed(4) gap again(e)").out == (VOCABULARY,)


TRANSFORMER = "embed(8) pos (res(ln attention(4, causal)) res(ln linear(32) gelu linear(8)))*2 ln linear(classes, each)"


def test_a_causal_transformer_predicts_at_each_token() -> None:
    spec = load(f"input 16 ids(30)\nclasses 30\ntask tokens\nnet {TRANSFORMER}")
    assert spec.trace.out == (16, 30)
    assert spec.cost.field == (16,)
    model = build(spec.trace).eval()
    x = random_inputs(batch_of(spec.input, 2))
    before = model(x)
    x[:, 10:] = (x[:, 10:] + 1) % 30
    after = model(x)
    torch.testing.assert_close(before[:, :10], after[:, :10])
    assert not torch.allclose(before[:, 10:], after[:, 10:])
    weights = 30 * 8 + 16 * 8 + 2 * (2 * 16 + 4 * (64 + 8) + 8 * 32 + 32 + 32 * 8 + 8) + 16 + 8 * 30 + 30
    assert spec.cost.params == weights


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("conv(8)", "A301", "`conv` takes numbers, and here arrive 20 ids below 11"),
        ("linear(8)", "A301", "write `embed"),
        ("add(id | id)", "A301", "`add` takes numbers"),
        ("embed(4) embed(4)", "A301", "`embed` takes ids, and here arrives 20 tokens of 4"),
        ("embed(4, padding=11)", "A303", "below 11"),
        ("id as x e: embed(4) gap stack(@x | id)", "A301", "`stack` takes numbers"),
        ("embed(4) gru(4, drop=0.1)", "A302", "between its layers"),
        ("embed(4) gap gru(4)", "A301", "takes tokens"),
        ("embed(4) conv1(4, p=1, causal)", "A302", "padding"),
        ("embed(4) conv1(4, groups=3)", "A303", "groups"),
        ("embed(4) conv1(4, 21, p=0)", "A302", "does not fit 20 tokens"),
        ("embed(4) maxpool1(3, p=2)", "A302", "half of its window"),
        ("embed(4) gap gmp", "A301", "vector"),
        ("embed(4) gap linear(4, each)", "A301", "each"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, code: str, message: str) -> None:
    with pytest.raises(SpecError, match=code) as error:
        trace_of(text)
    assert message in str(error.value)


@pytest.mark.parametrize("given", ["128 ids(256)", Ids(128, 256)])
def test_an_input_of_ids_is_given_in_several_ways(given: object) -> None:
    spec = load("embed(4) gap linear(3)", input=given, classes=3)
    assert spec.input == Ids(128, 256) != (128,)
    assert spec.canonical.startswith("input 128 ids(256)\n")
    assert load(spec.canonical).hash == spec.hash
    assert load("embed(4) gap linear(3)", input="128 ids(257)", classes=3).hash != spec.hash
    assert dims(spec.input) == "128 ids(256)"


@pytest.mark.parametrize("text", ["ids", "ids(5)", "12 ids", "12 ids(2, 3)", "0 ids(5)", "2x3 ids(4)", "12 ids(x)"])
def test_what_is_no_input_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"A208|A201"):
        load("embed(4) gap linear(3)", input=text, classes=3)


def test_several_numbers_are_no_input() -> None:
    with pytest.raises(ArchError, match="has more than one value"):
        load("embed(4) gap linear(3)", input="3 32 32", classes=3)
    with pytest.raises(SpecError, match="A208"):
        load("input 3 32 32\nembed(4) gap linear(3)")
